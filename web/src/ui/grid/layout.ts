//! Where things lie in a grid of equal cells: the place of item *i* needs no data. Pure.

/** How a grid wants to look. */
export interface GridShape {
  /** The least width of a cell; cells grow to fill the row. Infinity makes one column. */
  readonly minWidth: number;
  /** Height over width of the picture. */
  readonly ratio: number;
  /** What a cell adds below its picture. */
  readonly extraHeight: number;
  readonly gap: number;
}

/** A grid laid out for a width and a number of items. */
export interface GridLayout {
  readonly columns: number;
  readonly rows: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  /** From the top of a row to the top of the next one. */
  readonly rowStep: number;
  readonly columnStep: number;
  /** Of all rows, without a limit. */
  readonly height: number;
}

/** Lays out `count` items in `width` pixels. */
export function layoutGrid(width: number, count: number, shape: GridShape): GridLayout {
  const fitting = Number.isFinite(shape.minWidth) ? Math.floor((width + shape.gap) / (shape.minWidth + shape.gap)) : 1;
  const columns = Math.max(1, fitting);
  const cellWidth = Math.max(1, (width - shape.gap * (columns - 1)) / columns);
  const cellHeight = Math.round(cellWidth * shape.ratio + shape.extraHeight);
  const rowStep = cellHeight + shape.gap;
  const rows = Math.ceil(count / columns);
  return { columns, rows, cellWidth, cellHeight, rowStep, columnStep: cellWidth + shape.gap, height: rows * rowStep };
}

/** The items, from `first` up to but not including `end`, that touch a stretch of the grid, with `margin` rows more on both sides. */
export function itemsIn(layout: GridLayout, count: number, top: number, height: number, margin: number) {
  const firstRow = Math.max(0, Math.floor(top / layout.rowStep) - margin);
  const endRow = Math.min(layout.rows, Math.ceil((top + height) / layout.rowStep) + margin);
  return { first: Math.min(count, firstRow * layout.columns), end: Math.min(count, Math.max(firstRow, endRow) * layout.columns) };
}

/** A stretch of items, from `first` up to but not including `end`. */
export interface Stretch {
  readonly first: number;
  readonly end: number;
}

/**
 * What of `wanted` is to exist now, when `ready` existed before and at most `most` cells may be made at once: what is in `view` first, downwards,
 * then upwards, then the margins. A screenful made in one go would hold up the frame that shows it.
 */
export function grown(ready: Stretch, view: Stretch, wanted: Stretch, most: number): Stretch {
  const isApart = ready.end <= view.first || ready.first >= view.end;
  let first = isApart ? view.first : Math.max(ready.first, wanted.first);
  let end = isApart ? view.first : Math.min(ready.end, wanted.end);
  let left = most;
  const down = (limit: number) => {
    const by = Math.max(0, Math.min(left, limit - end));
    end += by;
    left -= by;
  };
  const up = (limit: number) => {
    const by = Math.max(0, Math.min(left, first - limit));
    first -= by;
    left -= by;
  };
  down(view.end);
  up(view.first);
  down(wanted.end);
  up(wanted.first);
  return { first, end };
}

/** Boxes taller than this are cut off by some browser: Chromium at 33.5 million device pixels, Firefox near 17.9 million. */
export const tallestBox = 6_000_000;

/** The scroll position, as the browser has it and as the grid means it. They differ only where the grid is taller than a box may be. */
export interface ScrollPlace {
  /** Pixels from the top of the box, as the browser scrolls it. */
  readonly physical: number;
  /** Pixels from the top of the whole grid. */
  readonly virtual: number;
}

/** The extent that both positions move in. */
export interface ScrollExtent {
  readonly view: number;
  readonly box: number;
  readonly total: number;
}

/** The box and the range for a grid of this height. */
export function extentOf(total: number, view: number): ScrollExtent {
  return { view, total, box: Math.min(total, tallestBox) };
}

/**
 * Where the grid is after the browser scrolled to `physical`: small steps count one for one, so that a wheel's row is a row; a jump, as by
 * dragging the scroll bar, counts in proportion.
 */
export function scrolled(place: ScrollPlace, physical: number, extent: ScrollExtent): ScrollPlace {
  // Above the box, as at the page's top, nothing has been scrolled by that could count in proportion.
  if (extent.box >= extent.total || physical <= 0) return { physical, virtual: physical };
  const step = physical - place.physical;
  const isJump = Math.abs(step) > extent.view * 3 || physical >= extent.box - extent.view;
  const virtual = isJump ? proportional(physical, extent) : place.virtual + step;
  return { physical, virtual: clamp(virtual, 0, extent.total - extent.view) };
}

/** The physical position that stands for a virtual one; taken at rest, so that the scroll bar tells the truth again. */
export function physicalFor(virtual: number, extent: ScrollExtent): number {
  if (extent.box >= extent.total) return virtual;
  return (virtual / Math.max(1, extent.total - extent.view)) * (extent.box - extent.view);
}

function proportional(physical: number, extent: ScrollExtent): number {
  return (clamp(physical, 0, extent.box - extent.view) / Math.max(1, extent.box - extent.view)) * (extent.total - extent.view);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(low, high), Math.max(low, value));
}

/** The index to focus for a key, or null when the key means nothing here or the edge is reached. */
export function nextIndex(index: number, count: number, columns: number, pageRows: number, key: string, isRightToLeft = false): number | null {
  const forward = isRightToLeft ? -1 : 1;
  const steps: Record<string, number> = {
    ArrowRight: forward,
    ArrowLeft: -forward,
    ArrowDown: columns,
    ArrowUp: -columns,
    PageDown: columns * pageRows,
    PageUp: -columns * pageRows,
    Home: -index,
    End: count - 1 - index,
  };
  const step = Object.hasOwn(steps, key) ? steps[key] : undefined;
  if (step === undefined || step === 0) return null;
  const next = index + step;
  if (next >= 0 && next < count) return next;
  // A page over the edge ends at the edge, a row or an item does not.
  if (key === "PageDown") return index === count - 1 ? null : count - 1;
  if (key === "PageUp") return index === 0 ? null : 0;
  return null;
}
