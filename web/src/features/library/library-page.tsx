//! The library: all media as a grid, a wall or a table, of any length.

import { lazy, Suspense, use, useEffect, useMemo, useRef, useState } from "react";
import { useClient } from "urql";
import { useLocation, useSearch } from "wouter";
import { countNow, listArguments, type ListArguments, refreshItems, tileList, type TileItem, tileWindow } from "@/components/media-lists";
import { usePageTitle } from "@/components/page-title";
import { forgetList, isSelecting, useSelection } from "@/components/selection";
import { Failed } from "@/components/states";
import { type FeedBundle, useLibraryFeed } from "@/components/use-library-feed";
import { useConnection } from "@/data/connection";
import { useWindowList } from "@/data/list-cache";
import type { WindowList } from "@/data/window-list";
import { canReadFilters } from "@/lib/filter";
import { reportContent } from "@/lib/first-content";
import { formatLibrarySearch, isNarrowed, type LibrarySearch, listKey, mediaArguments, parseLibrarySearch } from "@/lib/library-search";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import spoken from "@/ui/spoken.module.css";
import { useMedia } from "@/ui/use-media";
import { LibraryBar } from "./library-bar";
import styles from "./library-page.module.css";
import { MediaGrid } from "./media-grid";
import { readPlace } from "./place";
import { chosenLook, keepLook, shapeOf } from "./view-choice";

/** Nearer to the top than this, new items may move the grid; further down they would move it under the reader's eyes. */
const topPx = 160;

const EmptyLibrary = lazy(async () => ({ default: (await import("./empty-library")).EmptyLibrary }));
const FilterChips = lazy(async () => ({ default: (await import("./filter-chips")).FilterChips }));
const SelectionBar = lazy(async () => ({ default: (await import("./selection-bar")).SelectionBar }));
const MediaTable = lazy(async () => ({ default: (await import("./media-table")).MediaTable }));

/** Changes the address, and with it the list. */
export type Go = (change: Partial<LibrarySearch>, isReplacing?: boolean) => void;

let filterLanguage: Promise<unknown> | null = null;

export function Page() {
  const client = useClient();
  const query = useSearch();
  // Most addresses have no filter, and do not wait for what reads one.
  if (!canReadFilters() && new URLSearchParams(query).has("filter")) use((filterLanguage ??= import("@/lib/filter-language")));
  const [, navigate] = useLocation();
  const search = useMemo(() => parseLibrarySearch(query), [query]);
  const key = listKey(search);
  const list = useMemo(() => {
    const made = listArguments(mediaArguments(parseLibrarySearch(key)));
    return { arguments: made, tiles: tileList(client, key, made) };
  }, [client, key]);
  usePageTitle(search.text === "" ? t("library.title") : `${search.text} · ${t("library.title")}`);
  const look = chosenLook(search);
  const go: Go = (change, isReplacing = false) => {
    const { view, zoom } = { ...look, ...change };
    if (change.view || change.zoom) keepLook({ view: view ?? look.view, zoom: zoom ?? look.zoom });
    navigate(paths.library() + formatLibrarySearch({ ...search, ...change }), { replace: isReplacing });
  };
  return (
    <div className={styles.page}>
      <h1 className={spoken.spoken}>{t("library.title")}</h1>
      <LibraryBar search={search} tiles={list.tiles} look={look} onGo={go} />
      {search.filter.items.length > 0 && (
        <Suspense fallback={<div className={styles.chips} />}>
          <FilterChips search={search} onGo={go} />
        </Suspense>
      )}
      {/* A different search is a different list: nothing of the old one may stay. */}
      <Library key={key} list={list.arguments} tiles={list.tiles} search={search} look={look} onGo={go} />
    </div>
  );
}

interface LibraryProps {
  readonly list: ListArguments;
  readonly tiles: WindowList<TileItem>;
  readonly search: LibrarySearch;
  readonly look: ReturnType<typeof chosenLook>;
  readonly onGo: Go;
}

function Library(props: LibraryProps) {
  const { total, error } = useWindowList(props.tiles);
  useEffect(() => {
    // What there is reports itself once it is drawn.
    if (total === 0 || error !== null) reportContent();
  }, [total, error]);
  if (error !== null && total === null) return <Failed error={error} onRetry={() => void props.tiles.refresh()} />;
  return <LibraryBody {...props} />;
}

function LibraryBody({ list, tiles, search, look, onGo }: LibraryProps) {
  const client = useClient();
  const isNarrow = useMedia("(width < 44rem)");
  const shape = useMemo(() => shapeOf(look.view, look.zoom, isNarrow), [look.view, look.zoom, isNarrow]);
  const [place] = useState(readPlace);
  const [pending, setPending] = useState(0);
  const selection = useSelection();
  const visible = useRef({ first: 0, end: tileWindow });
  const { total } = tiles;

  // Places of another list mean other items.
  useEffect(() => forgetList, []);

  const refresh = () => {
    setPending(0);
    void tiles.refresh();
  };
  useLibraryFeed((bundle: FeedBundle) => {
    const shown = new Set<string>();
    for (let index = visible.current.first; index < visible.current.end; index += 1) shown.add(tiles.item(index)?.id ?? "");
    const updated = bundle.updated.filter((id) => shown.has(id));
    if (updated.length > 0) void refreshItems(client, updated);
    // What arrived before the first answer is in it.
    if (tiles.total === null || (bundle.moved === 0 && !bundle.isGap)) return;
    if (window.scrollY < topPx) refresh();
    else if (bundle.moved > 0) setPending((known) => known + bundle.moved);
  });

  // What came between the list's answer and the first event that could tell of it.
  const { status } = useConnection();
  const isLive = status === "live";
  const wasLive = useRef(isLive);
  useEffect(() => {
    if (!isLive || wasLive.current || total === null) return;
    wasLive.current = true;
    void countNow(client, list).then((count) => {
      if (count !== null && count !== tiles.total && window.scrollY < topPx) void tiles.refresh();
    });
  }, [client, isLive, list, tiles, total]);

  if (total === 0) {
    return (
      <Suspense>
        <EmptyLibrary isNarrowed={isNarrowed(search)} />
      </Suspense>
    );
  }
  const onVisible = (first: number, end: number) => {
    visible.current = { first, end };
  };
  const body = { list, tiles, address: listKey(search), shape, place, onVisible };
  return (
    <>
      {pending > 0 && (
        <div className={styles.changes}>
          <Button
            look="primary"
            onClick={() => {
              window.scrollTo(0, 0);
              refresh();
            }}
          >
            {t("library.changes", { count: pending })}
          </Button>
        </div>
      )}
      {look.view === "table" ? (
        <Suspense>
          <MediaTable {...body} search={search} onGo={onGo} />
        </Suspense>
      ) : (
        <MediaGrid {...body} look={look.view === "wall" ? "bare" : "card"} />
      )}
      {isSelecting(selection) && (
        <Suspense>
          <SelectionBar list={list} total={total} onChanged={refresh} />
        </Suspense>
      )}
    </>
  );
}
