//! Live sources: what each does right now, what it has recorded, starting and stopping, adding and changing.

import "@/lib/page-messages";
import { useState } from "react";
import { useQuery } from "urql";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { Failed, Loading } from "@/components/states";
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
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null]);
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
      {cursors.map((after, index) => (
        <Sources key={`${turn} ${after}`} after={after} onMore={index === cursors.length - 1 ? (next) => setCursors([...cursors, next]) : null} />
      ))}
      {isAdding && <SourceForm source={null} onChanged={() => setTurn(turn + 1)} onClose={() => setIsAdding(false)} />}
    </>
  );
}

interface SourcesProps {
  readonly after: string | null;
  /** Given to the last window alone. */
  readonly onMore: ((cursor: string) => void) | null;
}

function Sources({ after, onMore }: SourcesProps) {
  const [{ data, error }, refetch] = useQuery({
    query: CaptureSources,
    variables: { first: pageSize, ...(after === null ? {} : { after }) },
    requestPolicy: "cache-and-network",
  });
  const again = () => refetch({ requestPolicy: "network-only" });
  if (error && !data) return <Failed error={error} onRetry={again} />;
  if (!data) return <Loading />;
  const { nodes, pageInfo } = data.captureSources;
  if (nodes.length === 0 && after === null) {
    return (
      <Empty title={t("capture.none.title")} icon={<VideoIcon />}>
        <p>{t("capture.none.text")}</p>
      </Empty>
    );
  }
  const next = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  return (
    <>
      <ul className={styles.sources}>
        {nodes.map((source) => (
          <SourceRow key={source.id} source={source} onChanged={again} />
        ))}
      </ul>
      {next !== null && onMore !== null && <Button onClick={() => onMore(next)}>{t("organize.more")}</Button>}
    </>
  );
}
