//! Whether the first page shows its content, or had its time to: what only decorates the frame waits until then, so that it does not compete with
//! what the reader came for.

/** A page that is slower than this gets the decoration first. */
const patienceMs = 1500;

let isReported = false;
let isThere = false;
let patience: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

/** Called by pages once what they are about is rendered; once it can be seen, each of those who waited for it gets a task of its own. */
export function reportContent(): void {
  if (isReported) return;
  isReported = true;
  // The first frame shows it, the second one begins when that is done.
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(begin)));
}

function begin(): void {
  isThere = true;
  tell([...listeners]);
}

function tell([listener, ...others]: readonly (() => void)[]): void {
  if (listener === undefined) return;
  // It may have gone while it waited for its turn.
  if (listeners.has(listener)) listener();
  setTimeout(() => tell(others));
}

/** Whether it is there. */
export function hasContent(): boolean {
  return isThere;
}

/** Runs `action` once the content is there. */
export function afterContent(action: () => void): void {
  if (isThere) return action();
  const stop = onContent(() => {
    stop();
    action();
  });
}

/** Calls `listener` when that changes; gives what ends it. */
export function onContent(listener: () => void): () => void {
  // Not while the script is being evaluated: whoever records the page takes the place where a timer was set, and would parse all of it again.
  patience ??= setTimeout(reportContent, patienceMs);
  listeners.add(listener);
  return () => listeners.delete(listener);
}
