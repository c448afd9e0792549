//! What is known of every upload of this browser, and what may follow from what. Pure; the queue does the work.

/** Where an upload is. `missing` means that the browser forgot the file over a reload and only its owner can show it again. */
export type UploadState = "queued" | "sending" | "paused" | "missing" | "checking" | "done" | "duplicate" | "failed";

/** One upload as the page shows it. */
export interface UploadRow {
  /** Equal for the same file chosen again. */
  readonly key: string;
  readonly name: string;
  readonly size: number;
  readonly state: UploadState;
  /** Bytes that the server has, as far as is known. */
  readonly sent: number;
  readonly bytesPerSecond: number | null;
  /** Why it failed, in the server's words. */
  readonly reason: string | null;
  /** Where the server keeps what came of it. */
  readonly url: string | null;
  readonly libraryId: string | null;
  /** The item that it became, or that has been there already. */
  readonly mediaId: string | null;
}

/** The same for the same file, whatever folder it lies in: browsers do not tell more. */
export function keyOf(file: { readonly name: string; readonly size: number; readonly lastModified: number }): string {
  return `${file.name}/${file.size}/${file.lastModified}`;
}

/** States in which there is still something to send. */
export function isOpen({ state }: UploadRow): boolean {
  return state === "queued" || state === "sending" || state === "paused" || state === "missing";
}

/** States after which nothing more happens by itself. */
export function isOver({ state }: UploadRow): boolean {
  return state === "done" || state === "duplicate" || state === "failed";
}

/** Sums over all uploads that are not over, and how long the rest will take at the present rate. */
export interface Totals {
  readonly count: number;
  readonly bytes: number;
  readonly sent: number;
  readonly bytesPerSecond: number;
  readonly secondsLeft: number | null;
}

export function totalsOf(rows: readonly UploadRow[]): Totals {
  const open = rows.filter((row) => !isOver(row));
  const sum = (of: (row: UploadRow) => number) => open.reduce((total, row) => total + of(row), 0);
  const bytes = sum((row) => row.size);
  const sent = sum((row) => row.sent);
  const bytesPerSecond = sum((row) => (row.state === "sending" ? (row.bytesPerSecond ?? 0) : 0));
  return { count: open.length, bytes, sent, bytesPerSecond, secondsLeft: bytesPerSecond > 0 ? (bytes - sent) / bytesPerSecond : null };
}

/** The next uploads to begin when at most `most` may run at once. */
export function nextToSend(rows: readonly UploadRow[], most: number): readonly UploadRow[] {
  const n = rows.filter((row) => row.state === "sending").length;
  return rows.filter((row) => row.state === "queued").slice(0, Math.max(0, most - n));
}

/** A rate that follows what is measured without jumping about. */
export function smoothRate(known: number | null, bytes: number, ms: number): number | null {
  if (ms <= 0) return known;
  const now = (bytes / ms) * 1000;
  return known === null ? now : known * 0.8 + now * 0.2;
}
