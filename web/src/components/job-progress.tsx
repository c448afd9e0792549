//! A job that somebody started here, as a bar where its result will stand.

import { useEffect } from "react";
import { useQuery } from "urql";
import { graphql } from "@/data/graphql";
import { quoted, t } from "@/lib/messages";
import { fractionOf, isTerminal } from "@/lib/progress";
import { ProgressBar } from "@/ui/progress-bar";
import { showToast } from "@/ui/toast";

const ProgressOfJob = graphql(`
  query ProgressOfJob($id: ID!) {
    node(id: $id) { __typename id ... on Job { status title progress { done total fraction } error { message } } }
  }
`);

interface JobProgressProps {
  readonly id: string;
  /** Called when the job ended, with how it did; what it made is asked for then. */
  readonly onOver: (status: string) => void;
}

/** The job's progress: the tray's subscription keeps it up to date in the cache. */
export function JobProgress({ id, onOver }: JobProgressProps) {
  const [{ data }] = useQuery({ query: ProgressOfJob, variables: { id } });
  const job = data?.node?.__typename === "Job" ? data.node : null;
  const status = job?.status;
  const reason = job?.error?.message;
  // What it made appears in a list, which is asked for again.
  useEffect(() => {
    if (status === undefined || !isTerminal(status)) return;
    if (status === "FAILED") showToast({ text: t("edit.failed", { reason: quoted(reason ?? "") }), tone: "bad" });
    onOver(status);
  }, [status, reason, onOver]);
  if (job === null) return null;
  return <ProgressBar label={t("jobs.progressOf", { title: quoted(job.title) })} fraction={fractionOf(job.progress)} />;
}
