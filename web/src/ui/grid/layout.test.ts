//! The grid's arithmetic, up to five million items.

import { describe, expect, it } from "vitest";
import { extentOf, grown, itemsIn, layoutGrid, nextIndex, physicalFor, scrolled, tallestBox } from "./layout";

const shape = { minWidth: 180, ratio: 0.625, extraHeight: 40, gap: 8 };

describe("layoutGrid", () => {
  it("fills the row with as many cells as fit", () => {
    const layout = layoutGrid(1200, 100_000, shape);
    expect(layout.columns).toBe(6);
    expect(layout.columns * layout.columnStep - shape.gap).toBeCloseTo(1200);
    expect(layout.rows).toBe(16_667);
  });
  it("keeps one column however narrow", () => expect(layoutGrid(90, 7, shape)).toMatchObject({ columns: 1, rows: 7 }));
  it("makes a table of an endless least width", () => {
    expect(layoutGrid(900, 5, { minWidth: Number.POSITIVE_INFINITY, ratio: 0, extraHeight: 44, gap: 0 })).toMatchObject({ columns: 1, rowStep: 44, height: 220 });
  });
});

describe("itemsIn", () => {
  const layout = layoutGrid(1200, 1000, shape);
  it("has whole rows and the margin", () => {
    expect(itemsIn(layout, 1000, layout.rowStep * 10, layout.rowStep * 3, 2)).toEqual({ first: 48, end: 90 });
  });
  it("ends with the last item", () => expect(itemsIn(layout, 1000, layout.height - 100, 1000, 1).end).toBe(1000));
  it("is empty for nothing", () => expect(itemsIn(layoutGrid(1200, 0, shape), 0, 0, 800, 2)).toEqual({ first: 0, end: 0 }));
});

describe("grown", () => {
  const view = { first: 120, end: 150 };
  const wanted = { first: 108, end: 162 };
  it("begins with what is in view, wherever it was before", () => expect(grown({ first: 0, end: 54 }, view, wanted, 16)).toEqual({ first: 120, end: 136 }));
  it("lets go of what is not wanted any more", () => expect(grown({ first: 90, end: 130 }, view, wanted, 0)).toEqual({ first: 108, end: 130 }));
  it("comes to all that is wanted, never with more than it may", () => {
    let ready = { first: 0, end: 0 };
    for (let turn = 0; turn < 10; turn += 1) {
      const next = grown(ready, view, wanted, 16);
      if (turn > 0) expect(next.end - next.first - (ready.end - ready.first)).toBeLessThanOrEqual(16);
      ready = next;
    }
    expect(ready).toEqual(wanted);
  });
  it("grows upwards when the reader goes up", () => expect(grown({ first: 138, end: 162 }, view, wanted, 16)).toEqual({ first: 122, end: 162 }));
});

describe("scrolling five million items", () => {
  const layout = layoutGrid(1200, 5_000_000, shape);
  const extent = extentOf(layout.height, 900);
  const top = { physical: 0, virtual: 0 };

  it("stays below what browsers cut off", () => expect(extent.box).toBe(tallestBox));
  it("begins where its box begins, however far down the page that is", () => {
    expect(scrolled(top, -200, extent)).toEqual({ physical: -200, virtual: -200 });
    expect(scrolled(scrolled(top, -200, extent), 40, extent)).toEqual({ physical: 40, virtual: 40 });
  });
  it("shows the last item at the end", () => {
    const end = scrolled(top, extent.box - extent.view, extent);
    expect(itemsIn(layout, 5_000_000, end.virtual, extent.view, 0).end).toBe(5_000_000);
  });
  it("moves row for row by the wheel", () => {
    const middle = scrolled(top, extent.box / 2, extent);
    let place = middle;
    for (let turn = 0; turn < 20; turn += 1) place = scrolled(place, place.physical + 2 * layout.rowStep, extent);
    expect(place.virtual - middle.virtual).toBeCloseTo(40 * layout.rowStep, 3);
  });
  it("lands in proportion when the bar is dragged", () => {
    const place = scrolled(top, (extent.box - extent.view) * 0.4, extent);
    expect(place.virtual / (extent.total - extent.view)).toBeCloseTo(0.4, 6);
  });
  it("comes back in line at rest", () => {
    const place = scrolled(scrolled(top, 3_000_000, extent), 3_000_500, extent);
    expect(scrolled(top, physicalFor(place.virtual, extent), extent).virtual).toBeCloseTo(place.virtual, 3);
  });
});

describe("nextIndex", () => {
  it.each([
    [0, "ArrowRight", 1],
    [9, "ArrowRight", null],
    [0, "ArrowLeft", null],
    [2, "ArrowDown", 6],
    [7, "ArrowDown", null],
    [5, "ArrowUp", 1],
    [3, "ArrowUp", null],
    [5, "Home", 0],
    [5, "End", 9],
    [9, "End", null],
    [1, "PageDown", 9],
    [9, "PageDown", null],
    [9, "PageUp", 1],
    [5, "a", null],
    [5, "toString", null],
  ])("from %i by %s of ten cells in four columns, two rows a page: %s", (index, key, next) =>
    expect(nextIndex(index, 10, 4, 2, key)).toBe(next),
  );
  it("turns left and right around in right-to-left languages", () => {
    expect(nextIndex(5, 10, 4, 2, "ArrowLeft", true)).toBe(6);
    expect(nextIndex(5, 10, 4, 2, "ArrowRight", true)).toBe(4);
  });
});
