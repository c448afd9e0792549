//! Small pieces of work that can wait, done one after the other while the browser has nothing better to do.

const queue: (() => void)[] = [];
let isRunning = false;

/** A piece may take this long; another one begins only if so much time is left. */
const pieceMs = 4;

/** Does `work` when there is time; the returned function takes it back. */
export function whenIdle(work: () => void): () => void {
  queue.push(work);
  if (!isRunning) {
    isRunning = true;
    next();
  }
  return () => {
    const at = queue.indexOf(work);
    if (at >= 0) queue.splice(at, 1);
  };
}

function next(): void {
  // Safari has no idle callback.
  if ("requestIdleCallback" in globalThis) requestIdleCallback((deadline) => run(() => deadline.timeRemaining() >= pieceMs), { timeout: 2000 });
  else setTimeout(() => run(() => false), 16);
}

function run(hasTime: () => boolean): void {
  do queue.shift()?.();
  while (queue.length > 0 && hasTime());
  isRunning = queue.length > 0;
  if (isRunning) next();
}
