//! The rules of the upload queue.

import { describe, expect, it } from "vitest";
import { isOpen, isOver, keyOf, nextToSend, smoothRate, totalsOf, type UploadRow, type UploadState } from "./rows";

const row = (key: string, state: UploadState, facts: Partial<UploadRow> = {}): UploadRow => ({
  key,
  name: key,
  size: 100,
  state,
  sent: 0,
  bytesPerSecond: null,
  reason: null,
  url: null,
  libraryId: null,
  mediaId: null,
  ...facts,
});

describe("uploads", () => {
  it("are told apart by name, size and time of change", () => {
    expect(keyOf({ name: "a.mp4", size: 3, lastModified: 7 })).toBe("a.mp4/3/7");
    expect(keyOf({ name: "a.mp4", size: 3, lastModified: 8 })).not.toBe("a.mp4/3/7");
  });
  it("run so many at once, in their order", () => {
    const rows = [row("a", "sending"), row("b", "queued"), row("c", "paused"), row("d", "queued"), row("e", "queued")];
    expect(nextToSend(rows, 3).map(({ key }) => key)).toEqual(["b", "d"]);
    expect(nextToSend(rows, 1)).toEqual([]);
  });
  it("are open, being worked on, or over", () => {
    const states: readonly UploadState[] = ["queued", "sending", "paused", "missing", "checking", "done", "duplicate", "failed"];
    expect(states.filter((state) => isOpen(row("a", state)))).toEqual(["queued", "sending", "paused", "missing"]);
    expect(states.filter((state) => isOver(row("a", state)))).toEqual(["done", "duplicate", "failed"]);
  });
  it("add up, with the time that is left", () => {
    const rows = [row("a", "sending", { sent: 40, bytesPerSecond: 10 }), row("b", "queued"), row("c", "done", { sent: 100 })];
    expect(totalsOf(rows)).toEqual({ count: 2, bytes: 200, sent: 40, bytesPerSecond: 10, secondsLeft: 16 });
    expect(totalsOf([row("b", "queued")]).secondsLeft).toBeNull();
  });
  it("have a rate that does not jump", () => {
    expect(smoothRate(null, 500, 1000)).toBe(500);
    expect(smoothRate(1000, 2000, 1000)).toBe(1200);
    expect(smoothRate(1000, 5, 0)).toBe(1000);
  });
});
