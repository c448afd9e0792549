//! A list of any length as a grid in the page: only what is in view exists. One tab stop, arrow keys move the focus, and the place is kept
//! when the window or the size of the cells changes.

import { type KeyboardEvent, type ReactNode, type Ref, useEffect, useImperativeHandle, useLayoutEffect, useMemo, useRef, useState } from "react";
import { type GridLayout, type GridShape, layoutGrid, nextIndex, tallestBox } from "./layout";
import { type OnView, useGridScroll } from "./use-grid-scroll";
import styles from "./virtual-grid.module.css";

/** A place to come back to. */
export interface GridPlace {
  /** The first item in view and how far its row was below the window's top. */
  readonly index: number;
  readonly below: number;
  /** The item that had the focus. */
  readonly focused: number | null;
}

/** What the page may ask of the grid. */
export interface GridHandle {
  readonly place: () => GridPlace;
  readonly focus: (index: number) => void;
  readonly jump: (index: number) => void;
}

interface VirtualGridProps {
  readonly label: string;
  readonly count: number;
  readonly shape: GridShape;
  /** Pixels at the window's top that fixed bars hide. */
  readonly covered: number;
  readonly initialPlace: GridPlace | null;
  readonly keyOf: (index: number) => string;
  /** A cell; while `isHeld` is true the reader moves too fast for pictures. The element to focus has `data-focus`. */
  readonly renderCell: (index: number, isHeld: boolean, isTabStop: boolean) => ReactNode;
  /** Told what will be in view right before it is rendered. */
  readonly onView: OnView;
  /** Told whenever all that is to be in view exists. */
  readonly onFilled?: (() => void) | undefined;
  /** Keys that mean nothing to the grid itself. */
  readonly onKey: (event: KeyboardEvent, index: number, layout: GridLayout) => void;
  readonly ref?: Ref<GridHandle>;
}

export function VirtualGrid(props: VirtualGridProps) {
  const { count, shape, covered, initialPlace, onView, ref } = props;
  const box = useRef<HTMLUListElement>(null);
  const [width, setWidth] = useState(0);
  const layout = useMemo(() => layoutGrid(width, count, shape), [width, count, shape]);
  const scroll = useGridScroll(box, layout, count, covered, onView);
  const [tabStop, setTabStop] = useState(initialPlace?.focused ?? 0);
  const pendingFocus = useRef<number | null>(initialPlace?.focused ?? null);

  const isEmpty = count === 0;
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const measure = () => setWidth(element.clientWidth);
    // With nothing to lay out yet, the browser may measure when it does so anyway.
    if (!isEmpty) measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [isEmpty]);

  // The place: restored once, then kept when the layout changes under the reader.
  const isRestored = useRef(false);
  const kept = useRef<{ readonly index: number; readonly below: number; readonly layout: GridLayout } | null>(null);
  useLayoutEffect(() => {
    if (width === 0 || count === 0) return;
    const known = kept.current;
    if (!isRestored.current) {
      isRestored.current = true;
      // The page's very top is that in a window of any size.
      if (initialPlace?.index === 0 && initialPlace.below >= covered) window.scrollTo(0, 0);
      else if (initialPlace !== null) scroll.putAt(initialPlace.index, initialPlace.below);
    } else if (known && known.index > 0 && (known.layout.columns !== layout.columns || known.layout.rowStep !== layout.rowStep)) {
      scroll.putAt(known.index, known.below);
    }
    kept.current = { ...scroll.topItem(), layout };
  });

  // A cell takes the focus once it exists; a placeholder only lends itself until then.
  useLayoutEffect(() => {
    const index = pendingFocus.current;
    if (index === null) return;
    const target = box.current?.querySelector<HTMLElement>(`[data-index="${index}"] [data-focus]`);
    if (!target) return;
    target.focus({ preventScroll: true });
    if (target.dataset.focus !== "placeholder") pendingFocus.current = null;
  });

  const focus = (index: number) => {
    pendingFocus.current = index;
    setTabStop(index);
    scroll.reveal(index, "nearest");
  };
  useImperativeHandle(ref, () => ({
    place: () => ({ ...scroll.topItem(), focused: box.current?.contains(document.activeElement) ? tabStop : null }),
    focus,
    jump: (index) => scroll.putAt(index, covered),
  }));

  const { first, end } = scroll.ready;
  const isFilled = end > 0 && first <= scroll.first && end >= scroll.end;
  const { onFilled } = props;
  // Whoever asks is outside the grid.
  useEffect(() => {
    if (isFilled) onFilled?.();
  }, [isFilled, onFilled]);
  const indexes = Array.from({ length: Math.max(0, end - first) }, (_, offset) => first + offset);
  // The focused cell stays, or the focus would fall to the page's start.
  if (tabStop < count && (tabStop < first || tabStop >= end)) indexes.push(tabStop);
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- the events come from the links inside
    <ul
      ref={box}
      className={styles.grid}
      aria-label={props.label}
      style={{ blockSize: Math.min(layout.height, tallestBox) }}
      onFocus={(event) => {
        const index = indexOf(event.target);
        if (index !== null && index !== tabStop) setTabStop(index);
      }}
      onKeyDown={(event) => {
        const index = indexOf(event.target);
        if (index === null) return;
        const hasModifier = event.shiftKey || event.ctrlKey || event.metaKey || event.altKey;
        const pageRows = Math.max(1, Math.floor(window.innerHeight / layout.rowStep) - 1);
        const isRightToLeft = document.documentElement.dir === "rtl";
        const next = hasModifier ? null : nextIndex(index, count, layout.columns, pageRows, event.key, isRightToLeft);
        if (next === null) {
          props.onKey(event, index, layout);
        } else {
          event.preventDefault();
          focus(next);
        }
      }}
    >
      {width > 0 &&
        indexes.map((index) => (
          <li
            key={props.keyOf(index)}
            className={styles.cell}
            data-index={index}
            aria-posinset={index + 1}
            aria-setsize={count}
            style={{
              inlineSize: layout.cellWidth,
              blockSize: layout.cellHeight,
              transform: `translate(${(index % layout.columns) * layout.columnStep}px, ${Math.floor(index / layout.columns) * layout.rowStep - scroll.shift}px)`,
            }}
          >
            {props.renderCell(index, scroll.isFast, index === tabStop)}
          </li>
        ))}
    </ul>
  );
}

function indexOf(target: EventTarget): number | null {
  const cell = target instanceof Element ? target.closest<HTMLElement>("[data-index]") : null;
  return cell === null ? null : Number(cell.dataset.index);
}
