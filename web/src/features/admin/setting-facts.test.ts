//! Values of settings go through a form and come out as they were.

import { describe, expect, it } from "vitest";
import { draftOf, rangeOf, valueOf } from "./setting-facts";

describe("a setting's value in a form", () => {
  it.each([
    ["BOOLEAN", true],
    ["BOOLEAN", false],
    ["INTEGER", 8_589_934_592],
    ["NUMBER", 0.25],
    ["TEXT", "uploads/{year}-{month}/{name}"],
    ["TEXT", null],
    ["CHOICE", "idle"],
    ["LIST", ["10.0.0.0/8", "camera.lan:554"]],
    ["LIST", []],
  ] as const)("%s %j", (kind, value) => expect(valueOf({ kind }, draftOf({ kind }, value))).toEqual(value));
  it("sends what is no number as it was typed, for the server says what is allowed", () => {
    expect(valueOf({ kind: "INTEGER" }, "six")).toBe("six");
    expect(valueOf({ kind: "INTEGER" }, " ")).toBeNull();
  });
});

describe("the range of a number", () => {
  it.each([
    [1, 6, { least: 1, most: 6 }],
    [0, 255, { least: null, most: null }],
    [0, 100, { least: 0, most: 100 }],
    [1, 4_294_967_295, { least: 1, most: null }],
    [null, null, { least: null, most: null }],
  ])("%j to %j", (minimum, maximum, range) => expect(rangeOf({ minimum, maximum })).toEqual(range));
});
