//! One item of the grid: picture or kind, badge, length, title, size. Takes the lean part of the contract's card.

import { memo, useState } from "react";
import { Link } from "wouter";
import { type FragmentOf, graphql, readFragment } from "@/data/graphql";
import { formatBytes, formatDuration, formatResolution } from "@/lib/format";
import { currentLocale } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { isTilePicture } from "@/lib/playability";
import { classNames } from "@/ui/class-names";
import { KindIcon, kindText } from "./kind-icon";
import styles from "./media-tile.module.css";

export const MediaTileFragment = graphql(`
  fragment MediaTile on Media {
    __typename
    id
    title
    thumbnail { url }
    files { id path size container url }
    ... on Video { duration width height }
    ... on Audio { duration }
    ... on Image { width height }
  }
`);

interface MediaTileProps {
  readonly media: FragmentOf<typeof MediaTileFragment>;
  /** Position in the whole list, from 1, and the length of that list. */
  readonly position: number;
  readonly total: number;
  /** Whether Tab stops here; the grid has one such tile. */
  readonly isTabStop: boolean;
}

export const MediaTile = memo(function MediaTile(props: MediaTileProps) {
  const media = readFragment(MediaTileFragment, props.media);
  const locale = currentLocale();
  const size = media.files.reduce((sum, file) => sum + file.size, 0);
  const duration = media.__typename === "Image" ? null : media.duration;
  const resolution = media.__typename === "Audio" ? "" : formatResolution(media.width, media.height);
  const facts = [resolution, formatBytes(size, locale)].filter(Boolean).join(" · ");
  const original = media.__typename === "Image" ? media.files.find((file) => file.url !== null && isTilePicture(file)) : undefined;
  return (
    <li className={styles.tile} aria-posinset={props.position} aria-setsize={props.total}>
      <Link
        href={paths.media(media.id)}
        className={styles.link}
        tabIndex={props.isTabStop ? 0 : -1}
        data-media={media.id}
      >
        {/* First for a screen reader, below the picture for the eye. */}
        <span className={styles.title}>{media.title}</span>
        <div className={classNames(styles.picture, styles[media.__typename])}>
          <KindIcon type={media.__typename} />
          <Picture url={media.thumbnail?.url ?? original?.url ?? null} />
          <span className={styles.badges}>
            <span className={styles.badge}>{kindText(media.__typename)}</span>
            {duration != null && <span className={styles.badge}>{formatDuration(duration)}</span>}
          </span>
        </div>
        <span className={styles.facts}>{facts}</span>
      </Link>
    </li>
  );
});

/** The picture over its kind's color. It keeps its first address, as a signed one is new in every answer for the same bytes. */
function Picture({ url }: { readonly url: string | null }) {
  const [shown, setShown] = useState(url);
  const [failed, setFailed] = useState<string | null>(null);
  const source = shown === null || shown === failed ? url : shown;
  if (source === null || source === failed) return null;
  if (source !== shown) setShown(source);
  return <img className={styles.image} src={source} alt="" loading="lazy" decoding="async" onError={() => setFailed(source)} />;
}
