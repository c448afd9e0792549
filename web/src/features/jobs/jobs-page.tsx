//! All jobs, the active ones first, newest first, older ones on demand. Progress arrives through the cache.

import "@/lib/page-messages";
import { useEffect } from "react";
import { useQuery } from "urql";
import { useNow } from "@/components/clock";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { JobRowFragment } from "@/components/job-fragment";
import { JobRow } from "@/components/job-row";
import { Failed, Loading } from "@/components/states";
import { type WindowPlace, Windows } from "@/components/windowed";
import { useConnection } from "@/data/connection";
import { graphql, readFragment } from "@/data/graphql";
import { t } from "@/lib/messages";
import { isTerminal } from "@/lib/progress";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { JobsIcon } from "@/ui/icons";
import styles from "./jobs-page.module.css";

const Jobs = graphql(
  `
    query Jobs($first: Int!, $after: String, $filter: JobFilter) {
      jobs(first: $first, after: $after, filter: $filter) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes { id ...JobRow }
      }
    }
  `,
  [JobRowFragment],
);

const pageSize = 50;

export function Page() {
  usePageTitle(t("jobs.title"));
  const now = useNow();
  const { epoch } = useConnection();
  return (
    <div className={styles.page}>
      <PageHead title={t("jobs.title")} />
      <Windows>{(place) => <JobsWindow {...place} now={now} epoch={epoch} />}</Windows>
    </div>
  );
}

interface JobsWindowProps extends WindowPlace {
  readonly now: number;
  readonly epoch: number;
}

function JobsWindow({ after, now, epoch, onMore }: JobsWindowProps) {
  const [{ data, error }, refetch] = useQuery({
    query: Jobs,
    variables: { first: pageSize, ...(after === null ? {} : { after }) },
    requestPolicy: "cache-and-network",
  });
  // Live updates came back after a gap, in which jobs may have come and gone.
  useEffect(() => {
    if (epoch > 0) refetch({ requestPolicy: "network-only" });
  }, [epoch, refetch]);
  if (error && !data) return <Failed error={error} onRetry={() => refetch({ requestPolicy: "network-only" })} />;
  if (!data) return <Loading />;
  const { nodes, pageInfo } = data.jobs;
  if (nodes.length === 0) {
    return (
      <Empty title={t("jobs.none.title")} icon={<JobsIcon />}>
        <p>{t("jobs.none.text")}</p>
      </Empty>
    );
  }
  const isOver = (node: (typeof nodes)[number]) => isTerminal(readFragment(JobRowFragment, node).status);
  const active = nodes.filter((node) => !isOver(node));
  const finished = nodes.filter(isOver);
  const next = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  return (
    <>
      {(after === null || active.length > 0) && (
        <section className={styles.group} aria-label={t("jobs.active")}>
          <h2>{t("jobs.active")}</h2>
          {active.length === 0 && <p className={styles.idle}>{t("jobs.idle")}</p>}
          <ul className={styles.list}>
            {active.map((node) => (
              <JobRow key={node.id} job={node} now={now} />
            ))}
          </ul>
        </section>
      )}
      {finished.length > 0 && (
        <section className={styles.group} aria-label={t("jobs.finished")}>
          <h2>{t("jobs.finished")}</h2>
          <ul className={styles.list}>
            {finished.map((node) => (
              <JobRow key={node.id} job={node} now={now} />
            ))}
          </ul>
        </section>
      )}
      {onMore !== null && next !== null && <Button onClick={() => onMore(next)}>{t("jobs.older")}</Button>}
    </>
  );
}
