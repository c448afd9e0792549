//! Which tile of a sprite shows a moment. Pure.

/** A sheet of small frames, one every `interval` seconds. */
export interface SpriteFacts {
  readonly columns: number;
  readonly rows: number;
  readonly interval: number;
}

/** A tile: its place in the sheet, and the same as CSS background positions. */
export interface SpriteTile {
  readonly column: number;
  readonly row: number;
  readonly xPercent: number;
  readonly yPercent: number;
}

/** The tile that shows a moment; the last one for a moment behind the end. */
export function spriteTile(sprite: SpriteFacts, seconds: number): SpriteTile {
  const count = sprite.columns * sprite.rows;
  const index = Math.min(count - 1, Math.max(0, Math.floor(seconds / Math.max(0.001, sprite.interval))));
  const column = index % sprite.columns;
  const row = Math.floor(index / sprite.columns);
  return { column, row, xPercent: percent(column, sprite.columns), yPercent: percent(row, sprite.rows) };
}

// A background that is n times as large as its box is placed from 0 to 100 % over its n - 1 steps.
function percent(step: number, steps: number): number {
  return steps <= 1 ? 0 : (step / (steps - 1)) * 100;
}
