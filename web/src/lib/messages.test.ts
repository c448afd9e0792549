//! Texts: filled in, plural, and the same keys in every language.

import { describe, expect, it } from "vitest";
import germanPages from "../locales/de-pages.json";
import german from "../locales/de.json";
import englishPages from "../locales/en-pages.json";
import english from "../locales/en.json";
import { fill, quoted, sentence } from "./messages";

const placeholders = (entry: unknown) => [...new Set(JSON.stringify(entry).match(/\{\w+\}/g))].toSorted();

describe("fill", () => {
  it("chooses the plural form and writes numbers in the language", () => {
    const entry = { one: "{count} Datei", other: "{count} Dateien" };
    expect(fill(entry, { count: 1 }, "de")).toBe("1 Datei");
    expect(fill(entry, { count: 1204 }, "de")).toBe("1.204 Dateien");
  });

  it("keeps a placeholder without a value and takes values literally", () => {
    expect(fill("{a} and {b}", { a: "$& {b}" }, "en")).toBe("$& {b} and {b}");
  });
});

describe("texts of the server", () => {
  it("have quotation marks around names", () => {
    expect(quoted("cut `A short piece` of `Night Train`")).toBe("cut “A short piece” of “Night Train”");
    expect(quoted("a lone ` stays")).toBe("a lone ` stays");
  });

  it.each([
    ["no library `lib_01h`", "No library “lib_01h”"],
    ["`/nowhere` does not exist on the server", "“/nowhere” does not exist on the server"],
    ["x264 gave up", "x264 gave up"],
    ["", ""],
  ])("begin like a sentence, unless with a name: %s", (text, expected) => expect(sentence(text)).toBe(expected));
});

describe("languages", () => {
  it.each([
    ["first page", english, german],
    ["other pages", englishPages, germanPages],
  ])("have the same keys, forms and placeholders as English: %s", (_name, source, translation) => {
    expect(Object.keys(translation)).toEqual(Object.keys(source));
    for (const [key, entry] of Object.entries(source)) {
      const translated: unknown = Reflect.get(translation, key);
      expect([key, typeof translated, placeholders(translated)]).toEqual([key, typeof entry, placeholders(entry)]);
    }
  });

  it("say no key twice", () => {
    expect(Object.keys(englishPages).filter((key) => key in english)).toEqual([]);
  });
});
