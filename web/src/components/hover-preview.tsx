//! What a video shows under the mouse: its preview clip, and its frames when the pointer goes along the lower edge. Loaded on first use.

import { useEffect, useState } from "react";
import { useQuery } from "urql";
import { graphql } from "@/data/graphql";
import { formatDuration } from "@/lib/format";
import { spriteTile } from "@/lib/sprite";
import styles from "./hover-preview.module.css";

const HoverMedia = graphql(`
  query HoverMedia($id: ID!) {
    node(id: $id) {
      __typename
      id
      ... on Video { duration previewUrl sprite { url columns rows interval tileWidth tileHeight } }
    }
  }
`);

/** Only passing over a tile loads nothing. */
const dwellMs = 180;

export function HoverPreview({ id }: { readonly id: string }) {
  const [isStaying, setIsStaying] = useState(false);
  const [fraction, setFraction] = useState<number | null>(null);
  const [{ data }] = useQuery({ query: HoverMedia, variables: { id }, pause: !isStaying });
  // Time passes outside React.
  useEffect(() => {
    const timer = setTimeout(() => setIsStaying(true), dwellMs);
    return () => clearTimeout(timer);
  }, []);
  const media = data?.node?.__typename === "Video" ? data.node : null;
  if (media === null || prefersStillness()) return null;
  const { sprite, duration, previewUrl } = media;
  const seconds = fraction === null || !duration ? null : fraction * duration;
  const tile = sprite && seconds !== null ? spriteTile(sprite, seconds) : null;
  return (
    <span className={styles.hover}>
      {previewUrl !== null && (
        <video className={styles.clip} src={previewUrl} muted autoPlay loop playsInline disablePictureInPicture aria-hidden="true" tabIndex={-1} />
      )}
      {tile !== null && sprite && (
        <span className={styles.frame}>
          <span
            className={styles.tile}
            style={{
              backgroundImage: `url("${sprite.url}")`,
              backgroundSize: `${sprite.columns * 100}% ${sprite.rows * 100}%`,
              backgroundPosition: `${tile.xPercent}% ${tile.yPercent}%`,
            }}
          />
        </span>
      )}
      {sprite && (
        <span
          className={styles.rail}
          onPointerMove={(event) => {
            const box = event.currentTarget.getBoundingClientRect();
            setFraction(Math.min(0.999, Math.max(0, (event.clientX - box.left) / box.width)));
          }}
          onPointerLeave={() => setFraction(null)}
        >
          <span className={styles.mark} style={{ insetInlineStart: `${(fraction ?? 0) * 100}%`, opacity: fraction === null ? 0 : 1 }} />
          {seconds !== null && <span className={styles.time}>{formatDuration(seconds)}</span>}
        </span>
      )}
    </span>
  );
}

function prefersStillness(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches || matchMedia("(prefers-reduced-data: reduce)").matches;
}
