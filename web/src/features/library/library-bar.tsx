//! Search, kind, filter, order and look of the list. Every change is an address, so reload, back and a copied link keep it.

import { lazy, Suspense, useDeferredValue, useEffect, useRef, useState } from "react";
import type { TileItem } from "@/components/media-lists";
import { useWindowList } from "@/data/list-cache";
import type { WindowList } from "@/data/window-list";
import { countConditions } from "@/lib/filter";
import { actionFor, takesText } from "@/lib/keys";
import { isNarrowed, kinds, type LibrarySearch, orderOf, orders, type View, views, type Zoom, zooms } from "@/lib/library-search";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { BookmarkIcon, ChartIcon, FilterIcon, GridIcon, SearchIcon, SortIcon, TableIcon, WallIcon } from "@/ui/icons";
import { useHasContent } from "@/ui/use-has-content";
import { useMedia } from "@/ui/use-media";
import styles from "./library-bar.module.css";
import type { Go } from "./library-page";

const FilterBuilder = lazy(async () => ({ default: (await import("./filter-builder")).FilterBuilder }));
const Facets = lazy(async () => ({ default: (await import("./facets")).Facets }));
const SavedFilters = lazy(async () => ({ default: (await import("./saved-filters")).SavedFilters }));
const Suggestions = lazy(async () => ({ default: (await import("./suggestions")).Suggestions }));

interface LibraryBarProps {
  readonly search: LibrarySearch;
  readonly tiles: WindowList<TileItem>;
  readonly look: { readonly view: View; readonly zoom: Zoom };
  readonly onGo: Go;
}

const typingMs = 250;
const viewIcons = { grid: GridIcon, wall: WallIcon, table: TableIcon };

export function LibraryBar({ search, tiles, look, onGo }: LibraryBarProps) {
  const [isFiltering, setIsFiltering] = useState(false);
  const [panel, setPanel] = useState<"none" | "facets" | "saved">("none");
  const toggle = (wanted: "facets" | "saved") => setPanel(panel === wanted ? "none" : wanted);
  const n = countConditions(search.filter);
  const hasRoom = useMedia("(width >= 75rem)");
  return (
    <search className={styles.bar} aria-label={t("library.search")}>
      <SearchBox search={search} onGo={onGo} />
      <div className={styles.group} role="group" aria-label={t("library.kind")}>
        {[null, ...kinds].map((kind) => (
          <button
            key={kind ?? "all"}
            type="button"
            className={classNames(styles.choice, search.kind === kind && styles.chosen)}
            aria-pressed={search.kind === kind}
            onClick={() => onGo({ kind })}
          >
            {t(kind === null ? "library.kind.all" : `library.kind.${kind}`)}
          </button>
        ))}
      </div>
      <Button icon={<FilterIcon />} aria-haspopup="dialog" onClick={() => setIsFiltering(true)}>
        {n === 0 ? t("filter.open") : t("filter.openCount", { count: n })}
      </Button>
      <Button look="quiet" icon={<ChartIcon />} aria-expanded={panel === "facets"} aria-label={t("facets.title")} title={t("facets.title")} onClick={() => toggle("facets")} />
      <Button look="quiet" icon={<BookmarkIcon />} aria-expanded={panel === "saved"} aria-label={t("saved.title")} title={t("saved.title")} onClick={() => toggle("saved")} />
      {hasRoom && <Total tiles={tiles} isNarrowed={isNarrowed(search)} />}
      <OrderChoice search={search} onGo={onGo} />
      <div className={styles.group} role="group" aria-label={t("library.view")}>
        {views.map((view) => {
          const Icon = viewIcons[view];
          return (
            <button
              key={view}
              type="button"
              className={classNames(styles.choice, styles.square, look.view === view && styles.chosen)}
              aria-pressed={look.view === view}
              aria-label={t(`library.view.${view}`)}
              title={t(`library.view.${view}`)}
              onClick={() => onGo({ view }, true)}
            >
              <Icon />
            </button>
          );
        })}
      </div>
      <input
        className={styles.zoom}
        type="range"
        min={1}
        max={zooms.length}
        step={1}
        aria-label={t("library.zoom")}
        title={t("library.zoom")}
        value={look.zoom}
        onChange={(event) => onGo({ zoom: zooms.find((zoom) => zoom === Number(event.target.value)) ?? look.zoom }, true)}
      />
      {panel !== "none" && (
        <Suspense>
          {panel === "facets" ? <Facets search={search} onGo={onGo} onClose={() => setPanel("none")} /> : <SavedFilters search={search} onGo={onGo} onClose={() => setPanel("none")} />}
        </Suspense>
      )}
      {isFiltering && (
        <Suspense>
          <FilterBuilder search={search} onGo={onGo} onClose={() => setIsFiltering(false)} />
        </Suspense>
      )}
    </search>
  );
}

/** How many there are, once what it counts is there: with the first number the browser loads how numbers are written, which takes 20 ms. */
function Total({ tiles, isNarrowed: isPart }: { readonly tiles: WindowList<TileItem>; readonly isNarrowed: boolean }) {
  const { total } = useWindowList(tiles);
  const shown = useDeferredValue(useHasContent() ? total : null, null);
  return (
    <p className={styles.total} role="status">
      {shown === null ? "" : t(isPart ? "library.matches" : "library.total", { count: shown })}
    </p>
  );
}

function OrderChoice({ search, onGo }: { readonly search: LibrarySearch; readonly onGo: Go }) {
  const offered = orders.filter((order) => order !== "relevance" || search.text !== "");
  return (
    <div className={styles.sort}>
      <select
        aria-label={t("library.sort")}
        value={orderOf(search)}
        onChange={(event) => {
          const order = offered.find((known) => known === event.target.value) ?? null;
          onGo({ order, isReversed: false, ...(order === "random" ? { seed: freshSeed() } : {}) });
        }}
      >
        {offered.map((order) => (
          <option key={order} value={order}>
            {t(`library.sort.${order}`)}
          </option>
        ))}
      </select>
      <button
        type="button"
        className={classNames(styles.choice, styles.square, search.isReversed && styles.chosen)}
        aria-pressed={search.isReversed}
        aria-label={t("library.reverse")}
        title={t("library.reverse")}
        onClick={() => onGo({ isReversed: !search.isReversed, order: orderOf(search) })}
      >
        <SortIcon />
      </button>
    </div>
  );
}

/** Another shuffle each time "random" is chosen. */
function freshSeed(): number {
  return 1 + Math.floor(Math.random() * 1_000_000);
}

/** Keeps what is being typed, which the address follows a moment later; `/` focuses it from anywhere on the page. */
function SearchBox({ search, onGo }: { readonly search: LibrarySearch; readonly onGo: Go }) {
  const { text } = search;
  const [typed, setTyped] = useState(text);
  const [isTyping, setIsTyping] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  // The address changed from outside, as by "show everything" or going back.
  const [seen, setSeen] = useState(text);
  if (seen !== text) {
    setSeen(text);
    if (typed.trim() !== text) setTyped(text);
  }

  useEffect(() => {
    if (typed.trim() === text) return;
    const timer = setTimeout(() => onGo({ text: typed.trim() }, true), typingMs);
    return () => clearTimeout(timer);
  });

  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      if (actionFor("global", event) !== "search" || takesText(event.target)) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    document.addEventListener("keydown", focus);
    return () => document.removeEventListener("keydown", focus);
  }, []);

  return (
    <div
      className={styles.search}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setIsTyping(false);
      }}
    >
      <SearchIcon />
      <input
        ref={input}
        type="search"
        aria-label={t("library.searchHint")}
        placeholder={t("library.searchHint")}
        aria-keyshortcuts="/"
        autoComplete="off"
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          setIsTyping(true);
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape") setIsTyping(false);
        }}
      />
      {isTyping && typed.trim().length >= 2 && (
        <Suspense>
          <Suggestions text={typed.trim()} input={input} onGo={onGo} search={search} onDone={() => setIsTyping(false)} />
        </Suspense>
      )}
    </div>
  );
}
