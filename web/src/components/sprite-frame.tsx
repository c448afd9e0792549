//! One frame of a sprite sheet.

import { spriteTile } from "@/lib/sprite";
import styles from "./sprite-frame.module.css";

/** A sheet of small frames. */
export interface SpriteSheet {
  readonly url: string;
  readonly columns: number;
  readonly rows: number;
  readonly interval: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
}

interface SpriteFrameProps {
  readonly sprite: SpriteSheet;
  readonly seconds: number;
  /** In pixels; null to fill what is around it. */
  readonly width: number | null;
}

export function SpriteFrame({ sprite, seconds, width }: SpriteFrameProps) {
  const tile = spriteTile(sprite, seconds);
  return (
    <span
      className={styles.frame}
      style={{
        inlineSize: width ?? "100%",
        aspectRatio: `${Math.max(1, sprite.tileWidth)} / ${Math.max(1, sprite.tileHeight)}`,
        backgroundImage: `url("${sprite.url}")`,
        backgroundSize: `${sprite.columns * 100}% ${sprite.rows * 100}%`,
        backgroundPosition: `${tile.xPercent}% ${tile.yPercent}%`,
      }}
    />
  );
}
