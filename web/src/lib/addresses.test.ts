//! Addresses: the library's search codec, path makers, the way on after signing in.

import { matchRoute } from "wouter";
import { parse as parsePattern } from "regexparam";
import { describe, expect, it } from "vitest";
import { parseFilter } from "./filter";
import "./filter-language";
import { formatLibrarySearch, isNarrowed, type LibrarySearch, mediaArguments, parseLibrarySearch, wholeLibrary } from "./library-search";
import { momentOf, nextPath, paths, patterns } from "./paths";

describe("library search", () => {
  const searches: LibrarySearch[] = [
    wholeLibrary,
    { ...wholeLibrary, kind: "video", order: "title", isReversed: true },
    { ...wholeLibrary, text: 'tom & "jerry" #1 100% +ü ?', order: "relevance" },
    { ...wholeLibrary, kind: "image", text: "a=b&kind=audio", view: "wall", zoom: 5 },
    { ...wholeLibrary, order: "random", seed: 77 },
    { ...wholeLibrary, filter: parseFilter("rating.gte(80),any(isFavorite.eq(true),title.contains(a%2C%20%26%28b%29))") },
  ];
  it.each(searches)("%j survives the address", (search) => {
    expect(parseLibrarySearch(formatLibrarySearch(search))).toEqual(search);
  });

  it("leaves out what is standard", () => expect(formatLibrarySearch(parseLibrarySearch("?q=+&zoom=9"))).toBe(""));
  it("ignores what it does not know", () => {
    expect(parseLibrarySearch("?kind=toString&sort=__proto__&x=1&filter=nonsense(&view=2")).toEqual(searches[0]);
  });
  it("knows when the list is narrowed", () => expect(searches.map(isNarrowed)).toEqual([false, true, true, true, false, true]));
  it("asks the server for what the address says", () => {
    expect(mediaArguments(parseLibrarySearch("?kind=audio&q=rain&sort=duration"))).toEqual({
      sort: [{ field: "DURATION", direction: "DESC" }],
      search: "rain",
      filter: { kind: { in: ["AUDIO"] } },
    });
    expect(mediaArguments(parseLibrarySearch("?q=rain")).sort).toEqual([{ field: "RELEVANCE", direction: "DESC" }]);
    expect(mediaArguments(parseLibrarySearch("?sort=title&reverse=1")).sort).toEqual([{ field: "TITLE", direction: "DESC" }]);
    expect(mediaArguments(parseLibrarySearch(""))).toEqual({ sort: [{ field: "ADDED_AT", direction: "DESC" }] });
  });
});

describe("paths", () => {
  it.each([
    [paths.mediaAt("med_a", 12.3456), 12.346],
    ["/media/med_a", null],
    ["/media/med_a?t=-3", null],
    ["/media/med_a?t=1e9", null],
    ["/media/med_a?t=", null],
  ])("reads the moment of %s", (path, moment) => expect(momentOf(path.split("?")[1] ?? "")).toBe(moment));

  it("match their own patterns, whatever the id is", () => {
    for (const id of ["med_01h", "a/b", "ü%?#"]) {
      expect(matchRoute(parsePattern, patterns.media, paths.media(id))[0]).toBe(true);
      expect(matchRoute(parsePattern, patterns.failures, paths.failures(id))[0]).toBe(true);
    }
  });

  it("are each matched by one pattern only", () => {
    const samples = [paths.library(), paths.media("med_1"), paths.libraries(), paths.failures("lib_1"), paths.jobs(), paths.tags(), paths.trash(), paths.admin(), paths.admin("users"), paths.settings(), paths.login(), paths.setup()];
    for (const path of samples) {
      const hits = Object.values(patterns).filter((pattern) => matchRoute(parsePattern, pattern, path)[0]);
      expect(hits).toHaveLength(1);
    }
  });
});

describe("the way on after signing in", () => {
  it.each([
    ["?next=%2Fjobs", "/jobs"],
    ["?next=%2Fmedia%2Fmed_1%3Fa%3D1", "/media/med_1?a=1"],
    ["", "/"],
    ["?next=https%3A%2F%2Fevil.test", "/"],
    ["?next=%2F%2Fevil.test", "/"],
    ["?next=%2F%5Cevil.test", "/"],
    ["?next=javascript%3Aalert(1)", "/"],
  ])("%s leads to %s", (query, path) => expect(nextPath(query)).toBe(path));

  it("comes back to where the reader was", () => {
    const address = new URL(paths.login("/jobs?x=1"), "http://media.test");
    expect(nextPath(address.search)).toBe("/jobs?x=1");
  });
});
