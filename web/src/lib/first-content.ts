//! Whether the first page shows its content, or had its time to: what only decorates the frame waits until then, so that it does not compete with
//! what the reader came for.

/** A page that is slower than this gets the decoration first. */
const patienceMs = 1500;

let isThere = false;
const listeners = new Set<() => void>();

/** Called by pages once what they are about is rendered. */
export function reportContent(): void {
  if (isThere) return;
  isThere = true;
  for (const listener of listeners) listener();
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
  listeners.add(listener);
  return () => listeners.delete(listener);
}

setTimeout(reportContent, patienceMs);
