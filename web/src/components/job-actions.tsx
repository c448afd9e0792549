//! What a user may do with a job, as buttons beside it.

import { useState } from "react";
import { type CombinedError, useMutation } from "urql";
import { useCanEdit } from "@/data/session";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { actionsFor, type JobAction, type JobStatus } from "@/lib/progress";
import { Button } from "@/ui/button";
import { Notice } from "@/ui/notice";
import { problemText } from "./states";
import styles from "./job-actions.module.css";

const CancelJob = graphql(`mutation CancelJob($input: CancelJobInput!) { cancelJob(input: $input) { job { id status } } }`);
const PauseJob = graphql(`mutation PauseJob($input: PauseJobInput!) { pauseJob(input: $input) { job { id status } } }`);
const ResumeJob = graphql(`mutation ResumeJob($input: ResumeJobInput!) { resumeJob(input: $input) { job { id status } } }`);
const RetryJob = graphql(`mutation RetryJob($input: RetryJobInput!) { retryJob(input: $input) { job { id status } } }`);

interface JobActionsProps {
  readonly id: string;
  readonly title: string;
  readonly status: JobStatus;
}

export function JobActions({ id, title, status }: JobActionsProps) {
  const canEdit = useCanEdit();
  const [busy, setBusy] = useState<JobAction | null>(null);
  const [error, setError] = useState<CombinedError | null>(null);
  const run = {
    cancel: useMutation(CancelJob)[1],
    pause: useMutation(PauseJob)[1],
    resume: useMutation(ResumeJob)[1],
    retry: useMutation(RetryJob)[1],
  };
  if (!canEdit) return null;
  const act = async (action: JobAction) => {
    setBusy(action);
    const result = await run[action]({ input: { id } });
    setBusy(null);
    setError(result.error ?? null);
  };
  return (
    <>
      <div className={styles.actions}>
        {actionsFor(status).map((action) => (
          <Button
            key={action}
            isBusy={busy !== null}
            aria-label={t("jobs.actionOf", { action: t(`jobs.${action}`), title })}
            onClick={() => void act(action)}
          >
            {t(`jobs.${action}`)}
          </Button>
        ))}
      </div>
      {error !== null && <Notice tone="bad">{problemText(error)}</Notice>}
    </>
  );
}
