//! Texts of the app: looked up by key, filled in, plural by the browser's own rules. English is the source.

import english from "../locales/en.json";

type Entry = string | { readonly one: string; readonly other: string };
type Catalog = typeof english;

/** Keys of the English catalog; other languages have the same ones. */
export type MessageKey = keyof Catalog;

type Values = Readonly<Record<string, string | number>>;

const loaders: Record<string, () => Promise<{ default: Record<MessageKey, Entry> }>> = {
  de: () => import("../locales/de.json"),
};

let catalog: Readonly<Record<MessageKey, Entry>> = english;
let locale = "en";

/** The language of texts, numbers and dates. */
export function currentLocale(): string {
  return locale;
}

/** Loads the first language of `wanted` that we have; English needs no loading. */
export async function chooseLocale(wanted: readonly string[]): Promise<string> {
  for (const tag of wanted) {
    const language = tag.split("-")[0] ?? "";
    const load = loaders[language];
    if (load) catalog = (await load()).default;
    if (load || language === "en") {
      locale = tag;
      return tag;
    }
  }
  return locale;
}

/** The text of a key; `{name}` is replaced by its value, and `count` chooses the plural form. */
export function t(key: MessageKey, values: Values = {}): string {
  return fill(catalog[key], values, locale);
}

/** Fills one entry; apart from `t` so that plural rules can be tested for any language. */
export function fill(entry: Entry, values: Values, language: string): string {
  const text = typeof entry === "string" ? entry : entry[pluralForm(values.count, language)];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? new Intl.NumberFormat(language).format(value) : value;
  });
}

function pluralForm(count: string | number | undefined, language: string): "one" | "other" {
  return new Intl.PluralRules(language).select(Number(count ?? 0)) === "one" ? "one" : "other";
}
