//! Where a moved item goes.

import { describe, expect, it } from "vitest";
import { neighborAfterMove } from "./order";

const ids = ["a", "b", "c", "d"];

/** As the server does it: takes the item out, and puts it behind its new neighbor. */
function moved(from: number, to: number): string {
  const after = neighborAfterMove(ids, from, to);
  if (after === undefined) return ids.join("");
  const rest = ids.filter((_, index) => index !== from);
  rest.splice(after === null ? 0 : rest.indexOf(after) + 1, 0, ids[from] ?? "");
  return rest.join("");
}

describe("a moved item", () => {
  it.each([
    [0, 1, "bacd"],
    [1, 0, "bacd"],
    [0, 3, "bcda"],
    [3, 0, "dabc"],
    [3, 2, "abdc"],
    [1, 2, "acbd"],
  ])("is, from %i to %i, where the one was whose place it takes", (from, to, order) => {
    expect(moved(from, to)).toBe(order);
  });

  it.each([
    [3, 4],
    [0, -1],
    [2, 2],
    [9, 0],
  ])("stays where it is, from %i to %i", (from, to) => {
    expect(moved(from, to)).toBe("abcd");
  });
});
