//! What the present list consists of, with counts; a click narrows the list to it.

import "@/lib/filter-language";
import "@/lib/page-messages";
import { useQuery } from "urql";
import { choiceText } from "@/components/filter-text";
import { listArguments } from "@/components/media-lists";
import { Failed, Loading } from "@/components/states";
import { graphql } from "@/data/graphql";
import { addItem, type Condition } from "@/lib/filter";
import { formatCount } from "@/lib/format";
import { type LibrarySearch, mediaArguments } from "@/lib/library-search";
import { currentLocale, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { CloseIcon } from "@/ui/icons";
import row from "@/ui/row-button.module.css";
import styles from "./facets.module.css";
import type { Go } from "./library-page";

const MediaFacets = graphql(`
  query MediaFacets($search: String, $filter: MediaFilter) {
    media(first: 1, search: $search, filter: $filter) {
      facets {
        kinds { value count }
        resolutions { value count }
        ratings { from to count }
        years(first: 12) { value count }
        tags(first: 15) { value { id name } count }
        people(first: 12) { value { id name } count }
        studios(first: 8) { value { id name } count }
        videoCodecs(first: 8) { value count }
        audioCodecs(first: 8) { value count }
      }
    }
  }
`);

interface FacetsProps {
  readonly search: LibrarySearch;
  readonly onGo: Go;
  readonly onClose: () => void;
}

interface Entry {
  readonly name: string;
  readonly count: number;
  readonly condition: Omit<Condition, "kind">;
}

export function Facets({ search, onGo, onClose }: FacetsProps) {
  const { sort: _sort, ...variables } = listArguments(mediaArguments(search));
  const [{ data, error }, retry] = useQuery({ query: MediaFacets, variables });
  const facets = data?.media.facets;
  const named = (field: "tags" | "people" | "studio", entries: readonly { value: { id: string; name: string }; count: number }[]): Entry[] =>
    entries.map(({ value, count }) => ({ name: value.name, count, condition: { field, operator: "anyOf", values: [value.id] } }));
  const plain = (field: "kind" | "resolution" | "videoCodec" | "audioCodec", entries: readonly { value: string; count: number }[]): Entry[] =>
    entries.map(({ value, count }) => ({
      name: choiceText(value),
      count,
      condition: { field, operator: field === "kind" || field === "resolution" ? "in" : "eq", values: [value] },
    }));
  const groups: readonly (readonly [string, readonly Entry[]])[] = !facets
    ? []
    : [
        [t("field.kind"), plain("kind", facets.kinds)],
        [t("field.resolution"), plain("resolution", facets.resolutions)],
        [
          t("field.rating"),
          facets.ratings.map(({ from, to, count }) => ({
            name: from === to ? String(from) : `${from} – ${to}`,
            count,
            condition: { field: "rating", operator: "between", values: [String(from), String(to)] },
          })),
        ],
        [
          t("facets.year"),
          facets.years.map(({ value, count }) => ({
            name: String(value),
            count,
            condition: { field: "date", operator: "between", values: [`${String(value).padStart(4, "0")}-01-01`, `${String(value).padStart(4, "0")}-12-31`] },
          })),
        ],
        [t("media.tags"), named("tags", facets.tags)],
        [t("media.people"), named("people", facets.people)],
        [t("media.studio"), named("studio", facets.studios)],
        [t("field.videoCodec"), plain("videoCodec", facets.videoCodecs)],
        [t("field.audioCodec"), plain("audioCodec", facets.audioCodecs)],
      ];
  return (
    <section className={styles.panel} aria-label={t("facets.title")}>
      <div className={styles.head}>
        <h2>{t("facets.title")}</h2>
        <Button look="quiet" icon={<CloseIcon />} aria-label={t("dialog.close")} onClick={onClose} />
      </div>
      {error && !data && <Failed error={error} onRetry={() => retry({ requestPolicy: "network-only" })} />}
      {!data && !error && <Loading />}
      {groups
        .filter(([, entries]) => entries.length > 0)
        .map(([title, entries]) => (
          <div key={title}>
            <h3 className={styles.title}>{title}</h3>
            <ul className={styles.entries}>
              {entries.map((entry) => (
                <li key={entry.condition.values.join()}>
                  <button type="button" className={classNames(row.row, row.apart, styles.entry)} onClick={() => onGo({ filter: addItem(search.filter, { kind: "condition", ...entry.condition }) })}>
                    <span>{entry.name}</span>
                    <span className={styles.count}>{formatCount(entry.count, currentLocale())}</span>
                  </button>
                </li>
              ))}
            </ul>
          </div>
        ))}
    </section>
  );
}
