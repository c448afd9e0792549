//! The kept place of the grid.

import { describe, expect, it } from "vitest";
import { parsePlace } from "./place";

describe("parsePlace", () => {
  it("reads what was kept", () => {
    const place = { index: 40_002, below: -12.5, focused: 40_007 };
    expect(parsePlace({ place })).toEqual(place);
  });
  it("does without a focus", () => expect(parsePlace({ place: { index: 3, below: 0, focused: "x" } })).toEqual({ index: 3, below: 0, focused: null }));
  it.each([null, 7, "x", {}, { place: null }, { place: { index: -4, below: 0 } }, { place: { index: 1.5, below: 0 } }, { place: { index: 1, below: "far" } }])(
    "is no place for %j",
    (state) => expect(parsePlace(state)).toBeNull(),
  );
});
