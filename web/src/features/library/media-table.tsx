//! The media of a list as rows with their facts.

import "@/lib/page-messages";
import { memo, useRef, useState } from "react";
import { useClient } from "urql";
import { Link } from "wouter";
import { KindIcon, kindText } from "@/components/kind-icon";
import { mediaSource } from "@/components/media-lists";
import { Picture } from "@/components/media-tile";
import { isSelected, useSelection } from "@/components/selection";
import { type FragmentOf, graphql, readFragment } from "@/data/graphql";
import { ListCache, useWindowList } from "@/data/list-cache";
import { WindowList } from "@/data/window-list";
import { reportContent } from "@/lib/first-content";
import { formatBytes, formatDuration, formatResolution } from "@/lib/format";
import { type LibrarySearch, type Order, orderOf } from "@/lib/library-search";
import { currentLocale, t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { classNames } from "@/ui/class-names";
import { type GridHandle, VirtualGrid } from "@/ui/grid/virtual-grid";
import type { Go } from "./library-page";
import { coveredPx, type ListBodyProps } from "./media-grid";
import styles from "./media-table.module.css";
import { keepPlace } from "./place";
import { Scrubber } from "./scrubber";
import { useDragSelect } from "./use-drag-select";
import { useListActions } from "./use-list-actions";

const MediaRowFragment = graphql(`
  fragment MediaRow on Media {
    __typename
    id
    title
    date
    rating
    isFavorite
    thumbnail { url thumbhash srcset { url width } }
    tags(first: 4) { nodes { id name } }
    studio { id name }
    files { id size container }
    ... on Video { duration width height codecs }
    ... on Audio { duration codecs }
    ... on Image { width height }
  }
`);

const MediaRows = graphql(
  `
    query MediaRows($first: Int!, $after: String, $search: String, $filter: MediaFilter, $sort: [MediaSort!], $withTotal: Boolean!) {
      media(first: $first, after: $after, search: $search, filter: $filter, sort: $sort) {
        totalCount @include(if: $withTotal)
        pageInfo { endCursor }
        nodes { __typename id ...MediaRow }
      }
    }
  `,
  [MediaRowFragment],
);

type RowItem = FragmentOf<typeof MediaRowFragment> & { readonly id: string };

const rowLists = new ListCache<RowItem>();
const rowWindow = 40;

interface MediaTableProps extends ListBodyProps {
  readonly search: LibrarySearch;
  readonly onGo: Go;
}

export function MediaTable({ list, tiles, address, shape, place, onVisible, search, onGo }: MediaTableProps) {
  const client = useClient();
  const [rows] = useState(() =>
    rowLists.get(client, address, () => {
      const pageOf = (data: { media: { totalCount?: number | undefined; pageInfo: { endCursor: string | null }; nodes: readonly RowItem[] } }) => ({
        items: data.media.nodes,
        endCursor: data.media.pageInfo.endCursor,
        total: data.media.totalCount ?? null,
      });
      return new WindowList(mediaSource(client, MediaRows, rowWindow, list, pageOf), rowWindow);
    }),
  );
  useWindowList(rows);
  const grid = useRef<GridHandle>(null);
  const scrubber = useRef<HTMLInputElement>(null);
  const selection = useSelection();
  const count = rows.total ?? tiles.total ?? 0;
  const idAt = (index: number) => rows.item(index)?.id ?? null;
  const { tile: actions, onKey } = useListActions({ list, idAt, nearest: (index) => rows.nearest(index), count, grid });
  const drag = useDragSelect(actions);
  const height = shape.extraHeight;
  return (
    <div className={styles.frame} {...drag} onClickCapture={() => grid.current && keepPlace(grid.current.place())}>
      <Heads search={search} onGo={onGo} />
      <VirtualGrid
        ref={grid}
        label={t("library.grid")}
        count={count}
        shape={shape}
        covered={coveredPx + 36}
        initialPlace={rows.total === null ? null : place}
        key={rows.total === null ? "guess" : "known"}
        keyOf={(index) => rows.item(index)?.id ?? `place-${index}`}
        onKey={onKey}
        onFilled={rows.total === null ? undefined : reportContent}
        onView={({ first, end, isFast }, fraction) => {
          onVisible(first, end);
          if (scrubber.current) scrubber.current.value = String(Math.round(fraction * count));
          if (!isFast && rows.total !== null) rows.want(first, end);
        }}
        renderCell={(index, isHeld, isTabStop) => {
          const item = rows.item(index);
          if (item === null) return <span className={styles.row} tabIndex={-1} data-focus="placeholder" />;
          return (
            <Row
              media={item}
              index={index}
              height={height}
              isHeld={isHeld}
              isTabStop={isTabStop}
              isSelected={isSelected(selection, item.id)}
              list={address}
              onToggle={actions.toggle}
            />
          );
        }}
      />
      <Scrubber ref={scrubber} tiles={tiles} count={count} onJump={(index) => grid.current?.jump(index)} />
    </div>
  );
}

const columns: readonly { readonly key: string; readonly order: Order | null; readonly label: "library.sort.title" | "library.sort.date" | "library.sort.duration" | "table.resolution" | "library.sort.size" | "table.format" | "media.tags" | "library.sort.rating" }[] = [
  { key: "title", order: "title", label: "library.sort.title" },
  { key: "date", order: "date", label: "library.sort.date" },
  { key: "duration", order: "duration", label: "library.sort.duration" },
  { key: "resolution", order: null, label: "table.resolution" },
  { key: "size", order: "size", label: "library.sort.size" },
  { key: "format", order: null, label: "table.format" },
  { key: "tags", order: null, label: "media.tags" },
  { key: "rating", order: "rating", label: "library.sort.rating" },
];

function Heads({ search, onGo }: { readonly search: LibrarySearch; readonly onGo: Go }) {
  const order = orderOf(search);
  return (
    <div className={classNames(styles.row, styles.heads)}>
      <span />
      <span />
      {columns.map(({ key, order: own, label }) =>
        own === null ? (
          <span key={key} className={styles[key]}>
            {t(label)}
          </span>
        ) : (
          <button
            key={key}
            type="button"
            className={classNames(styles.head, styles[key])}
            aria-pressed={order === own}
            onClick={() => onGo({ order: own, isReversed: order === own && !search.isReversed })}
          >
            {t(label)}
            {order === own && (search.isReversed ? " ↑" : " ↓")}
          </button>
        ),
      )}
    </div>
  );
}

interface RowProps {
  readonly media: RowItem;
  readonly index: number;
  readonly height: number;
  readonly isHeld: boolean;
  readonly isTabStop: boolean;
  readonly isSelected: boolean;
  readonly list: string;
  readonly onToggle: (id: string, index: number) => void;
}

const Row = memo(function Row({ height, ...props }: RowProps) {
  const media = readFragment(MediaRowFragment, props.media);
  const locale = currentLocale();
  const size = media.files.reduce((sum, file) => sum + file.size, 0);
  const resolution = media.__typename === "Audio" ? "" : formatResolution(media.width, media.height);
  const formats = [media.files[0]?.container, ...(media.__typename === "Image" ? [] : media.codecs)];
  return (
    <div className={classNames(styles.row, props.isSelected && styles.selected)} data-media={media.id}>
      <input
        type="checkbox"
        className={styles.check}
        tabIndex={-1}
        checked={props.isSelected}
        data-check={props.index}
        aria-label={t("select.item", { title: media.title })}
        onChange={() => props.onToggle(media.id, props.index)}
      />
      <span className={styles.picture} style={{ blockSize: height - 6 }}>
        {media.thumbnail === null && <KindIcon type={media.__typename} />}
        <Picture thumbnail={media.thumbnail} width={height * 1.6} isHeld={props.isHeld} isEager={false} />
      </span>
      <Link
        href={paths.media(media.id)}
        state={{ list: props.list, index: props.index }}
        className={styles.link}
        tabIndex={props.isTabStop ? 0 : -1} data-focus="item"
      >
        {media.title}
      </Link>
      <span className={styles.date}>{media.date}</span>
      <span className={styles.duration}>{media.__typename === "Image" ? "" : formatDuration(media.duration)}</span>
      <span className={styles.resolution}>{resolution || (media.__typename === "Audio" ? kindText("Audio") : "")}</span>
      <span className={styles.size}>{formatBytes(size, locale)}</span>
      <span className={styles.format}>{formats.filter(Boolean).join(" · ")}</span>
      <span className={styles.tags}>{[media.studio?.name, ...media.tags.nodes.map((tag) => tag.name)].filter(Boolean).join(", ")}</span>
      <span className={styles.rating}>
        {media.isFavorite && <span className={styles.loved}>♥</span>}
        {media.rating == null ? "" : "★".repeat(Math.round(media.rating / 20))}
      </span>
    </div>
  );
});
