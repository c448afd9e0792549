//! Bundles bursts of events into calls that are at least an interval apart.

/** A bundled call: `trigger` asks for it, `cancel` drops a pending one. */
export interface Throttle {
  readonly trigger: () => void;
  readonly cancel: () => void;
}

/** Runs `action` at once on the first trigger, then at most once in `intervalMs`; the last trigger is never lost. */
export function throttle(intervalMs: number, action: () => void): Throttle {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let isAsked = false;
  const run = () => {
    isAsked = false;
    timer = setTimeout(() => {
      timer = null;
      if (isAsked) run();
    }, intervalMs);
    action();
  };
  return {
    trigger: () => {
      if (timer === null) run();
      else isAsked = true;
    },
    cancel: () => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      isAsked = false;
    },
  };
}
