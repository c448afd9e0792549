//! Chooses tags, people, studios or libraries by name: a text field with a list below it, for one or several.

import { useId, useState } from "react";
import { useQuery } from "urql";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { CloseIcon } from "@/ui/icons";
import styles from "./entity-picker.module.css";

/** What can be chosen. */
export type EntityKind = "tags" | "people" | "studio" | "library";

/** A chosen or offered thing. */
export interface Entity {
  readonly id: string;
  readonly name: string;
}

const FindEntities = graphql(`
  query FindEntities($text: String, $tags: Boolean!, $people: Boolean!, $studios: Boolean!, $libraries: Boolean!) {
    tags(first: 12, search: $text, sort: [{ field: MEDIA_COUNT, direction: DESC }]) @include(if: $tags) { nodes { id name } }
    people(first: 12, search: $text, sort: [{ field: MEDIA_COUNT, direction: DESC }]) @include(if: $people) { nodes { id name } }
    studios(first: 12, search: $text, sort: [{ field: MEDIA_COUNT, direction: DESC }]) @include(if: $studios) { nodes { id name } }
    libraries(first: 50) @include(if: $libraries) { nodes { id name } }
  }
`);

const ChosenEntities = graphql(`
  query ChosenEntities($ids: [ID!]!) {
    nodes(ids: $ids) { __typename id ... on Tag { name } ... on Person { name } ... on Studio { name } ... on Library { name } }
  }
`);

interface EntityPickerProps {
  readonly kind: EntityKind;
  readonly label: string;
  readonly ids: readonly string[];
  readonly onChange: (ids: readonly string[]) => void;
  /** Makes a new one of a typed name; offered when given and nothing has that name. */
  readonly onCreate?: (name: string) => Promise<string | null>;
  readonly isSingle?: boolean;
  /** Nothing beside it says what it is for. */
  readonly isUnlabeled?: boolean;
}

export function EntityPicker({ kind, label, ids, onChange, onCreate, isSingle = false, isUnlabeled = false }: EntityPickerProps) {
  const listId = useId();
  const [text, setText] = useState("");
  const [isOpen, setIsOpen] = useState(false);
  const [at, setAt] = useState(0);
  const [{ data: chosen }] = useQuery({ query: ChosenEntities, variables: { ids: [...ids] }, pause: ids.length === 0 });
  const [{ data }] = useQuery({
    query: FindEntities,
    variables: { text: text.trim() || null, tags: kind === "tags", people: kind === "people", studios: kind === "studio", libraries: kind === "library" },
    pause: !isOpen,
  });
  const found: readonly Entity[] = data?.tags?.nodes ?? data?.people?.nodes ?? data?.studios?.nodes ?? data?.libraries?.nodes ?? [];
  const offered = found.filter((entity) => !ids.includes(entity.id) && entity.name.toLowerCase().includes(kind === "library" ? text.trim().toLowerCase() : ""));
  const isNew = onCreate !== undefined && text.trim() !== "" && !found.some((entity) => entity.name.toLowerCase() === text.trim().toLowerCase());
  const n = offered.length + (isNew ? 1 : 0);
  const nameOf = (id: string) => {
    const node = chosen?.nodes.find((candidate) => candidate?.id === id);
    return node && "name" in node ? String(node.name) : "…";
  };
  const choose = (id: string) => {
    onChange(isSingle ? [id] : [...ids, id]);
    setText("");
    setAt(0);
  };
  const pick = async (index: number) => {
    const entity = offered[index];
    if (entity) return choose(entity.id);
    if (!isNew || !onCreate) return;
    const id = await onCreate(text.trim());
    if (id !== null) choose(id);
  };

  return (
    <div
      className={styles.picker}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setIsOpen(false);
      }}
    >
      {ids.map((id) => (
        <span key={id} className={styles.chosen}>
          {nameOf(id)}
          <button
            type="button"
            className={styles.remove}
            aria-label={t("picker.remove", { name: nameOf(id) })}
            onClick={() => onChange(ids.filter((other) => other !== id))}
          >
            <CloseIcon />
          </button>
        </span>
      ))}
      <span className={styles.field}>
        <input
          className={styles.input}
          role="combobox"
          aria-label={label}
          aria-expanded={isOpen && n > 0}
          aria-controls={listId}
          aria-autocomplete="list"
          aria-activedescendant={isOpen && n > 0 ? `${listId}-${at}` : undefined}
          placeholder={isUnlabeled && ids.length === 0 ? label : t("picker.hint")}
          autoComplete="off"
          value={text}
          onFocus={() => setIsOpen(true)}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
            setIsOpen(true);
          }}
          onKeyDown={(event) => {
            if (event.key === "ArrowDown" || event.key === "ArrowUp") {
              event.preventDefault();
              setIsOpen(true);
              setAt((known) => (n === 0 ? 0 : (known + (event.key === "ArrowDown" ? 1 : n - 1)) % n));
            } else if (event.key === "Enter" && isOpen && n > 0) {
              event.preventDefault();
              void pick(at);
            } else if (event.key === "Escape" && isOpen) {
              // The list closes first, the dialog around it with the next press.
              event.preventDefault();
              event.stopPropagation();
              setIsOpen(false);
            } else if (event.key === "Backspace" && text === "" && ids.length > 0) {
              onChange(ids.slice(0, -1));
            }
          }}
        />
        {isOpen && n > 0 && (
          // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-to-interactive-role -- the ARIA pattern of a combobox
          <ul id={listId} className={styles.list} role="listbox" aria-label={label}>
            {[...offered.map((entity) => entity.name), ...(isNew ? [t("picker.create", { name: text.trim() })] : [])].map((name, index) => (
              // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the field above takes the keys
              <li
                key={offered[index]?.id ?? "new"}
                id={`${listId}-${index}`}
                className={styles.option}
                // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-to-interactive-role -- the ARIA pattern of a combobox
                role="option"
                aria-selected={index === at}
                onPointerDown={(event) => event.preventDefault()}
                onClick={() => void pick(index)}
              >
                {name}
              </li>
            ))}
          </ul>
        )}
      </span>
    </div>
  );
}
