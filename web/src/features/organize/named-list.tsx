//! A page of named things with their counts: search, order, more on demand, and making a new one.

import type { ReactNode } from "react";
import { useLocation, useSearch } from "wouter";
import { CreateButton } from "@/components/create-button";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { ListSearch } from "@/components/windowed";
import { t } from "@/lib/messages";
import styles from "./named-list.module.css";

/** What the address says of such a page. */
export interface NamedSearch {
  readonly text: string;
  readonly order: "name" | "count";
}

/** The list's arguments as the schema writes them. */
export function namedArguments(search: NamedSearch) {
  return {
    ...(search.text === "" ? {} : { search: search.text }),
    sort: [search.order === "name" ? ({ field: "NAME", direction: "ASC" } as const) : ({ field: "MEDIA_COUNT", direction: "DESC" } as const)],
  };
}

interface NamedPageProps {
  readonly title: string;
  readonly createTitle: string;
  /** Makes one of this name; answers with what went wrong, if anything. */
  readonly onCreate: (name: string) => Promise<string | null>;
  readonly children: (search: NamedSearch) => ReactNode;
}

export function NamedPage({ title, createTitle, onCreate, children }: NamedPageProps) {
  usePageTitle(title);
  const [path, navigate] = useLocation();
  const parameters = new URLSearchParams(useSearch());
  const search: NamedSearch = { text: parameters.get("q") ?? "", order: parameters.get("sort") === "name" ? "name" : "count" };
  const go = (change: Partial<NamedSearch>) => {
    const next = { ...search, ...change };
    const query = new URLSearchParams({ ...(next.text ? { q: next.text } : {}), ...(next.order === "name" ? { sort: "name" } : {}) }).toString();
    navigate(query === "" ? path : `${path}?${query}`, { replace: true });
  };
  return (
    <>
      <PageHead title={title}>
        <ListSearch label={t("organize.search")} value={search.text} onChange={(text) => go({ text })} />
        <select className={styles.order} aria-label={t("library.sort")} value={search.order} onChange={(event) => go({ order: event.target.value === "name" ? "name" : "count" })}>
          <option value="count">{t("organize.byCount")}</option>
          <option value="name">{t("organize.byName")}</option>
        </select>
        <CreateButton title={createTitle} onCreate={onCreate} />
      </PageHead>
      {children(search)}
    </>
  );
}
