//! The lists of media that grid and table show: how a window is asked for, and where its cursors come from.

import type { AnyVariables, Client, TypedDocumentNode } from "urql";
import { graphql, type FragmentOf, type VariablesOf } from "@/data/graphql";
import { ListCache } from "@/data/list-cache";
import { WindowList, type WindowPage, type WindowSource } from "@/data/window-list";
import type { mediaArguments } from "@/lib/library-search";
import { MediaTileFragment } from "./media-tile";

const MediaTiles = graphql(
  `
    query MediaTiles($first: Int!, $after: String, $search: String, $filter: MediaFilter, $sort: [MediaSort!], $withTotal: Boolean!) {
      media(first: $first, after: $after, search: $search, filter: $filter, sort: $sort) {
        totalCount @include(if: $withTotal)
        pageInfo { endCursor }
        nodes { __typename id ...MediaTile }
      }
    }
  `,
  [MediaTileFragment],
);

const MediaStep = graphql(`
  query MediaStep($first: Int, $last: Int, $after: String, $search: String, $filter: MediaFilter, $sort: [MediaSort!]) {
    media(first: $first, last: $last, after: $after, search: $search, filter: $filter, sort: $sort) { pageInfo { startCursor endCursor } }
  }
`);

const MediaIds = graphql(`
  query MediaIds($first: Int!, $after: String, $search: String, $filter: MediaFilter, $sort: [MediaSort!]) {
    media(first: $first, after: $after, search: $search, filter: $filter, sort: $sort) { pageInfo { endCursor hasNextPage } nodes { __typename id } }
  }
`);

const MediaTotal = graphql(`
  query MediaTotal($search: String, $filter: MediaFilter) { media(first: 1, search: $search, filter: $filter) { totalCount } }
`);

const MediaRefresh = graphql(`query MediaRefresh($ids: [ID!]!) { nodes(ids: $ids) { __typename id ...MediaTile } }`, [MediaTileFragment]);

/** An item of a list of tiles. */
export type TileItem = FragmentOf<typeof MediaTileFragment> & { readonly __typename: "Video" | "Audio" | "Image"; readonly id: string };

/** What narrows and orders a list, as the schema writes it. */
export type ListArguments = Pick<VariablesOf<typeof MediaIds>, "search" | "filter" | "sort">;

/** Items in a window: the most that stays smooth when one is written to the cache. */
export const tileWindow = 60;

/** The arguments of a search with the schema's types: `lib` builds the filter without knowing the schema. */
export function listArguments(made: ReturnType<typeof mediaArguments>): ListArguments {
  // The filter comes out of the one table of fields, which a test checks against the schema.
  return made as ListArguments;
}

const tileLists = new ListCache<TileItem>();

/** The list of tiles for a search; the same one as long as somebody may come back to it. */
export function tileList(client: Client, key: string, list: ListArguments): WindowList<TileItem> {
  return tileLists.get(client, key, () => new WindowList(mediaSource(client, MediaTiles, tileWindow, list, pageOfTiles), tileWindow));
}

function pageOfTiles(data: { media: { totalCount?: number | undefined; pageInfo: { endCursor: string | null }; nodes: readonly TileItem[] } }) {
  const { totalCount, pageInfo, nodes } = data.media;
  return { items: nodes, endCursor: pageInfo.endCursor, total: totalCount ?? null };
}

/** A source of windows that `document` asks for, with `first`, `after` and `withTotal` beside the list's arguments. */
export function mediaSource<Data, Variables extends AnyVariables, Item>(
  client: Client,
  document: TypedDocumentNode<Data, Variables>,
  first: number,
  list: ListArguments,
  pageOf: (data: Data) => WindowPage<Item>,
): WindowSource<Item> {
  const variables = (after: string | null) =>
    ({ ...list, first, withTotal: after === null, ...(after === null ? {} : { after }) }) as unknown as Variables;
  const step = async (place: { readonly first?: number; readonly last?: number; readonly after?: string }) => {
    const { data, error } = await client.query(MediaStep, { ...list, ...place }, { requestPolicy: "network-only" }).toPromise();
    if (error) throw error;
    return data?.media.pageInfo ?? null;
  };
  return {
    watch: (after, onPage, onError) =>
      client.query(document, variables(after)).subscribe(({ data, error }) => {
        if (data) onPage(pageOf(data));
        else if (error) onError(error);
      }).unsubscribe,
    skip: async (after, count) => (await step({ first: count, ...(after === null ? {} : { after }) }))?.endCursor ?? null,
    skipBack: async (count) => (await step({ last: count }))?.startCursor ?? null,
    refresh: async () => {
      await client.query(document, variables(null), { requestPolicy: "network-only" }).toPromise();
    },
  };
}

/** How many items a list has by now, past the cache; null when the server does not say. */
export async function countNow(client: Client, { search, filter }: ListArguments): Promise<number | null> {
  const facts = { ...(search === undefined ? {} : { search }), ...(filter === undefined ? {} : { filter }) };
  const { data } = await client.query(MediaTotal, facts, { requestPolicy: "network-only" }).toPromise();
  return data?.media.totalCount ?? null;
}

/** Asks for single items again, wherever they are shown. */
export async function refreshItems(client: Client, ids: readonly string[]): Promise<void> {
  for (let start = 0; start < ids.length; start += 100) {
    await client.query(MediaRefresh, { ids: ids.slice(start, start + 100) }, { requestPolicy: "network-only" }).toPromise();
  }
}

/** Ids only are cheap: a thousand at a time. */
const idPage = 1000;

/** The ids of `count` items of a list, behind a cursor; throws when the server refuses. */
export async function listIds(client: Client, list: ListArguments, after: string | null, count: number): Promise<string[]> {
  const ids: string[] = [];
  let cursor = after;
  while (ids.length < count) {
    const first = Math.min(idPage, count - ids.length);
    const { data, error } = await client
      .query(MediaIds, { ...list, first, ...(cursor === null ? {} : { after: cursor }) }, { requestPolicy: "network-only" })
      .toPromise();
    if (error) throw error;
    if (!data) break;
    ids.push(...data.media.nodes.map((node) => node.id));
    cursor = data.media.pageInfo.endCursor ?? null;
    if (!data.media.pageInfo.hasNextPage || cursor === null) break;
  }
  return ids;
}
