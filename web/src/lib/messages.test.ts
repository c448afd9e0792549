//! Texts: filled in, plural, and the same keys in every language.

import { describe, expect, it } from "vitest";
import german from "../locales/de.json";
import english from "../locales/en.json";
import { fill } from "./messages";

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

describe("languages", () => {
  it("have the same keys, forms and placeholders as English", () => {
    expect(Object.keys(german)).toEqual(Object.keys(english));
    for (const [key, entry] of Object.entries(english)) {
      const translated: unknown = Reflect.get(german, key);
      expect([key, typeof translated, placeholders(translated)]).toEqual([key, typeof entry, placeholders(entry)]);
    }
  });
});
