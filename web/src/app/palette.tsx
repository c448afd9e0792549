//! The command palette: pages, actions, and whatever of the library the typed text finds. `#` asks for tags, `@` for people, `>` for actions.

import "@/lib/page-messages";
import { type ReactNode, useId, useState } from "react";
import { useQuery } from "urql";
import { useLocation } from "wouter";
import type { NavEntry } from "@/components/feature";
import { KindIcon } from "@/components/kind-icon";
import { graphql } from "@/data/graphql";
import { signOut } from "@/data/session";
import { addItem, noFilter } from "@/lib/filter";
import { formatLibrarySearch, wholeLibrary } from "@/lib/library-search";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Dialog } from "@/ui/dialog";
import { AdminIcon, PersonIcon, TagIcon } from "@/ui/icons";
import { GearIcon } from "@/ui/more-icons";
import { Marked } from "@/ui/marked";
import { applyTheme, themes } from "@/ui/theme";
import styles from "./palette.module.css";

const Find = graphql(`
  query Find($text: String!, $tags: Int!, $people: Int!, $media: Int!) {
    tags(first: $tags, search: $text) { nodes { id name mediaCount } }
    people(first: $people, search: $text) { nodes { id name mediaCount } }
    media(first: $media, search: $text, sort: [{ field: RELEVANCE, direction: DESC }]) { nodes { __typename id title } }
  }
`);

interface Command {
  readonly id: string;
  readonly name: string;
  readonly note: string;
  readonly icon: ReactNode;
  readonly run: () => void;
}

interface PaletteProps {
  readonly nav: readonly NavEntry[];
  readonly onClose: () => void;
  readonly onHelp: () => void;
}

export function Palette({ nav, onClose, onHelp }: PaletteProps) {
  const [, navigate] = useLocation();
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const listId = useId();
  const prefix = /^[#@>]/.exec(typed)?.[0] ?? "";
  const text = typed.slice(prefix.length).trim();
  const [{ data }] = useQuery({
    query: Find,
    variables: { text, tags: prefix === "@" ? 0 : 6, people: prefix === "#" ? 0 : 6, media: prefix === "" ? 8 : 0 },
    pause: text.length < 2 || prefix === ">",
  });

  const go = (path: string) => () => navigate(path);
  const narrowed = (field: "tags" | "people", id: string) =>
    paths.library(formatLibrarySearch({ ...wholeLibrary, filter: addItem(noFilter, { kind: "condition", field, operator: "anyOf", values: [id] }) }));
  const actions: readonly Command[] = [
    ...nav.map(({ path, label, icon: Icon }) => ({ id: path, name: t(label), note: t("palette.page"), icon: <Icon />, run: go(path) })),
    { id: "settings", name: t("nav.settings"), note: t("palette.page"), icon: <GearIcon />, run: go(paths.settings()) },
    { id: "help", name: t("nav.help"), note: "?", icon: <GearIcon />, run: onHelp },
    ...themes.map((theme) => ({ id: theme, name: `${t("theme.label")}: ${t(`theme.${theme}`)}`, note: t("palette.action"), icon: <GearIcon />, run: () => applyTheme(theme) })),
    { id: "playground", name: t("nav.playground"), note: t("palette.page"), icon: <AdminIcon />, run: () => location.assign(paths.playground()) },
    { id: "out", name: t("nav.signOut"), note: t("palette.action"), icon: <PersonIcon />, run: () => void signOut() },
  ];
  const found: readonly Command[] = text.length < 2 || prefix === ">" || !data ? [] : [
    ...data.media.nodes.map((media) => ({ id: media.id, name: media.title, note: "", icon: <KindIcon type={media.__typename} />, run: go(paths.media(media.id)) })),
    ...data.tags.nodes.map((tag) => ({ id: tag.id, name: tag.name, note: `# ${tag.mediaCount}`, icon: <TagIcon />, run: go(narrowed("tags", tag.id)) })),
    ...data.people.nodes.map((person) => ({ id: person.id, name: person.name, note: `@ ${person.mediaCount}`, icon: <PersonIcon />, run: go(narrowed("people", person.id)) })),
  ];
  const fitting = prefix === "#" || prefix === "@" ? [] : actions.filter(({ name }) => isFuzzyMatch(name, text));
  const commands = [...(text === "" ? [] : found), ...fitting].slice(0, 30);
  const chosen = Math.min(at, commands.length - 1);
  const run = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    command.run();
  };

  return (
    <Dialog title={t("nav.palette")} closeLabel={t("dialog.close")} onClose={onClose} size="wide">
      <input
        className={styles.input}
        role="combobox"
        aria-expanded
        aria-controls={listId}
        aria-activedescendant={commands.length > 0 ? `${listId}-${chosen}` : undefined}
        aria-label={t("palette.hint")}
        placeholder={t("palette.hint")}
        data-autofocus=""
        autoComplete="off"
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") run(commands[chosen]);
          if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
          event.preventDefault();
          const step = event.key === "ArrowDown" ? 1 : -1;
          setAt((chosen + step + commands.length) % Math.max(1, commands.length));
        }}
      />
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-to-interactive-role -- the ARIA pattern of a combobox */}
      <ul id={listId} className={styles.list} role="listbox" aria-label={t("nav.palette")} tabIndex={-1}>
        {commands.map((command, index) => (
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the field above takes the keys
          <li
            key={command.id}
            id={`${listId}-${index}`}
            ref={index === chosen ? (element) => element?.scrollIntoView({ block: "nearest" }) : undefined}
            className={styles.option}
            // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-to-interactive-role -- the ARIA pattern of a combobox
            role="option"
            aria-selected={index === chosen}
            onClick={() => run(command)}
          >
            {command.icon}
            <span className={styles.name}>
              <Marked text={command.name} words={text} />
            </span>
            <span className={styles.note}>{command.note}</span>
          </li>
        ))}
        {commands.length === 0 && <li className={styles.option}>{t("library.noMatch.title")}</li>}
      </ul>
    </Dialog>
  );
}

/** Whether the letters occur in this order. */
function isFuzzyMatch(name: string, text: string): boolean {
  let at = 0;
  const letters = name.toLowerCase();
  for (const letter of text.toLowerCase().replaceAll(" ", "")) {
    at = letters.indexOf(letter, at) + 1;
    if (at === 0) return false;
  }
  return true;
}
