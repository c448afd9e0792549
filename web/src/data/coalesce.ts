//! Keeps a flood of events from becoming a flood of renders: of several events about the same entity within a moment, only the last counts.

import type { Sink } from "./transport";

/** Nobody reads progress faster than this. */
const momentMs = 250;
/** What one turn may take of a frame; the other events follow in the next ones. */
const turnMs = 5;
const turnPauseMs = 16;

/** A sink that passes the first event on at once and then, once a moment, the last one about each entity. */
export function coalesced(sink: Sink, moment = momentMs): Sink {
  const waiting = new Map<string, unknown>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const pass = (until: () => boolean) => {
    for (const [id, event] of waiting) {
      waiting.delete(id);
      sink.next(event);
      if (until()) return;
    }
  };
  const flush = () => {
    timer = undefined;
    if (waiting.size === 0) return;
    const end = performance.now() + turnMs;
    pass(() => performance.now() >= end);
    timer = setTimeout(flush, waiting.size > 0 ? turnPauseMs : moment);
  };
  const flushAll = () => {
    clearTimeout(timer);
    timer = undefined;
    pass(() => false);
  };
  return {
    next: (value) => {
      const id = entityId(value);
      if (id === null) {
        sink.next(value);
      } else if (timer === undefined) {
        timer = setTimeout(flush, moment);
        sink.next(value);
      } else {
        waiting.set(id, value);
      }
    },
    error: (cause) => {
      flushAll();
      sink.error(cause);
    },
    complete: () => {
      flushAll();
      sink.complete();
    },
  };
}

/** The id of the one entity that an event is about, or null for any other event. */
function entityId(value: unknown): string | null {
  const data = field(value, "data");
  if (typeof data !== "object" || data === null || field(value, "errors") != null) return null;
  const [root, ...others] = Object.values(data);
  const id = field(root, "id");
  return others.length === 0 && typeof id === "string" ? id : null;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
