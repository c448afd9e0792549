//! Live sources: what each does right now, what it has recorded, starting and stopping, adding and changing.

import "@/lib/page-messages";
import { useState } from "react";
import { useQuery } from "urql";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { WindowBody, type WindowPlace, Windows } from "@/components/windowed";
import { useIsAdmin } from "@/data/session";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { PlusIcon, VideoIcon } from "@/ui/icons";
import styles from "./capture-page.module.css";
import { CaptureSources } from "./documents";
import { SourceForm } from "./source-form";
import { SourceRow } from "./source-row";

const pageSize = 50;

export function Page() {
  usePageTitle(t("nav.capture"));
  const isAdmin = useIsAdmin();
  const [isAdding, setIsAdding] = useState(false);
  // A new source is on the last page, which is asked for anew.
  const [turn, setTurn] = useState(0);
  return (
    <>
      <PageHead title={t("nav.capture")}>
        {isAdmin && (
          <Button icon={<PlusIcon />} onClick={() => setIsAdding(true)}>
            {t("capture.new")}
          </Button>
        )}
      </PageHead>
      <Windows key={turn}>{(place) => <Sources {...place} />}</Windows>
      {isAdding && <SourceForm source={null} onChanged={() => setTurn(turn + 1)} onClose={() => setIsAdding(false)} />}
    </>
  );
}

function Sources(place: WindowPlace) {
  const { after } = place;
  const [{ data, error }, refetch] = useQuery({
    query: CaptureSources,
    variables: { first: pageSize, ...(after === null ? {} : { after }) },
    requestPolicy: "cache-and-network",
  });
  const again = () => refetch({ requestPolicy: "network-only" });
  return (
    <WindowBody {...place} data={data?.captureSources} error={error} onRetry={again} pageInfo={({ pageInfo }) => pageInfo}>
      {({ nodes }) =>
        nodes.length === 0 && after === null ? (
          <Empty title={t("capture.none.title")} icon={<VideoIcon />}>
            <p>{t("capture.none.text")}</p>
          </Empty>
        ) : (
          <ul className={styles.sources}>
            {nodes.map((source) => (
              <SourceRow key={source.id} source={source} onChanged={again} />
            ))}
          </ul>
        )
      }
    </WindowBody>
  );
}
