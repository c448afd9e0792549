//! The library's list state in the address: kind, search text, order. Whatever the address says, the result is valid.

/** Kinds of media as the address spells them. */
export const kinds = ["video", "audio", "image"] as const;
export type Kind = (typeof kinds)[number];

/** Orders the page offers; each knows its field and direction. */
export const orders = ["added", "title", "date", "size", "duration"] as const;
export type Order = (typeof orders)[number];

/** What the list shows. */
export interface LibrarySearch {
  readonly kind: Kind | null;
  readonly text: string;
  readonly order: Order;
}

const standard: LibrarySearch = { kind: null, text: "", order: "added" };

/** Reads a query string; unknown values count as absent. */
export function parseLibrarySearch(query: string): LibrarySearch {
  const parameters = new URLSearchParams(query);
  return {
    kind: kinds.find((kind) => kind === parameters.get("kind")) ?? standard.kind,
    text: (parameters.get("q") ?? "").trim(),
    order: orders.find((order) => order === parameters.get("sort")) ?? standard.order,
  };
}

/** The shortest query string that parses back to the same search, with its `?`, or an empty string. */
export function formatLibrarySearch(search: LibrarySearch): string {
  const parameters = new URLSearchParams();
  if (search.kind !== null) parameters.set("kind", search.kind);
  if (search.text !== "") parameters.set("q", search.text);
  if (search.order !== standard.order) parameters.set("sort", search.order);
  const query = parameters.toString();
  return query === "" ? "" : `?${query}`;
}

/** Whether anything narrows the list, which decides between "nothing yet" and "no match". */
export function isNarrowed(search: LibrarySearch): boolean {
  return search.kind !== null || search.text !== "";
}

const sorts = {
  added: { field: "ADDED_AT", direction: "DESC" },
  title: { field: "TITLE", direction: "ASC" },
  date: { field: "DATE", direction: "DESC" },
  size: { field: "SIZE", direction: "DESC" },
  duration: { field: "DURATION", direction: "DESC" },
} as const;

const mediaKinds = { video: "VIDEO", audio: "AUDIO", image: "IMAGE" } as const;

/** The variables of `MediaPage` for a search; absent criteria are left out. */
export function mediaPageVariables(search: LibrarySearch) {
  return {
    sort: [sorts[search.order]],
    ...(search.text === "" ? {} : { search: search.text }),
    ...(search.kind === null ? {} : { filter: { kind: { in: [mediaKinds[search.kind]] } } }),
  };
}
