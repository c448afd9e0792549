//! What progress says, and which actions a state allows.

import { describe, expect, it } from "vitest";
import { actionsFor, countText, etaText, fractionOf, isTerminal, percentText, rateText } from "./progress";

describe("fraction and percent", () => {
  it.each([
    [null, null, ""],
    [{}, null, ""],
    [{ fraction: 0.4267 }, 0.4267, "42%"],
    [{ fraction: 0.9999 }, 0.9999, "99%"],
    [{ fraction: 1.2 }, 1, "100%"],
    [{ fraction: -1 }, 0, "0%"],
    [{ done: 3, total: 12 }, 0.25, "25%"],
    [{ done: 3, total: 0 }, null, ""],
    [{ done: 3, total: null }, null, ""],
    [{ fraction: Number.NaN, done: 1, total: 2 }, 0.5, "50%"],
  ])("%j is %s and reads %j", (progress, fraction, text) => {
    expect(fractionOf(progress)).toBe(fraction);
    expect(percentText(progress, "en")).toBe(text);
  });
});

describe("texts", () => {
  it("counts with and without a total", () => {
    const unitOf = (unit: string, count: number) => (count === 1 ? unit.slice(0, -1) : unit);
    const text = (facts: Parameters<typeof countText>[0]) => countText(facts, "en", "of", unitOf);
    expect(text({ done: 1204, total: 5000, unit: "FILES" })).toBe("1,204 of 5,000 files");
    expect(text({ done: 7, unit: "files" })).toBe("7 files");
    expect(text({ done: 1, total: 1, unit: "files" })).toBe("1 file");
    expect(text({ done: 1, total: 3 })).toBe("1 of 3");
    expect(text({ done: 1_500_000, total: 30_000_000, unit: "bytes" })).toBe("1.5 MB of 30 MB");
    expect(text({ total: 7 })).toBe("");
    expect(text({ done: 0, unit: "segments" })).toBe("");
    expect(text({ done: 0, total: 0, unit: "files" })).toBe("");
  });

  it.each([
    [0, "1 sec"],
    [45, "45 sec"],
    [59.2, "60 sec"],
    [60, "1 min"],
    [61, "2 min"],
    [7200, "2 hr"],
    [null, ""],
    [-5, ""],
    [Number.POSITIVE_INFINITY, ""],
  ])("%s seconds left read %j", (etaSeconds, text) => expect(etaText({ etaSeconds }, "en")).toBe(text));

  it.each([
    [38.4, "38/s"],
    [4.25, "4.3/s"],
    [0, ""],
    [null, ""],
  ])("a rate of %s reads %j", (ratePerSecond, text) => expect(rateText({ ratePerSecond }, "en")).toBe(text));

  it("says a rate of bytes in larger units", () => expect(rateText({ ratePerSecond: 2_400_000, unit: "bytes" }, "en")).toBe("2.4 MB/s"));
});

describe("actions", () => {
  it("offers only what can still change something", () => {
    expect(actionsFor("RUNNING")).toEqual(["pause", "cancel"]);
    expect(actionsFor("PAUSED")).toEqual(["resume", "cancel"]);
    expect(actionsFor("FAILED")).toEqual(["retry"]);
    expect(actionsFor("SUCCEEDED")).toEqual([]);
  });

  it("never offers to cancel what is over", () => {
    for (const status of ["SUCCEEDED", "FAILED", "CANCELED"] as const) {
      expect(isTerminal(status)).toBe(true);
      expect(actionsFor(status)).not.toContain("cancel");
    }
    expect(isTerminal("PAUSED")).toBe(false);
  });
});
