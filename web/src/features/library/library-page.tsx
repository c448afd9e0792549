//! Home: the libraries with their counts, and all media as a grid that grows while a scan runs.

import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useClient } from "urql";
import { useSearch } from "wouter";
import { usePageTitle } from "@/components/page-title";
import { formatLibrarySearch, isNarrowed, mediaPageVariables, parseLibrarySearch } from "@/lib/library-search";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { gridFocusTarget } from "./grid-focus";
import { LibraryBar } from "./library-bar";
import { LibraryList, refreshLibraries } from "./library-list";
import styles from "./library-page.module.css";
import { EmptyLibrary } from "./empty-library";
import { MediaWindow, refreshFirstWindow, refreshItems, type WindowFacts } from "./media-window";
import { keepPlace, readPlace } from "./place";
import { type FeedBundle, useLibraryFeed } from "./use-library-feed";

/** Nearer to the top than this, new items may move the grid; further down they would move it under the reader's eyes. */
const topPx = 160;

export function Page() {
  // A different search is a different list: nothing of the old one may stay.
  const search = useSearch();
  usePageTitle(t("library.title"));
  return <Library key={formatLibrarySearch(parseLibrarySearch(search))} query={search} />;
}

function Library({ query }: { readonly query: string }) {
  const client = useClient();
  const search = useMemo(() => parseLibrarySearch(query), [query]);
  const variables = useMemo(() => mediaPageVariables(search), [search]);
  const [place] = useState(readPlace);
  const [count, setCount] = useState(place.windows);
  const [windows, setWindows] = useState<readonly WindowFacts[]>([]);
  const [pending, setPending] = useState(0);
  const [tabStop, setTabStop] = useState<string | null>(place.focused);
  const grid = useRef<HTMLUListElement>(null);

  const onLoaded = useCallback((index: number, facts: WindowFacts) => {
    setWindows((known) => [...known.slice(0, index), facts, ...known.slice(index + 1)]);
  }, []);

  const refresh = () => {
    setPending(0);
    setCount(1);
    setWindows((known) => known.slice(0, 1));
    void refreshFirstWindow(client, variables);
  };

  useLibraryFeed((bundle: FeedBundle) => {
    if (bundle.moved > 0 || bundle.isGap) void refreshLibraries(client);
    const shown = new Set(windows.flatMap((facts) => facts.ids));
    const updated = bundle.updated.filter((id) => shown.has(id)).slice(0, 200);
    if (updated.length > 0) void refreshItems(client, updated);
    if (bundle.isGap) void refreshFirstWindow(client, variables);
    if (bundle.moved === 0) return;
    if (window.scrollY < topPx) refresh();
    else setPending((known) => known + bundle.moved);
  });

  const loaded = windows.length;
  const hasMore = loaded === count && windows[count - 1]?.next != null;
  const total = windows[0]?.total ?? null;

  // Coming back shows the same place, once as many windows are there as before.
  const isRestored = useRef(place.focused === null);
  useLayoutEffect(() => {
    if (isRestored.current || loaded < place.windows) return;
    isRestored.current = true;
    const tile = grid.current?.querySelector<HTMLElement>(`[data-media="${CSS.escape(place.focused ?? "")}"]`);
    if (!tile) return;
    window.scrollBy(0, tile.getBoundingClientRect().top - place.top);
    tile.focus({ preventScroll: true });
  }, [loaded, place]);

  // The browser tells when the end of the grid comes near.
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!hasMore || end.current === null) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting) setCount((known) => known + 1);
      },
      { rootMargin: "1200px" },
    );
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [hasMore]);

  return (
    <div className={styles.page}>
      <h1 className={styles.heading}>{t("library.title")}</h1>
      <LibraryList />
      <LibraryBar search={search} total={total} />
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
      {total === 0 && <EmptyLibrary isNarrowed={isNarrowed(search)} />}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- the events come from the links inside */}
      <ul
        ref={grid}
        className={styles.grid}
        aria-label={t("library.grid")}
        onClickCapture={(event) => keepPlace(count, event.target)}
        onFocus={(event) => {
          const id = event.target.closest<HTMLElement>("[data-media]")?.dataset.media;
          if (id !== undefined) setTabStop(id);
        }}
        onKeyDown={(event) => {
          const target = gridFocusTarget(event.currentTarget, event.target, event.key);
          if (target === null) return;
          event.preventDefault();
          target.focus();
        }}
      >
        {Array.from({ length: count }, (_, index) => {
          const after = index === 0 ? null : windows[index - 1]?.next;
          if (after === undefined || (after === null && index > 0)) return null;
          return (
            <MediaWindow
              // oxlint-disable-next-line react/no-array-index-key -- a window is its place in the chain
              key={index}
              variables={variables}
              index={index}
              after={after}
              tabStop={tabStop}
              onLoaded={onLoaded}
            />
          );
        })}
      </ul>
      <div ref={end} className={styles.end} />
    </div>
  );
}
