//! What the typed text may mean: tags, people and studios to filter by, and items to go to, by their titles or to the moment at
//! which their subtitles say it, with the matching part marked.

import "@/lib/filter-language";
import { type ReactNode, type RefObject, useEffect, useRef } from "react";
import { useQuery } from "urql";
import { useLocation } from "wouter";
import { KindIcon } from "@/components/kind-icon";
import { graphql } from "@/data/graphql";
import { addItem, type Condition } from "@/lib/filter";
import { formatDuration } from "@/lib/format";
import type { Part } from "@/lib/highlight";
import type { LibrarySearch } from "@/lib/library-search";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { PersonIcon, StudioIcon, TagIcon } from "@/ui/icons";
import { Marked, Pieces } from "@/ui/marked";
import row from "@/ui/row-button.module.css";
import type { Go } from "./library-page";
import styles from "./suggestions.module.css";

const Suggest = graphql(`
  query Suggest($text: String!) {
    tags(first: 4, search: $text) { nodes { id name mediaCount } }
    people(first: 4, search: $text) { nodes { id name mediaCount } }
    studios(first: 3, search: $text) { nodes { id name mediaCount } }
    media(first: 5, search: $text, sort: [{ field: RELEVANCE, direction: DESC }]) {
      nodes { __typename id title highlights(search: $text) { field at pieces { text isMatch } } }
    }
  }
`);

interface Entry {
  readonly key: string;
  readonly icon: ReactNode;
  readonly name: string;
  /** The line of subtitles that has the words. */
  readonly said?: readonly Part[];
  readonly note: string;
  readonly go: () => void;
}

interface SuggestionsProps {
  readonly text: string;
  readonly input: RefObject<HTMLInputElement | null>;
  readonly search: LibrarySearch;
  readonly onGo: Go;
  readonly onDone: () => void;
}

export function Suggestions({ text, input, search, onGo, onDone }: SuggestionsProps) {
  const [, navigate] = useLocation();
  const [{ data }] = useQuery({ query: Suggest, variables: { text } });
  const list = useRef<HTMLUListElement>(null);

  // Arrow down leads from the field, which is outside, into the list.
  useEffect(() => {
    const field = input.current;
    const enter = (event: KeyboardEvent) => {
      const first = list.current?.querySelector("button");
      if (event.key !== "ArrowDown" || !first) return;
      event.preventDefault();
      first.focus();
    };
    field?.addEventListener("keydown", enter);
    return () => field?.removeEventListener("keydown", enter);
  }, [input]);

  if (!data) return null;
  const narrow = (field: Condition["field"], id: string) => () => {
    onDone();
    onGo({ text: "", filter: addItem(search.filter, { kind: "condition", field, operator: "anyOf", values: [id] }) });
  };
  const entries: Entry[] = [
    ...data.tags.nodes.map((tag) => ({ key: tag.id, icon: <TagIcon />, name: tag.name, note: t("library.counts", { count: tag.mediaCount }), go: narrow("tags", tag.id) })),
    ...data.people.nodes.map((person) => ({ key: person.id, icon: <PersonIcon />, name: person.name, note: t("library.counts", { count: person.mediaCount }), go: narrow("people", person.id) })),
    ...data.studios.nodes.map((studio) => ({ key: studio.id, icon: <StudioIcon />, name: studio.name, note: t("library.counts", { count: studio.mediaCount }), go: narrow("studio", studio.id) })),
    ...data.media.nodes.map((media) => {
      const said = media.highlights.find((highlight) => highlight.field === "SUBTITLE");
      const entry = { key: media.id, icon: <KindIcon type={media.__typename} />, name: media.title };
      if (said?.at == null) return { ...entry, note: "", go: () => navigate(paths.media(media.id)) };
      const { at, pieces } = said;
      return { ...entry, said: pieces, note: formatDuration(at), go: () => navigate(paths.mediaAt(media.id, at)) };
    }),
  ];
  if (entries.length === 0) return null;
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- the events come from the buttons inside
    <ul
      ref={list}
      className={styles.list}
      aria-label={t("library.suggestions")}
      onKeyDown={(event) => {
        if (event.key === "Escape") {
          input.current?.focus();
          onDone();
        }
        if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
        event.preventDefault();
        const buttons = [...event.currentTarget.querySelectorAll("button")];
        const at = buttons.findIndex((button) => button === document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
        if (at < 0) input.current?.focus();
        else buttons[Math.min(at, buttons.length - 1)]?.focus();
      }}
    >
      {entries.map((entry) => (
        <li key={entry.key}>
          <button type="button" className={row.row} onClick={entry.go}>
            {entry.icon}
            <span className={styles.name}>
              <Marked text={entry.name} words={text} />
              {entry.said && (
                <span className={styles.said}>
                  <Pieces pieces={entry.said} />
                </span>
              )}
            </span>
            <span className={styles.note}>{entry.note}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
