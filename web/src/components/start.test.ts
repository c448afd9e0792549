//! The request that public/start.js sends early is the one that the library sends.

import { afterEach, expect, it, vi } from "vitest";
import { makeClient } from "@/data/client";
import { listKey, mediaArguments, parseLibrarySearch } from "@/lib/library-search";
// oxlint-disable-next-line no-restricted-imports -- it is no module, and the build copies it as it is
import script from "../../public/start.js?raw";
import { listArguments, tileList } from "./media-lists";

afterEach(() => vi.unstubAllGlobals());

it("asks for the library's first window in the app's own words", async () => {
  const bodies: unknown[] = [];
  vi.stubGlobal("fetch", (_address: unknown, init: { readonly body: unknown }) => {
    bodies.push(init.body);
    return Promise.resolve(new Response("{}", { status: 500 }));
  });
  const key = listKey(parseLibrarySearch(""));
  tileList(makeClient(), key, listArguments(mediaArguments(parseLibrarySearch(key)))).want(0, 1);
  await vi.waitFor(() => expect(bodies).toHaveLength(1));
  const written: unknown = JSON.parse(/body =\s+("(?:[^"\\]|\\.)*")/.exec(script)?.[1] ?? "null");
  expect(written).toBe(bodies[0]);
});
