//! The items before and after this one in the list that the reader came from; the history entry names the list and the place in it.

import "@/lib/filter-language";
import { useLayoutEffect, useMemo, useState } from "react";
import { useClient } from "urql";
import { listArguments, tileList } from "@/components/media-lists";
import { useWindowList } from "@/data/list-cache";
import { mediaArguments, parseLibrarySearch } from "@/lib/library-search";
import { parseListPlace } from "@/lib/list-place";

/** A neighbor: its id and its own place. */
export interface Neighbor {
  readonly id: string;
  readonly index: number;
}

export interface Neighbors {
  readonly list: string | null;
  readonly previous: Neighbor | null;
  readonly next: Neighbor | null;
}

export function useNeighbors(): Neighbors {
  const client = useClient();
  const [place] = useState(() => parseListPlace(history.state));
  const key = place?.list ?? "";
  const list = useMemo(() => tileList(client, key, listArguments(mediaArguments(parseLibrarySearch(key)))), [client, key]);
  useWindowList(list);
  const index = place?.index ?? -1;
  useLayoutEffect(() => {
    if (index >= 0 && list.total !== null) list.want(Math.max(0, index - 1), index + 2);
  }, [index, list, list.total]);
  const neighbor = (at: number): Neighbor | null => {
    const id = index < 0 || at < 0 ? undefined : list.item(at)?.id;
    return id === undefined ? null : { id, index: at };
  };
  return { list: place?.list ?? null, previous: neighbor(index - 1), next: neighbor(index + 1) };
}
