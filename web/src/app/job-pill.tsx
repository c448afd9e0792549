//! The pill in the header: how many jobs are active, the first one's percent and time left, and all of them in its tray. It owns the subscription to
//! `jobChanges`, which keeps every job on every page up to date through the cache.

import "@/lib/page-messages";
import { useEffect, useId, useState } from "react";
import { useClient, useQuery } from "urql";
import { Link } from "wouter";
import { useNow } from "@/components/clock";
import { JobRowFragment } from "@/components/job-fragment";
import { JobRow } from "@/components/job-row";
import { useConnection } from "@/data/connection";
import { graphql, readFragment } from "@/data/graphql";
import { useIsVisible } from "@/data/visibility";
import { currentLocale, quoted, t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { etaText, fractionOf, isTerminal, percentText } from "@/lib/progress";
import { ProgressBar } from "@/ui/progress-bar";
import styles from "./job-pill.module.css";

const ActiveJobs = graphql(
  `
    query ActiveJobs($first: Int!, $filter: JobFilter) {
      jobs(first: $first, filter: $filter) { totalCount nodes { id ...JobRow } }
    }
  `,
  [JobRowFragment],
);

const JobChanges = graphql(`subscription JobChanges { jobChanges { id ...JobRow } }`, [JobRowFragment]);

const shownAtMost = 20;

export function JobPill() {
  const client = useClient();
  const isVisible = useIsVisible();
  const { epoch } = useConnection();
  const [{ data }, refetch] = useQuery({
    query: ActiveJobs,
    variables: { first: shownAtMost, filter: { status: { in: ["WAITING", "READY", "RUNNING", "PAUSED"] } } },
    requestPolicy: "cache-and-network",
  });

  // Events go into the cache; nobody needs to look at them here. They rest while the page is hidden.
  useEffect(() => {
    if (!isVisible) return;
    refetch({ requestPolicy: "network-only" });
    return client.subscription(JobChanges, {}).subscribe(() => {}).unsubscribe;
  }, [client, isVisible, epoch, refetch]);

  const id = useId();
  const now = useNow();
  // Rows cost a render for each event; a closed tray needs none.
  const [isOpen, setIsOpen] = useState(false);
  const active = (data?.jobs.nodes ?? [])
    .map((node) => ({ node, job: readFragment(JobRowFragment, node) }))
    .filter(({ job }) => !isTerminal(job.status));
  // A job's parts show as its own progress; what outlives its parent stands for itself.
  const ids = new Set(active.map(({ job }) => job.id));
  const jobs = active
    .filter(({ job }) => job.parent === null || !ids.has(job.parent.id))
    .toSorted((left, right) => Number(right.job.status === "RUNNING") - Number(left.job.status === "RUNNING"));
  const first = jobs[0]?.job;
  if (!first) return null;
  const locale = currentLocale();
  const title = quoted(first.title);
  const eta = etaText(first.progress, locale);
  return (
    <>
      <button type="button" className={styles.pill} title={title} popoverTarget={id} data-job-pill="">
        <span className={styles.words}>
          <span>{t("jobs.pill", { count: jobs.length })}</span>
          <span>{percentText(first.progress, locale)}</span>
          {eta !== "" && <span className={styles.eta}>{t("jobs.left", { time: eta })}</span>}
        </span>
        <ProgressBar label={t("jobs.progressOf", { title })} fraction={fractionOf(first.progress)} />
      </button>
      <div id={id} popover="auto" className={styles.tray} role="region" aria-label={t("jobs.active")} onToggle={(event) => setIsOpen(event.newState === "open")}>
        {isOpen && (
          <ul className={styles.list}>
            {/* More than were asked for come by events; all of them at once would take longer than a frame has. */}
            {jobs.slice(0, shownAtMost).map(({ node }) => (
              <JobRow key={node.id} job={node} now={now} />
            ))}
          </ul>
        )}
        <Link href={paths.jobs()} className={styles.all}>
          {t("jobs.all")}
        </Link>
      </div>
    </>
  );
}
