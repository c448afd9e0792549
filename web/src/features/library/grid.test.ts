//! Arrow keys and the kept place of the grid.

import { describe, expect, it } from "vitest";
import { nextIndex } from "./grid-focus";
import { parsePlace } from "./place";

describe("nextIndex", () => {
  it.each([
    [0, "ArrowRight", 1],
    [9, "ArrowRight", null],
    [0, "ArrowLeft", null],
    [2, "ArrowDown", 6],
    [7, "ArrowDown", null],
    [5, "ArrowUp", 1],
    [3, "ArrowUp", null],
    [5, "Home", 0],
    [5, "End", 9],
    [9, "End", null],
    [5, "a", null],
  ])("from %i by %s of ten tiles in four columns: %s", (index, key, next) => expect(nextIndex(index, 10, 4, key)).toBe(next));

  it("turns left and right around in right-to-left languages", () => {
    expect(nextIndex(5, 10, 4, "ArrowLeft", true)).toBe(6);
    expect(nextIndex(5, 10, 4, "ArrowRight", true)).toBe(4);
  });
});

describe("parsePlace", () => {
  const top = { windows: 1, focused: null, top: 0 };
  it("reads what was kept", () => {
    const place = { windows: 3, focused: "med_9", top: -12.5 };
    expect(parsePlace({ place })).toEqual(place);
  });
  it.each([null, 7, "x", {}, { place: null }, { place: { windows: -4, top: "far", focused: 3 } }])("is the top for %j", (state) => {
    expect(parsePlace(state)).toEqual(top);
  });
});
