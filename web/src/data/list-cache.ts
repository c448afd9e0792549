//! Long lists that outlive their pages, per client: going back finds cursors and total, and so everything in the normalized cache.

import { useEffect, useLayoutEffect, useReducer, useSyncExternalStore } from "react";
import type { Client } from "urql";
import { hasContent } from "@/lib/first-content";
import type { WindowList } from "./window-list";

/** Lists that one may come back to. */
const keptAtMost = 12;

/** The lists of one kind. */
export class ListCache<Item> {
  readonly #lists = new WeakMap<Client, Map<string, WindowList<Item>>>();

  /** The list of a key, made by `make` when it is not known. */
  get(client: Client, key: string, make: () => WindowList<Item>): WindowList<Item> {
    const known = this.#lists.get(client) ?? new Map<string, WindowList<Item>>();
    this.#lists.set(client, known);
    const list = known.get(key) ?? make();
    known.delete(key);
    known.set(key, list);
    for (const oldest of [...known.keys()].slice(0, -keptAtMost)) known.delete(oldest);
    return list;
  }
}

/** Renders whenever the list changes, beginning with its first window; what is cached is there before the first paint. */
export function useWindowList<Item>(list: WindowList<Item>): WindowList<Item> {
  useSyncExternalStore(list.subscribe, list.version);
  const [, render] = useReducer((turn: number) => turn + 1, 0);
  useLayoutEffect(() => {
    // Before the first page's content nothing is cached.
    if (list.total !== null || !hasContent()) return;
    list.want(0, list.size);
    if (list.total !== null) render();
  }, [list]);
  // Letting go of the list ends what it watches; a second mount, as in strict mode, starts it again.
  useEffect(() => {
    if (list.total !== null) return;
    if (hasContent()) return list.want(0, list.size);
    // The first question of all runs code that never ran, as mounting the page did: each gets a task of its own.
    const timer = setTimeout(() => list.want(0, list.size));
    return () => clearTimeout(timer);
  }, [list]);
  return list;
}
