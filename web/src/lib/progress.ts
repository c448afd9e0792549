//! What a job's progress says in words and figures. Pure, so that pill, list and page cannot disagree.

import { formatBytes, formatCount, type Locale } from "./format";

/** The part of a job's progress that the texts need. */
export interface ProgressFacts {
  readonly step?: string | null;
  readonly done?: number | null;
  readonly total?: number | null;
  readonly unit?: string | null;
  readonly fraction?: number | null;
  readonly ratePerSecond?: number | null;
  readonly etaSeconds?: number | null;
}

/** Job states as the schema names them. */
export type JobStatus = "WAITING" | "READY" | "RUNNING" | "PAUSED" | "SUCCEEDED" | "FAILED" | "CANCELED";

/** What a user may do with a job. */
export type JobAction = "cancel" | "pause" | "resume" | "retry";

const actions: Record<JobStatus, readonly JobAction[]> = {
  WAITING: ["pause", "cancel"],
  READY: ["pause", "cancel"],
  RUNNING: ["pause", "cancel"],
  PAUSED: ["resume", "cancel"],
  SUCCEEDED: [],
  FAILED: ["retry"],
  CANCELED: ["retry"],
};

/** The actions that make sense in a state, the mildest first. */
export function actionsFor(status: JobStatus): readonly JobAction[] {
  return actions[status];
}

/** Whether nothing more will happen to the job by itself. */
export function isTerminal(status: JobStatus): boolean {
  return status === "SUCCEEDED" || status === "FAILED" || status === "CANCELED";
}

/** Between 0 and 1, or null while the total is unknown. Never reaches 1 before the job says so. */
export function fractionOf(progress: ProgressFacts | null | undefined): number | null {
  if (progress == null) return null;
  if (progress.fraction != null && Number.isFinite(progress.fraction)) return clamp(progress.fraction);
  if (progress.done == null || !progress.total) return null;
  return clamp(progress.done / progress.total);
}

/** `42 %`, rounded down so that 100 means done; an empty string while unknown. */
export function percentText(progress: ProgressFacts | null | undefined, locale: Locale): string {
  const fraction = fractionOf(progress);
  if (fraction === null) return "";
  return new Intl.NumberFormat(locale, { style: "percent" }).format(Math.floor(fraction * 100) / 100);
}

/** `1,204 of 5,000 files`; `1,204 files` without a total, or once all are done; empty without a count, or when there was nothing to count. */
export function countText(progress: ProgressFacts | null | undefined, locale: Locale, of: string, unitOf: (unit: string, count: number) => string): string {
  const { done, total } = progress ?? {};
  if (done == null || total === 0 || (done === 0 && total == null)) return "";
  const unit = progress?.unit?.toLowerCase() ?? "";
  const isBytes = unit === "bytes";
  const figure = (count: number) => (isBytes ? formatBytes(count, locale) : formatCount(count, locale));
  const all = total ?? done;
  const figures = all === done ? figure(done) : `${figure(done)} ${of} ${figure(all)}`;
  return unit === "" || isBytes ? figures : `${figures} ${unitOf(unit, all)}`;
}

/** `38/s`, with one digit under ten, empty when nothing moves. */
export function rateText(progress: ProgressFacts | null | undefined, locale: Locale): string {
  const rate = progress?.ratePerSecond;
  if (rate == null || !Number.isFinite(rate) || rate <= 0) return "";
  if (progress?.unit?.toLowerCase() === "bytes") return `${formatBytes(rate, locale)}/s`;
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: rate < 10 ? 1 : 0 }).format(rate)}/s`;
}

/** Time left in the coarsest unit that still helps: `45 sec`, `3 min`, `2 hr`; empty when unknown. */
export function etaText(progress: ProgressFacts | null | undefined, locale: Locale): string {
  const eta = progress?.etaSeconds;
  if (eta == null || !Number.isFinite(eta) || eta < 0) return "";
  const unit = eta < 60 ? "second" : eta < 3600 ? "minute" : "hour";
  const value = Math.max(1, Math.ceil(eta / { second: 1, minute: 60, hour: 3600 }[unit]));
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short" }).format(value);
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
