//! Texts of the app: looked up by key, filled in, plural by the browser's own rules. English is the source. What the first page needs is in
//! one catalog, the rest in a second one that comes with the other pages.

import type englishPages from "../locales/en-pages.json";
import english from "../locales/en.json";
import { formatCount } from "./format";

type Entry = string | { readonly one: string; readonly other: string };

/** Keys of the English catalogs; other languages have the same ones. */
export type MessageKey = keyof typeof english | keyof typeof englishPages;

type Entries = Readonly<Partial<Record<MessageKey, Entry>>>;
type Values = Readonly<Record<string, string | number>>;

/** Languages besides English, whole. */
const loaders: Record<string, () => Promise<readonly Entries[]>> = {
  de: async () => [(await import("../locales/de.json")).default, (await import("../locales/de-pages.json")).default],
};

/** The languages to choose from, in their own words. */
export const languages: Readonly<Record<string, string>> = { en: "English", de: "Deutsch" };

const languageKey = "vitagraph.language";

/** The language chosen in this browser, or null where the browser's own are followed. */
export function chosenLanguage(): string | null {
  try {
    const stored = localStorage.getItem(languageKey);
    return stored !== null && Object.hasOwn(languages, stored) ? stored : null;
  } catch {
    return null;
  }
}

/** Keeps a choice for the next load. */
export function keepLanguage(language: string | null): void {
  try {
    if (language === null) localStorage.removeItem(languageKey);
    else localStorage.setItem(languageKey, language);
  } catch {
    // Without storage the browser's languages are followed.
  }
}

const firstEnglish: Entries = english;
let englishOfPages: Entries = {};
let chosen: Entries = {};
let locale = "en";

/** The language of texts, numbers and dates. */
export function currentLocale(): string {
  return locale;
}

/** Loads the first language of `wanted` that we have; English needs no loading. */
export async function chooseLocale(wanted: readonly string[]): Promise<string> {
  for (const tag of wanted) {
    const language = tag.split("-")[0] ?? "";
    const load = Object.hasOwn(loaders, language) ? loaders[language] : undefined;
    if (load) chosen = Object.assign({}, ...(await load()));
    if (load || language === "en") {
      locale = tag;
      return tag;
    }
  }
  return locale;
}

/** Adds the English texts that come with all pages but the first. */
export function addMessages(entries: Entries): void {
  englishOfPages = entries;
}

/** The text of a key; `{name}` is replaced by its value, and `count` chooses the plural form. */
export function t(key: MessageKey, values: Values = {}): string {
  // A key that no catalog has can only be a page without its messages; its name is better than nothing.
  return fill(chosen[key] ?? firstEnglish[key] ?? englishOfPages[key] ?? key, values, locale);
}

/** A text of the server's, whose names stand between backticks, with the language's own quotation marks around them. */
export function quoted(text: string): string {
  return text.replace(/`([^`]+)`/g, (_, name: string) => t("app.quoted", { name }));
}

/** The same where it stands alone, which the server's texts, made to go on after a colon, do not begin like. */
export function sentence(text: string): string {
  return quoted(text).replace(/^[a-z](?=[a-z ’'])/, (letter) => letter.toUpperCase());
}

/** Fills one entry; apart from `t` so that plural rules can be tested for any language. */
export function fill(entry: Entry, values: Values, language: string): string {
  const text = typeof entry === "string" ? entry : entry[pluralForm(values.count, language)];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? formatCount(value, language) : value;
  });
}

function pluralForm(count: string | number | undefined, language: string): "one" | "other" {
  return new Intl.PluralRules(language).select(Number(count ?? 0)) === "one" ? "one" : "other";
}
