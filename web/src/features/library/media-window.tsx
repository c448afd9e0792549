//! One window of the grid: sixty items from a cursor, as an operation of its own, so that a change touches only what it changes.

import { useEffect } from "react";
import { type Client, useQuery } from "urql";
import { MediaTile, MediaTileFragment } from "@/components/media-tile";
import { Failed, Loading } from "@/components/states";
import { graphql, type VariablesOf } from "@/data/graphql";

const MediaPage = graphql(
  `
    query MediaPage($first: Int!, $after: String, $search: String, $filter: MediaFilter, $sort: [MediaSort!]) {
      media(first: $first, after: $after, search: $search, filter: $filter, sort: $sort) {
        totalCount
        pageInfo { hasNextPage endCursor }
        edges { cursor node { id ...MediaTile } }
      }
    }
  `,
  [MediaTileFragment],
);

const MediaRefresh = graphql(`query MediaRefresh($ids: [ID!]!) { nodes(ids: $ids) { id ...MediaTile } }`, [MediaTileFragment]);

/** Items in a window: the most that stays smooth when one is written to the cache. */
export const windowSize = 60;

/** What narrows and orders the list. */
export type MediaPageVariables = Omit<VariablesOf<typeof MediaPage>, "first" | "after">;

/** What the page must know of a loaded window. */
export interface WindowFacts {
  readonly ids: readonly string[];
  readonly total: number;
  /** Where the next window begins, or null at the end. */
  readonly next: string | null;
}

/** Asks the server for the first window again; the grid follows through the cache. */
export async function refreshFirstWindow(client: Client, variables: MediaPageVariables): Promise<void> {
  await client.query(MediaPage, { ...variables, first: windowSize }, { requestPolicy: "network-only" }).toPromise();
}

/** Asks for single items again, wherever they are shown. */
export async function refreshItems(client: Client, ids: readonly string[]): Promise<void> {
  await client.query(MediaRefresh, { ids: [...ids] }, { requestPolicy: "network-only" }).toPromise();
}

interface MediaWindowProps {
  readonly variables: MediaPageVariables;
  readonly index: number;
  readonly after: string | null;
  readonly tabStop: string | null;
  readonly onLoaded: (index: number, facts: WindowFacts) => void;
}

export function MediaWindow({ variables, index, after, tabStop, onLoaded }: MediaWindowProps) {
  const [{ data, error }, retry] = useQuery({
    query: MediaPage,
    variables: { ...variables, first: windowSize, ...(after === null ? {} : { after }) },
  });
  const media = data?.media;
  // The page chains windows by cursor, which only an answer knows.
  useEffect(() => {
    if (!media) return;
    onLoaded(index, {
      ids: media.edges.map((edge) => edge.node.id),
      total: media.totalCount,
      next: media.pageInfo.hasNextPage ? (media.pageInfo.endCursor ?? null) : null,
    });
  }, [media, index, onLoaded]);

  if (!media) {
    return <li>{error ? <Failed error={error} onRetry={() => retry({ requestPolicy: "network-only" })} /> : <Loading />}</li>;
  }
  const first = media.edges[0]?.node.id;
  return media.edges.map(({ node }, place) => (
    <MediaTile
      key={node.id}
      media={node}
      position={index * windowSize + place + 1}
      total={media.totalCount}
      isTabStop={node.id === tabStop || (tabStop === null && index === 0 && node.id === first)}
    />
  ));
}
