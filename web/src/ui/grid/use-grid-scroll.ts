//! Follows the window's scroll position for a grid in the page: which items to show, how far they are shifted, and whether the reader
//! moves too fast to see pictures.

import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { extentOf, type GridLayout, grown, itemsIn, physicalFor, scrolled, type ScrollPlace, type Stretch } from "./layout";

/** Faster than this, nobody sees a picture; loading and decoding them would only cost frames. */
const fastPxPerMs = 3;
/** The reader is at rest so long after the last scroll event. */
const restMs = 100;

/** Cells made in one frame: about a quarter of a screen, and a few milliseconds. */
const cellsPerFrame = 12;
/** The very first ones are made by code that has never run. */
const firstCells = 6;

/** What of the grid is to be rendered. */
export interface GridView {
  readonly first: number;
  readonly end: number;
  /** The part of it that exists by now; the rest follows within a few frames. */
  readonly ready: Stretch;
  /** To subtract from a cell's place in the whole grid to get its place in the box. */
  readonly shift: number;
  readonly isFast: boolean;
}

export interface GridScroll extends GridView {
  /** Brings an item into view: not at all when it is, else at the nearest edge or in the middle. */
  readonly reveal: (index: number, where: "nearest" | "center") => void;
  /** Puts the top of an item's row so many pixels below the window's top. */
  readonly putAt: (index: number, below: number) => void;
  /** The first item in view and how far its row's top is below the window's. */
  readonly topItem: () => { readonly index: number; readonly below: number };
}

/** Speed is measured over so long, since wheels turn in notches and frames between them would count as rest. */
const speedMs = 150;

/** Told what will be in view before it is rendered, so that items that are here already need no second render. */
export type OnView = (view: GridView, fraction: number, layout: GridLayout) => void;

/** `covered` is what fixed bars hide at the window's top. */
export function useGridScroll(
  box: RefObject<HTMLElement | null>,
  layout: GridLayout,
  count: number,
  covered: number,
  onView: OnView,
): GridScroll {
  const place = useRef<ScrollPlace>({ physical: 0, virtual: 0 });
  const [view, setView] = useState<GridView>({ first: 0, end: 0, ready: { first: 0, end: 0 }, shift: 0, isFast: false });
  const growing = useRef(0);

  const tell = useRef(onView);
  useLayoutEffect(() => {
    tell.current = onView;
  });

  const ready = useRef<Stretch>({ first: 0, end: 0 });
  const show = useCallback(
    function show(isFast: boolean) {
      // Nothing is made before the grid knows its width, and what it holds.
      if (layout.cellWidth <= 1 || count === 0) return;
      const extent = extentOf(layout.height, window.innerHeight);
      const top = topOf(box);
      place.current = scrolled(place.current, -top, extent);
      const { virtual, physical } = place.current;
      const range = itemsIn(layout, count, virtual, window.innerHeight, isFast ? 1 : 2);
      const inView = itemsIn(layout, count, virtual, window.innerHeight, 0);
      ready.current = grown(ready.current, inView, range, ready.current.end === 0 ? firstCells : cellsPerFrame);
      const next = { ...range, ready: ready.current, shift: Math.round(virtual - physical), isFast };
      cancelAnimationFrame(growing.current);
      if (ready.current.first > range.first || ready.current.end < range.end) growing.current = requestAnimationFrame(() => show(isFast));
      tell.current(next, fractionOf(place.current, layout), layout);
      setView((known) => (isSame(known, next) ? known : next));
    },
    [box, count, layout],
  );

  useEffect(() => () => cancelAnimationFrame(growing.current), []);

  // Before paint, since a new layout or count makes other items visible.
  useLayoutEffect(() => show(false), [show]);

  // The window's scroll position is outside React.
  useEffect(() => {
    let frame = 0;
    let rest: ReturnType<typeof setTimeout> | undefined;
    let trail: { readonly at: number; readonly y: number }[] = [];
    let isFast = false;
    const settle = () => {
      isFast = false;
      trail = [];
      const extent = extentOf(layout.height, window.innerHeight);
      const wanted = physicalFor(place.current.virtual, extent);
      // The scroll bar tells the truth again; the picture does not move.
      if (Math.abs(wanted - place.current.physical) > 1 && place.current.physical > 0) {
        const by = Math.round(wanted - place.current.physical);
        place.current = { ...place.current, physical: place.current.physical + by };
        window.scrollBy(0, by);
      }
      show(false);
    };
    const onFrame = (now: number) => {
      frame = 0;
      trail = [...trail.filter(({ at }) => now - at < speedMs), { at: now, y: window.scrollY }];
      const first = trail[0] ?? { at: now, y: window.scrollY };
      const speed = Math.abs(window.scrollY - first.y) / Math.max(16, now - first.at);
      isFast = speed > fastPxPerMs;
      show(isFast);
    };
    const onScroll = () => {
      if (frame === 0) frame = requestAnimationFrame(onFrame);
      clearTimeout(rest);
      rest = setTimeout(settle, restMs);
    };
    const onResize = () => show(false);
    window.addEventListener("scroll", onScroll, { passive: true });
    window.addEventListener("resize", onResize);
    return () => {
      window.removeEventListener("scroll", onScroll);
      window.removeEventListener("resize", onResize);
      cancelAnimationFrame(frame);
      clearTimeout(rest);
    };
  }, [layout, show]);

  const goTo = useCallback(
    (virtual: number) => {
      const extent = extentOf(layout.height, window.innerHeight);
      const target = Math.min(Math.max(-covered - 400, virtual), Math.max(0, extent.total - extent.view / 2));
      const physical = virtual <= 0 ? virtual : physicalFor(target, extent);
      const top = topOf(box);
      place.current = { physical, virtual: target };
      window.scrollTo(0, window.scrollY + top + physical);
      // The browser may have stopped earlier, at the end of the page.
      const reached = -topOf(box);
      place.current = { physical: reached, virtual: target + (reached - physical) };
      show(false);
    },
    [box, covered, layout, show],
  );

  return {
    ...view,
    reveal: (index, where) => {
      const top = Math.floor(index / layout.columns) * layout.rowStep;
      const bottom = top + layout.cellHeight;
      const from = place.current.virtual + covered;
      const to = place.current.virtual + window.innerHeight - 80;
      if (top >= from && bottom <= to) return;
      if (where === "center") goTo(top - (window.innerHeight - layout.cellHeight) / 2);
      else if (top < from) goTo(top - covered);
      else goTo(bottom - window.innerHeight + 80);
    },
    putAt: (index, below) => goTo(Math.floor(index / layout.columns) * layout.rowStep - below),
    topItem: () => {
      const row = Math.max(0, Math.floor((place.current.virtual + covered) / layout.rowStep));
      return { index: Math.min(Math.max(0, count - 1), row * layout.columns), below: row * layout.rowStep - place.current.virtual };
    },
  };
}

/** How far the box begins below the window's top. */
function topOf(box: RefObject<HTMLElement | null>): number {
  return box.current?.getBoundingClientRect().top ?? 0;
}

/** The part of the whole grid that is above the window, between 0 and 1. */
function fractionOf(place: ScrollPlace, layout: GridLayout): number {
  return Math.min(1, Math.max(0, place.virtual / Math.max(1, layout.height - window.innerHeight)));
}

function isSame(left: GridView, right: GridView): boolean {
  const keys = ["first", "end", "shift", "isFast"] as const;
  return keys.every((key) => left[key] === right[key]) && left.ready.first === right.ready.first && left.ready.end === right.ready.end;
}
