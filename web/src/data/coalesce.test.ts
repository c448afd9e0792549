//! Events in a flood.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { coalesced } from "./coalesce";

const job = (id: string, done: number) => ({ data: { jobChanges: { id, done } } });

function collect() {
  const seen: unknown[] = [];
  const sink = coalesced({ next: (value) => seen.push(value), error: (cause) => seen.push(["error", cause]), complete: () => seen.push("complete") });
  return { seen, sink };
}

describe("coalesced", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("passes the first on at once and then the last of each, once a moment", () => {
    const { seen, sink } = collect();
    for (let done = 0; done < 100; done += 1) sink.next(job(done % 2 === 0 ? "a" : "b", done));
    expect(seen).toEqual([job("a", 0)]);
    vi.advanceTimersByTime(250);
    expect(seen).toEqual([job("a", 0), job("b", 99), job("a", 98)]);
    sink.next(job("a", 100));
    vi.advanceTimersByTime(250);
    expect(seen.at(-1)).toEqual(job("a", 100));
  });

  it("loses nothing at the end", () => {
    const { seen, sink } = collect();
    sink.next(job("a", 1));
    sink.next(job("a", 2));
    sink.complete();
    expect(seen).toEqual([job("a", 1), job("a", 2), "complete"]);
  });

  it("leaves other events alone", () => {
    const { seen, sink } = collect();
    const events = [{ data: { libraryChanges: { mediaId: "x" } } }, { errors: [{ message: "no" }] }, { data: { a: { id: "1" }, b: { id: "2" } } }];
    for (const event of events) sink.next(event);
    expect(seen).toEqual(events);
  });
});
