//! What stands for pictures: ThumbHash, sprite tiles, marked words.

import { describe, expect, it } from "vitest";
import { highlight } from "./highlight";
import { spriteTile } from "./sprite";
import { averageColor, decodeBlur } from "./thumbhash";

// The first example of the reference implementation: a sunset, taller than wide.
const sunset = "1QcSHQRnh493V4dIh4eXh1h4kJUI";

describe("thumbhash", () => {
  it("tells the average color", () => expect(averageColor(sunset)).toMatch(/^rgb\(\d+ \d+ \d+\)$/));
  it("keeps the picture's shape and its opacity", () => {
    const blur = decodeBlur(sunset);
    expect(blur).not.toBeNull();
    expect([blur?.width, blur?.height].toSorted()).toEqual([9, 12].toSorted());
    expect(blur?.pixels.filter((_, index) => index % 4 === 3).every((alpha) => alpha === 255)).toBe(true);
  });
  it("averages over its pixels to about the average color", () => {
    const blur = decodeBlur(sunset, 32);
    const [red = 0, green = 0, blue = 0] = averageColor(sunset)?.match(/\d+/g)?.map(Number) ?? [];
    const mean = (channel: number) => {
      const values = [...(blur?.pixels ?? [])].filter((_, index) => index % 4 === channel);
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
    expect(Math.abs(mean(0) - red)).toBeLessThan(12);
    expect(Math.abs(mean(1) - green)).toBeLessThan(12);
    expect(Math.abs(mean(2) - blue)).toBeLessThan(12);
  });
  it.each(["", "!!", "AA=="])("is nothing for %j", (hash) => expect([averageColor(hash), decodeBlur(hash)]).toEqual([null, null]));
});

describe("spriteTile", () => {
  const sprite = { columns: 10, rows: 10, interval: 2.5 };
  it.each([
    [0, 0, 0],
    [2.4, 0, 0],
    [2.5, 1, 0],
    [25, 0, 1],
    [125, 0, 5],
    [9999, 9, 9],
  ])("at %s s: column %i, row %i", (seconds, column, row) => expect(spriteTile(sprite, seconds)).toMatchObject({ column, row }));
  it("places the last tile at the far corner", () => expect(spriteTile(sprite, 9999)).toMatchObject({ xPercent: 100, yPercent: 100 }));
  it("survives a sheet of one tile", () => expect(spriteTile({ columns: 1, rows: 1, interval: 0 }, 5)).toMatchObject({ xPercent: 0, yPercent: 0 }));
});

describe("highlight", () => {
  it("marks beginnings of words", () => {
    expect(highlight("Harbor and harbors", "harb").filter((part) => part.isMatch).map((part) => part.text)).toEqual(["Harb", "harb"]);
    expect(highlight("Overharbor", "harb")).toEqual([{ text: "Overharbor", isMatch: false }]);
  });
  it("leaves exclusions out", () => expect(highlight("draft night", "night -draft").filter((part) => part.isMatch)).toEqual([{ text: "night", isMatch: true }]));
});
