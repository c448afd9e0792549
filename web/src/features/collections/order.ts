//! Where an item of an ordered list goes.

/** The item that a moved one comes right behind, to be at place `to` of the same list; null for the beginning, undefined where nothing is to move. */
export function neighborAfterMove(ids: readonly string[], from: number, to: number): string | null | undefined {
  const isPlace = (index: number) => Number.isInteger(index) && index >= 0 && index < ids.length;
  if (from === to || !isPlace(from) || !isPlace(to)) return undefined;
  return ids[to > from ? to : to - 1] ?? null;
}
