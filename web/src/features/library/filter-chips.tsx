//! The conditions in force, as chips that open the builder or go away.

import "@/lib/page-messages";
import { lazy, Suspense, useState } from "react";
import { FilterText } from "@/components/filter-text";
import { replaceItem } from "@/lib/filter";
import type { LibrarySearch } from "@/lib/library-search";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { CloseIcon } from "@/ui/icons";
import styles from "./filter-chips.module.css";
import type { Go } from "./library-page";

const FilterBuilder = lazy(async () => ({ default: (await import("./filter-builder")).FilterBuilder }));

interface FilterChipsProps {
  readonly search: LibrarySearch;
  readonly onGo: Go;
}

export function FilterChips({ search, onGo }: FilterChipsProps) {
  const [isOpen, setIsOpen] = useState(false);
  const { items } = search.filter;
  if (items.length === 0) return null;
  return (
    <div className={styles.chips} role="group" aria-label={t("filter.active")}>
      {items.map((item, index) => (
        // oxlint-disable-next-line react/no-array-index-key -- a chip is its place in the filter
        <span key={index} className={styles.chip}>
          <button type="button" className={styles.text} onClick={() => setIsOpen(true)}>
            <FilterText filter={item} />
          </button>
          <button
            type="button"
            className={styles.remove}
            aria-label={t("filter.remove")}
            onClick={() => onGo({ filter: replaceItem(search.filter, index, null) })}
          >
            <CloseIcon />
          </button>
        </span>
      ))}
      <Button look="quiet" onClick={() => onGo({ filter: { ...search.filter, items: [] } })}>
        {t("filter.clear")}
      </Button>
      {isOpen && (
        <Suspense>
          <FilterBuilder search={search} onGo={onGo} onClose={() => setIsOpen(false)} />
        </Suspense>
      )}
    </div>
  );
}
