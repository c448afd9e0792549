//! Where the reader was in the list, kept in the history entry so that going back finds it.

import type { GridPlace } from "@/ui/grid/virtual-grid";

/** The place kept in the present history entry, if there is one. */
export function readPlace(): GridPlace | null {
  return parsePlace(history.state);
}

/** Reads a history state, whoever wrote it. */
export function parsePlace(state: unknown): GridPlace | null {
  const place: unknown = typeof state === "object" && state !== null ? Reflect.get(state, "place") : null;
  if (typeof place !== "object" || place === null) return null;
  const index: unknown = Reflect.get(place, "index");
  const below: unknown = Reflect.get(place, "below");
  const focused: unknown = Reflect.get(place, "focused");
  if (!isCount(index) || typeof below !== "number" || !Number.isFinite(below)) return null;
  return { index, below, focused: isCount(focused) ? focused : null };
}

/** Keeps the place without a new history entry. */
export function keepPlace(place: GridPlace): void {
  history.replaceState({ place }, "");
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}
