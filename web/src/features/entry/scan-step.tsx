//! The last step of the first run: how far the first scan is. Nobody has to wait for it.

import { useSubscription } from "urql";
import { useNow } from "@/components/clock";
import { JobRowFragment } from "@/components/job-fragment";
import { JobRow } from "@/components/job-row";
import { Loading } from "@/components/states";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { EntryCard } from "./entry-card";

const FirstScan = graphql(`subscription FirstScan($id: ID!) { jobProgress(id: $id) { id ...JobRow } }`, [JobRowFragment]);

interface ScanStepProps {
  readonly jobId: string;
  readonly onOpen: () => void;
}

export function ScanStep({ jobId, onOpen }: ScanStepProps) {
  const now = useNow();
  const [{ data }] = useSubscription({ query: FirstScan, variables: { id: jobId } });
  return (
    <EntryCard title={t("setup.title")} step={t("setup.step", { step: 3 })}>
      <p>{t("setup.scanning")}</p>
      {data ? (
        <ul>
          <JobRow job={data.jobProgress} now={now} />
        </ul>
      ) : (
        <Loading />
      )}
      {/* oxlint-disable-next-line jsx-a11y/no-autofocus -- it is all there is to do on this page */}
      <Button look="primary" autoFocus onClick={onOpen}>
        {t("setup.open")}
      </Button>
    </EntryCard>
  );
}
