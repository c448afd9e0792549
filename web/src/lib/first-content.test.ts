//! What waits for the first page's content, and in which order it gets its turn.

import { afterEach, beforeEach, expect, it, vi } from "vitest";

const frameMs = 16;

beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers();
  vi.stubGlobal("requestAnimationFrame", (frame: () => void) => setTimeout(frame, frameMs));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("comes after the frame that shows the content, each listener in a task of its own", async () => {
  const { hasContent, onContent, reportContent } = await import("./first-content");
  const told: string[] = [];
  onContent(() => told.push("first"));
  onContent(() => told.push("second"));
  reportContent();
  vi.advanceTimersByTime(frameMs);
  expect([hasContent(), told]).toEqual([false, []]);
  vi.advanceTimersByTime(frameMs);
  vi.advanceTimersToNextTimer();
  expect([hasContent(), told]).toEqual([true, ["first"]]);
  vi.advanceTimersToNextTimer();
  expect(told).toEqual(["first", "second"]);
});

it("forgets who is gone before its turn", async () => {
  const { onContent, reportContent } = await import("./first-content");
  const told: string[] = [];
  const stops: (() => void)[] = [];
  onContent(() => {
    told.push("first");
    for (const stop of stops) stop();
  });
  stops.push(onContent(() => told.push("second")));
  reportContent();
  vi.runAllTimers();
  expect(told).toEqual(["first"]);
});

it("does not wait forever for a page that says nothing", async () => {
  const { afterContent, hasContent } = await import("./first-content");
  const action = vi.fn();
  afterContent(action);
  vi.advanceTimersByTime(1000);
  expect(hasContent()).toBe(false);
  vi.advanceTimersByTime(1000);
  expect(action).toHaveBeenCalledTimes(1);
});
