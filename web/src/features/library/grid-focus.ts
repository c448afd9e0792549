//! Arrow keys in the grid: where the focus goes.

/** The index to focus for a key, or null when the key means nothing here or the edge is reached. Pure. */
export function nextIndex(index: number, count: number, columns: number, key: string, isRightToLeft = false): number | null {
  const forward = isRightToLeft ? -1 : 1;
  const steps: Record<string, number> = {
    ArrowRight: forward,
    ArrowLeft: -forward,
    ArrowDown: columns,
    ArrowUp: -columns,
    Home: -index,
    End: count - 1 - index,
  };
  const step = steps[key];
  if (step === undefined || step === 0) return null;
  const next = index + step;
  return next >= 0 && next < count ? next : null;
}

/** The tile to focus, read from the laid-out grid. */
export function gridFocusTarget(grid: HTMLElement, from: EventTarget, key: string): HTMLElement | null {
  const tiles = [...grid.querySelectorAll<HTMLElement>("[data-media]")];
  const index = tiles.findIndex((tile) => tile === from);
  if (index < 0) return null;
  const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  const next = nextIndex(index, tiles.length, columns, key, getComputedStyle(grid).direction === "rtl");
  return next === null ? null : (tiles[next] ?? null);
}
