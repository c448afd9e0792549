//! The library's list state in the address: text, kind, filter, order, view. Whatever the address says, the result is valid.

import { countConditions, filterInput, formatFilter, type Group, noFilter, parseFilter } from "./filter";

/** Kinds of media as the address spells them. */
export const kinds = ["video", "audio", "image"] as const;
export type Kind = (typeof kinds)[number];

/** Orders the page offers; each knows its field and its natural direction. */
export const orders = ["relevance", "added", "title", "date", "size", "duration", "rating", "views", "viewed", "modified", "random"] as const;
export type Order = (typeof orders)[number];

/** How the list looks. */
export const views = ["grid", "wall", "table"] as const;
export type View = (typeof views)[number];

/** Steps of the density slider, from small to large. */
export const zooms = [1, 2, 3, 4, 5] as const;
export type Zoom = (typeof zooms)[number];

/** What the list shows. */
export interface LibrarySearch {
  readonly kind: Kind | null;
  readonly text: string;
  readonly filter: Group;
  /** Null: the best match first while there is text, else the newest. */
  readonly order: Order | null;
  readonly isReversed: boolean;
  /** Fixes a random order, so that paging and reloading keep it. */
  readonly seed: number;
  /** Null: as the reader last chose. */
  readonly view: View | null;
  readonly zoom: Zoom | null;
}

/** Everything, newest first. */
export const wholeLibrary: LibrarySearch = {
  kind: null,
  text: "",
  filter: noFilter,
  order: null,
  isReversed: false,
  seed: 1,
  view: null,
  zoom: null,
};

/** Reads a query string; unknown values count as absent. */
export function parseLibrarySearch(query: string): LibrarySearch {
  const parameters = new URLSearchParams(query);
  const text = (parameters.get("q") ?? "").trim();
  const order = orders.find((known) => known === parameters.get("sort")) ?? null;
  const seed = Number(parameters.get("seed"));
  return {
    kind: kinds.find((kind) => kind === parameters.get("kind")) ?? null,
    text,
    filter: parseFilter(parameters.get("filter") ?? ""),
    order: order === "relevance" && text === "" ? null : order,
    isReversed: parameters.get("reverse") === "1",
    seed: Number.isInteger(seed) && seed > 0 && seed < 2 ** 31 ? seed : 1,
    view: views.find((view) => view === parameters.get("view")) ?? null,
    zoom: zooms.find((zoom) => String(zoom) === parameters.get("zoom")) ?? null,
  };
}

/** The shortest query string that parses back to the same search, with its `?`, or an empty string. */
export function formatLibrarySearch(search: LibrarySearch): string {
  const parameters = new URLSearchParams();
  const filter = formatFilter(search.filter);
  if (search.kind !== null) parameters.set("kind", search.kind);
  if (search.text !== "") parameters.set("q", search.text);
  if (filter !== "") parameters.set("filter", filter);
  if (search.order !== null) parameters.set("sort", search.order);
  if (search.isReversed) parameters.set("reverse", "1");
  if (search.order === "random" && search.seed !== 1) parameters.set("seed", String(search.seed));
  if (search.view !== null) parameters.set("view", search.view);
  if (search.zoom !== null) parameters.set("zoom", String(search.zoom));
  const query = parameters.toString();
  return query === "" ? "" : `?${query}`;
}

/** The same for the list alone, without how it looks: two searches with equal keys have the same items in the same order. */
export function listKey(search: LibrarySearch): string {
  return formatLibrarySearch({ ...search, view: null, zoom: null });
}

/** Whether anything narrows the list, which decides between "nothing yet" and "no match". */
export function isNarrowed(search: LibrarySearch): boolean {
  return search.kind !== null || search.text !== "" || countConditions(search.filter) > 0;
}

/** The order that is in force. */
export function orderOf(search: LibrarySearch): Order {
  return search.order ?? (search.text === "" ? "added" : "relevance");
}

const sorts = {
  relevance: { field: "RELEVANCE", direction: "DESC" },
  added: { field: "ADDED_AT", direction: "DESC" },
  title: { field: "TITLE", direction: "ASC" },
  date: { field: "DATE", direction: "DESC" },
  size: { field: "SIZE", direction: "DESC" },
  duration: { field: "DURATION", direction: "DESC" },
  rating: { field: "RATING", direction: "DESC" },
  views: { field: "VIEW_COUNT", direction: "DESC" },
  viewed: { field: "LAST_VIEWED_AT", direction: "DESC" },
  modified: { field: "MODIFIED_AT", direction: "DESC" },
  random: { field: "RANDOM", direction: "ASC" },
} as const;

const mediaKinds = { video: "VIDEO", audio: "AUDIO", image: "IMAGE" } as const;

/** The arguments of `media` for a search; absent criteria are left out. `filter` is a `MediaFilter` input. */
export function mediaArguments(search: LibrarySearch) {
  const order = orderOf(search);
  const { field, direction } = sorts[order];
  const kind = search.kind === null ? undefined : { kind: { in: [mediaKinds[search.kind]] } };
  const conditions = filterInput(search.filter);
  const filter = kind && conditions ? { and: [kind, conditions] } : (kind ?? conditions);
  const turned = direction === "ASC" ? "DESC" : "ASC";
  return {
    sort: [{ field, direction: search.isReversed ? turned : direction, ...(order === "random" ? { seed: search.seed } : {}) }],
    ...(search.text === "" ? {} : { search: search.text }),
    ...(filter === undefined ? {} : { filter }),
  };
}
