//! A job with its live progress. The cache's normalized job is the only copy, so every row and the pill move together.

import { memo } from "react";
import { type FragmentOf, readFragment } from "@/data/graphql";
import { formatAgo } from "@/lib/format";
import { currentLocale, type MessageKey, quoted, sentence, t } from "@/lib/messages";
import { countText, etaText, fractionOf, isTerminal, percentText, rateText } from "@/lib/progress";
import { classNames } from "@/ui/class-names";
import { Notice } from "@/ui/notice";
import { ProgressBar } from "@/ui/progress-bar";
import { JobActions } from "./job-actions";
import { JobRowFragment } from "./job-fragment";
import card from "./card-row.module.css";
import styles from "./job-row.module.css";

const units: Readonly<Record<string, MessageKey>> = {
  edits: "unit.edits",
  files: "unit.files",
  folders: "unit.folders",
  frames: "unit.frames",
  items: "unit.items",
  markers: "unit.markers",
  pictures: "unit.pictures",
  segments: "unit.segments",
  things: "unit.things",
  uploads: "unit.uploads",
};

/** What a job counts, for so many of them; a plugin may count what nobody here has heard of. */
function unitText(unit: string, count: number): string {
  const key = Object.hasOwn(units, unit) ? units[unit] : undefined;
  return key === undefined ? unit : t(key, { count });
}

/** How a state looks; the others are plain. */
const looks: Partial<Record<string, string | undefined>> = { RUNNING: card.active, SUCCEEDED: card.good, FAILED: card.bad, PAUSED: card.warn };

interface JobRowProps {
  readonly job: FragmentOf<typeof JobRowFragment>;
  /** The reader's clock, so that all rows say the same "ago". */
  readonly now: number;
}

/** Rendered again only when its job or the clock moves: in a storm of events most rows have nothing new. */
export const JobRow = memo(function JobRow(props: JobRowProps) {
  const job = readFragment(JobRowFragment, props.job);
  const locale = currentLocale();
  const title = quoted(job.title);
  const counted = countText(job.progress, locale, t("jobs.of"), unitText);
  const isOver = isTerminal(job.status);
  const eta = etaText(job.progress, locale);
  const figures = isOver
    ? [counted]
    : [
        percentText(job.progress, locale),
        counted,
        rateText(job.progress, locale),
        job.status === "RUNNING" && eta !== "" ? t("jobs.left", { time: eta }) : "",
      ];
  const when = job.finishedAt
    ? t("jobs.finishedAt", { when: formatAgo(job.finishedAt, props.now, locale) })
    : job.startedAt
      ? t("jobs.started", { when: formatAgo(job.startedAt, props.now, locale) })
      : t("jobs.created", { when: formatAgo(job.createdAt, props.now, locale) });
  return (
    <li className={card.row} data-job={job.id} data-status={job.status}>
      <div className={card.head}>
        <h3 className={card.title}>{title}</h3>
        <span className={classNames(card.state, looks[job.status])}>{t(`jobs.status.${job.status}`)}</span>
        <JobActions id={job.id} title={title} status={job.status} />
      </div>
      {!isOver && <ProgressBar label={t("jobs.progressOf", { title })} fraction={fractionOf(job.progress)} />}
      <p className={classNames(card.figures, styles.steady)}>
        {!isOver && job.progress?.step && <span className={styles.step}>{stepText(job.progress)}</span>}
        {figures.filter(Boolean).map((figure) => (
          <span key={figure}>{figure}</span>
        ))}
        <span>{when}</span>
        {job.attempts > 1 && <span>{t("jobs.attempts", { count: job.attempts })}</span>}
      </p>
      {!isOver && job.progress?.message && <p className={styles.message}>{quoted(job.progress.message)}</p>}
      {job.error && (
        <Notice tone={job.status === "FAILED" ? "bad" : "warn"}>
          {sentence(job.error.message)} <span className={styles.code}>{job.error.code}</span>
        </Notice>
      )}
    </li>
  );
});

interface StepFacts {
  readonly step: string | null;
  readonly stepIndex: number | null;
  readonly stepCount: number | null;
}

function stepText({ step, stepIndex, stepCount }: StepFacts): string {
  return stepIndex === null || !stepCount || stepCount < 2 ? (step ?? "") : `${step ?? ""} (${stepIndex + 1}/${stepCount})`;
}
