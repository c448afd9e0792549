//! One item of the grid: picture, badge, heart, check box, title. Takes the lean part of the contract's card.

import { lazy, memo, Suspense, useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { type FragmentOf, graphql, readFragment } from "@/data/graphql";
import { formatDuration } from "@/lib/format";
import { whenIdle } from "@/lib/idle";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { averageColor, decodeBlur } from "@/lib/thumbhash";
import { classNames } from "@/ui/class-names";
import { CheckIcon, HeartIcon } from "@/ui/icons";
import spoken from "@/ui/spoken.module.css";
import { KindIcon, kindText } from "./kind-icon";
import styles from "./media-tile.module.css";

export const MediaTileFragment = graphql(`
  fragment MediaTile on Media {
    __typename
    id
    title
    date
    rating
    isFavorite
    thumbnail { url thumbhash srcset { url width } }
    ... on Video { duration resumePosition }
    ... on Audio { duration resumePosition }
  }
`);

const HoverPreview = lazy(async () => ({ default: (await import("./hover-preview")).HoverPreview }));

/** What the list does for a tile. The same functions for all tiles, so that a tile renders only when it changes. */
export interface TileActions {
  readonly toggle: (id: string, index: number) => void;
  readonly extend: (index: number) => void;
  readonly favorite: (id: string, isFavorite: boolean) => void;
}

interface MediaTileProps {
  readonly media: FragmentOf<typeof MediaTileFragment>;
  readonly index: number;
  /** Wide enough for the picture's `sizes`. */
  readonly width: number;
  readonly look: "card" | "bare";
  /** The reader moves too fast for pictures. */
  readonly isHeld: boolean;
  readonly isTabStop: boolean;
  readonly isSelected: boolean;
  /** Something is selected, so that a click selects too. */
  readonly isSelecting: boolean;
  readonly isEager: boolean;
  readonly actions: TileActions;
  /** The list's address, for "next" and "previous" on the item's page. */
  readonly list: string;
  readonly canEdit: boolean;
}

export const MediaTile = memo(function MediaTile(props: MediaTileProps) {
  const media = readFragment(MediaTileFragment, props.media);
  const [isHovered, setIsHovered] = useState(false);
  const { actions, index } = props;
  const duration = media.__typename === "Image" ? null : media.duration;
  const watched = media.__typename === "Image" || !duration ? 0 : (media.resumePosition ?? 0) / duration;
  return (
    <div
      className={classNames(styles.tile, props.look === "bare" && styles.bare, props.isSelected && styles.selected, props.isSelecting && styles.selecting)}
      data-media={media.id}
      onPointerEnter={(event) => event.pointerType === "mouse" && media.__typename === "Video" && setIsHovered(true)}
      onPointerLeave={() => setIsHovered(false)}
    >
      <Link
        href={paths.media(media.id)}
        state={{ list: props.list, index }}
        className={styles.link}
        tabIndex={props.isTabStop ? 0 : -1}
        data-focus="item"
        onClick={(event) => {
          if (!props.isSelecting && !event.shiftKey) return;
          if (event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          if (event.shiftKey) actions.extend(index);
          else actions.toggle(media.id, index);
        }}
      >
        {/* First for a screen reader, below the picture for the eye. */}
        <span className={styles.title} title={media.title}>
          {media.title}
          {props.isSelected && <span className={spoken.spoken}>, {t("select.selected")}</span>}
        </span>
        <span className={classNames(styles.picture, styles[media.__typename])}>
          {media.thumbnail === null && <KindIcon type={media.__typename} />}
          <Picture thumbnail={media.thumbnail} width={props.width} isHeld={props.isHeld} isEager={props.isEager} />
          {isHovered && !props.isHeld && (
            <Suspense>
              <HoverPreview id={media.id} />
            </Suspense>
          )}
          <span className={styles.badges}>
            {media.rating != null && media.rating > 0 && <span className={styles.badge}>{"★".repeat(Math.round(media.rating / 20))}</span>}
            <span className={styles.badge}>{duration == null ? kindText(media.__typename) : formatDuration(duration)}</span>
          </span>
          {watched > 0.01 && <span className={styles.watched} style={{ scale: `${Math.min(1, watched)} 1` }} />}
        </span>
        {props.look === "card" && <span className={styles.facts}>{media.date ?? kindText(media.__typename)}</span>}
      </Link>
      <button
        type="button"
        role="checkbox"
        aria-checked={props.isSelected}
        className={styles.check}
        tabIndex={-1}
        aria-label={t("select.item", { title: media.title })}
        data-check={index}
        onClick={(event) => (event.shiftKey ? actions.extend(index) : actions.toggle(media.id, index))}
      >
        <CheckIcon />
      </button>
      {props.canEdit && (
        <button
          type="button"
          className={classNames(styles.heart, media.isFavorite && styles.loved)}
          aria-pressed={media.isFavorite}
          tabIndex={-1}
          aria-label={t("edit.favoriteOf", { title: media.title })}
          onClick={() => actions.favorite(media.id, !media.isFavorite)}
        >
          <HeartIcon />
        </button>
      )}
    </div>
  );
});

interface PictureProps {
  readonly thumbnail: {
    readonly url: string;
    readonly thumbhash: string | null;
    readonly srcset: readonly { readonly url: string; readonly width: number }[];
  } | null;
  readonly width: number;
  readonly isHeld: boolean;
  readonly isEager: boolean;
}

/** Average color at once, blur when there is time, then the picture. It keeps its first address, as a signed one is new in every answer. */
export function Picture({ thumbnail, width, isHeld, isEager }: PictureProps) {
  const [kept, setKept] = useState<PictureProps["thumbnail"]>(null);
  const [state, setState] = useState<"waiting" | "loaded" | "failed">("waiting");
  if (thumbnail !== null && kept === null && !isHeld) setKept(thumbnail);
  if (thumbnail === null) return null;
  const hash = thumbnail.thumbhash;
  return (
    <span className={styles.layers} style={hash === null ? undefined : { background: averageColor(hash) ?? undefined }}>
      {hash !== null && !isHeld && state !== "loaded" && <Blur hash={hash} />}
      {kept !== null && state !== "failed" && (
        <img
          className={classNames(styles.image, state === "loaded" && styles.there)}
          src={kept.url}
          srcSet={kept.srcset.map((picture) => `${picture.url} ${picture.width}w`).join(", ")}
          sizes={`${Math.ceil(width)}px`}
          alt=""
          decoding="async"
          draggable={false}
          fetchPriority={isEager ? "high" : "auto"}
          onLoad={() => setState("loaded")}
          onError={() => (kept.url === thumbnail.url ? setState("failed") : setKept(thumbnail))}
        />
      )}
    </span>
  );
}

function Blur({ hash }: { readonly hash: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  // A canvas is drawn outside React; some milliseconds each, so a screenful of them waits for its turn.
  useEffect(
    () =>
      whenIdle(() => {
        const blur = decodeBlur(hash);
        const context = canvas.current?.getContext("2d");
        if (!blur || !context || !canvas.current) return;
        canvas.current.width = blur.width;
        canvas.current.height = blur.height;
        context.putImageData(new ImageData(blur.pixels, blur.width, blur.height), 0, 0);
      }),
    [hash],
  );
  return <canvas ref={canvas} className={styles.blur} width="1" height="1" aria-hidden="true" />;
}

/** Stands for an item that is not here yet, in its exact size. */
export function TilePlaceholder({ look }: { readonly look: "card" | "bare" }) {
  return (
    <div className={classNames(styles.tile, look === "bare" && styles.bare)} data-placeholder="">
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it keeps the focus until its item arrives */}
      <span className={styles.link} tabIndex={-1} data-focus="placeholder" aria-label={t("app.loading")} role="img">
        <span className={styles.picture} />
      </span>
    </div>
  );
}
