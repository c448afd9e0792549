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
  readonly width: number;
}

export function SpriteFrame({ sprite, seconds, width }: SpriteFrameProps) {
  const tile = spriteTile(sprite, seconds);
  return (
    <span
      className={styles.frame}
      style={{
        inlineSize: width,
        blockSize: Math.round((width * sprite.tileHeight) / Math.max(1, sprite.tileWidth)),
        backgroundImage: `url("${sprite.url}")`,
        backgroundSize: `${sprite.columns * 100}% ${sprite.rows * 100}%`,
        backgroundPosition: `${tile.xPercent}% ${tile.yPercent}%`,
      }}
    />
  );
}
