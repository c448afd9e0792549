//! One slider at the list's edge that reaches any place of a list of any length.

import { type RefObject, useState } from "react";
import type { TileItem } from "@/components/media-lists";
import { MediaTileFragment } from "@/components/media-tile";
import { readFragment } from "@/data/graphql";
import type { WindowList } from "@/data/window-list";
import { t } from "@/lib/messages";
import styles from "./scrubber.module.css";

/** Shorter lists are scrolled. */
const shortList = 300;

interface ScrubberProps {
  readonly ref: RefObject<HTMLInputElement | null>;
  readonly tiles: WindowList<TileItem>;
  readonly count: number;
  readonly onJump: (index: number) => void;
}

export function Scrubber({ ref, tiles, count, onJump }: ScrubberProps) {
  const [at, setAt] = useState<number | null>(null);
  // The place in words, for whoever is on the slider: the first number costs the browser 20 ms, which not every page need pay.
  const [told, setTold] = useState<number | null>(null);
  if (count < shortList) return null;
  const words = (index: number) => {
    const item = tiles.item(index);
    const place = t("library.place", { place: index + 1, total: count });
    const media = item === null ? null : readFragment(MediaTileFragment, item);
    return media === null ? place : `${place} · ${media.date ?? media.title}`;
  };
  return (
    <div className={styles.scrubber}>
      <input
        ref={ref}
        type="range"
        className={styles.slider}
        min={0}
        max={count - 1}
        step={Math.max(1, Math.round(count / 500))}
        defaultValue={0}
        aria-label={t("library.scrubber")}
        aria-orientation="vertical"
        aria-valuetext={told === null ? undefined : words(told)}
        onPointerEnter={() => void tiles.explore()}
        onChange={(event) => {
          const index = Math.min(count - 1, Number(event.target.value));
          setAt(index);
          setTold(index);
          onJump(index);
        }}
        onPointerUp={() => setAt(null)}
        onFocus={(event) => setTold(Number(event.target.value))}
        onBlur={() => {
          setAt(null);
          setTold(null);
        }}
      />
      {at !== null && (
        <span className={styles.bubble} style={{ insetBlockStart: `${(at / count) * 100}%` }} aria-hidden="true">
          {words(at)}
        </span>
      )}
    </div>
  );
}
