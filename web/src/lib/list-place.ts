//! Where an item stands in the list it was opened from, as its history entry keeps it.

/** A list by its address, and a place in it. */
export interface ListPlace {
  readonly list: string;
  readonly index: number;
}

/** Reads a history state, whoever wrote it. */
export function parseListPlace(state: unknown): ListPlace | null {
  if (typeof state !== "object" || state === null) return null;
  const list: unknown = Reflect.get(state, "list");
  const index: unknown = Reflect.get(state, "index");
  if (typeof list !== "string" || typeof index !== "number" || !Number.isInteger(index) || index < 0) return null;
  return { list, index };
}
