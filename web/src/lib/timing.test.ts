//! Bundling of bursts and waiting between attempts.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoffMs } from "./backoff";
import { throttle } from "./throttle";

describe("throttle", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("runs at once, then at most once in an interval, and never loses the last trigger", () => {
    const action = vi.fn();
    const { trigger } = throttle(1000, action);
    trigger();
    expect(action).toHaveBeenCalledTimes(1);
    for (let burst = 0; burst < 50; burst += 1) trigger();
    expect(action).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(1000);
    expect(action).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(10_000);
    expect(action).toHaveBeenCalledTimes(2);
    trigger();
    expect(action).toHaveBeenCalledTimes(3);
  });

  it("forgets a pending call when canceled", () => {
    const action = vi.fn();
    const { trigger, cancel } = throttle(1000, action);
    trigger();
    trigger();
    cancel();
    vi.advanceTimersByTime(5000);
    expect(action).toHaveBeenCalledTimes(1);
  });
});

describe("backoffMs", () => {
  it("doubles up to twenty seconds and spreads by a quarter", () => {
    expect([0, 1, 2, 3, 10, 1000].map((attempt) => backoffMs(attempt, () => 0.5))).toEqual([500, 1000, 2000, 4000, 20_000, 20_000]);
    expect(backoffMs(0, () => 0)).toBe(438);
    expect(backoffMs(0, () => 1)).toBe(563);
  });
});
