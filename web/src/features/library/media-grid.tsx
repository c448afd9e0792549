//! The media of a list as tiles.

import { useEffect, useRef } from "react";
import type { ListArguments, TileItem } from "@/components/media-lists";
import { MediaTile, TilePlaceholder } from "@/components/media-tile";
import { isSelected, isSelecting, useSelection } from "@/components/selection";
import type { WindowList } from "@/data/window-list";
import { reportContent } from "@/lib/first-content";
import { t } from "@/lib/messages";
import type { GridShape } from "@/ui/grid/layout";
import { type GridHandle, type GridPlace, VirtualGrid } from "@/ui/grid/virtual-grid";
import { useHasContent } from "@/ui/use-has-content";
import styles from "./media-grid.module.css";
import { keepPlace } from "./place";
import { Scrubber } from "./scrubber";
import { useDragSelect } from "./use-drag-select";
import { useListActions } from "./use-list-actions";

export interface ListBodyProps {
  readonly list: ListArguments;
  readonly tiles: WindowList<TileItem>;
  /** The list's own address, without its look. */
  readonly address: string;
  readonly shape: GridShape;
  readonly place: GridPlace | null;
  /** Told the places in view, for whoever must know what is stale. */
  readonly onVisible: (first: number, end: number) => void;
}

/** What the top bar and the list's own bar cover. */
export const coveredPx = 116;

/** Places shown while nobody knows how many items there are. */
const guessed = Array.from({ length: 24 }, (_, index) => index);
/** Pictures of the first rows come first. */
const eagerTiles = 8;

const keepMs = 200;

interface MediaGridProps extends ListBodyProps {
  readonly look: "card" | "bare";
}

export function MediaGrid({ list, tiles, address, shape, place, onVisible, look }: MediaGridProps) {
  const grid = useRef<GridHandle>(null);
  const scrubber = useRef<HTMLInputElement>(null);
  const selection = useSelection();
  const count = tiles.total ?? 0;
  const hasContent = useHasContent();
  const { tile: actions, onKey, canEdit } = useListActions({ list, idAt: (index) => tiles.item(index)?.id ?? null, nearest: (index) => tiles.nearest(index), count, grid });
  const drag = useDragSelect(actions);
  const lastWant = useRef(0);
  const keeper = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const cellWidth = useRef(320);
  // A place is kept a moment late, but never in the next page's history entry.
  useEffect(() => () => clearTimeout(keeper.current), []);

  return (
    <div className={styles.frame} {...drag} onClickCapture={() => grid.current && keepPlace(grid.current.place())}>
      <VirtualGrid
        ref={grid}
        label={t("library.grid")}
        count={count}
        shape={shape}
        covered={coveredPx}
        initialPlace={place}
        keyOf={(index) => tiles.item(index)?.id ?? `place-${index}`}
        onKey={onKey}
        onFilled={reportContent}
        onView={({ first, end, isFast }, fraction, layout) => {
          cellWidth.current = layout.cellWidth;
          onVisible(first, end);
          if (scrubber.current) scrubber.current.value = String(Math.round(fraction * count));
          if (tiles.total === null) return;
          // A reader who flies over the list asks for what is below at most eight times a second.
          const now = performance.now();
          if (isFast && now - lastWant.current < 120) return;
          lastWant.current = now;
          tiles.want(first, end, isFast ? "oneByOne" : "atOnce");
          clearTimeout(keeper.current);
          keeper.current = setTimeout(() => grid.current && keepPlace(grid.current.place()), keepMs);
        }}
        renderCell={(index, isHeld, isTabStop) => {
          const item = tiles.item(index);
          if (item === null) return <TilePlaceholder look={look} />;
          return (
            <MediaTile
              media={item}
              index={index}
              width={Math.round(cellWidth.current / 20) * 20}
              look={look}
              isHeld={isHeld}
              isTabStop={isTabStop}
              isSelected={isSelected(selection, item.id)}
              isSelecting={isSelecting(selection)}
              isEager={index < eagerTiles}
              actions={actions}
              list={address}
              canEdit={canEdit}
            />
          );
        }}
      />
      {tiles.total === null && <Guess shape={shape} look={look} />}
      {hasContent && <Scrubber ref={scrubber} tiles={tiles} count={count} onJump={(index) => grid.current?.jump(index)} />}
    </div>
  );
}

/** Stands where the items will be, laid out by the style sheet alone. */
function Guess({ shape, look }: { readonly shape: GridShape; readonly look: "card" | "bare" }) {
  const { minWidth, gap, ratio, extraHeight } = shape;
  return (
    <div role="img" aria-label={t("app.loading")} className={styles.guess} style={{ gap, gridTemplateColumns: `repeat(auto-fill, minmax(${minWidth}px, 1fr))` }}>
      {guessed.map((index) => (
        <span key={index} className={look === "bare" ? styles.bare : styles.place} style={{ aspectRatio: `1 / ${ratio}`, marginBlockEnd: extraHeight }} />
      ))}
    </div>
  );
}
