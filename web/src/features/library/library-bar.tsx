//! Search, kind and order of the list. Every change is an address, so reload, back and a copied link keep it.

import { useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";
import { formatLibrarySearch, isNarrowed, kinds, type LibrarySearch, orders } from "@/lib/library-search";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { classNames } from "@/ui/class-names";
import { SearchIcon } from "@/ui/icons";
import styles from "./library-bar.module.css";

interface LibraryBarProps {
  readonly search: LibrarySearch;
  readonly total: number | null;
}

const typingMs = 300;

export function LibraryBar({ search, total }: LibraryBarProps) {
  const [, navigate] = useLocation();
  const go = (change: Partial<LibrarySearch>, isReplacing = false) =>
    navigate(paths.library() + formatLibrarySearch({ ...search, ...change }), { replace: isReplacing });
  return (
    <search className={styles.bar} aria-label={t("library.search")}>
      <SearchBox text={search.text} onSearch={(text) => go({ text }, true)} />
      <div className={styles.kinds} role="group" aria-label={t("library.kind")}>
        {[null, ...kinds].map((kind) => (
          <button
            key={kind ?? "all"}
            type="button"
            className={classNames(styles.kind, search.kind === kind && styles.chosen)}
            aria-pressed={search.kind === kind}
            onClick={() => go({ kind })}
          >
            {t(kind === null ? "library.kind.all" : `library.kind.${kind}`)}
          </button>
        ))}
      </div>
      <p className={styles.total}>
        {total === null ? "" : t(isNarrowed(search) ? "library.matches" : "library.total", { count: total })}
      </p>
      <label className={styles.sort}>
        <span>{t("library.sort")}</span>
        <select
          value={search.order}
          onChange={(event) => go({ order: orders.find((order) => order === event.target.value) ?? search.order })}
        >
          {orders.map((order) => (
            <option key={order} value={order}>
              {t(`library.sort.${order}`)}
            </option>
          ))}
        </select>
      </label>
    </search>
  );
}

interface SearchBoxProps {
  readonly text: string;
  readonly onSearch: (text: string) => void;
}

/** Keeps what is being typed, which the address follows a moment later; `/` focuses it from anywhere on the page. */
function SearchBox({ text, onSearch }: SearchBoxProps) {
  const [typed, setTyped] = useState(text);
  const input = useRef<HTMLInputElement>(null);

  // The address changed from outside, as by "show everything" or going back.
  const [seen, setSeen] = useState(text);
  if (seen !== text) {
    setSeen(text);
    if (typed.trim() !== text) setTyped(text);
  }

  useEffect(() => {
    if (typed.trim() === text) return;
    const timer = setTimeout(() => onSearch(typed.trim()), typingMs);
    return () => clearTimeout(timer);
  });

  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]")) return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener("keydown", focus);
    return () => document.removeEventListener("keydown", focus);
  }, []);

  return (
    <label className={styles.search}>
      <SearchIcon />
      <input
        ref={input}
        type="search"
        aria-label={t("library.searchHint")}
        placeholder={t("library.searchHint")}
        aria-keyshortcuts="/"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
    </label>
  );
}
