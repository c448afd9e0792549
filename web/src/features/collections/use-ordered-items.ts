//! A collection or gallery with the items that were asked for so far, a window at a time, in one list: moving one needs its neighbors.

import { useState } from "react";
import { type CombinedError, useClient, useQuery } from "urql";
import { graphql, type ResultOf } from "@/data/graphql";

const OrderedItems = graphql(`
  query OrderedItems($id: ID!, $after: String, $isGallery: Boolean!) {
    collection(id: $id) @skip(if: $isGallery) {
      id
      name
      description
      isSmart
      itemCount
      items(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes { position media { __typename id title thumbnail { url thumbhash srcset { url width } } } }
      }
    }
    gallery(id: $id) @include(if: $isGallery) {
      id
      name
      description
      isFolder
      itemCount
      items(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes { position media { __typename id title thumbnail { url thumbhash srcset { url width } } } }
      }
    }
  }
`);

type Data = ResultOf<typeof OrderedItems>;
type Items = NonNullable<Data["collection"]>["items"];

const itemsOf = (data: Data | undefined): Items | undefined => (data?.collection ?? data?.gallery)?.items;

export function useOrderedItems(id: string, isGallery: boolean) {
  const client = useClient();
  const [{ data, error }] = useQuery({ query: OrderedItems, variables: { id, isGallery }, requestPolicy: "cache-and-network" });
  // What stands behind the first window.
  const [rest, setRest] = useState<Items | null>(null);
  const [problem, setProblem] = useState<CombinedError | undefined>(undefined);
  const first = itemsOf(data);
  const ask = async (after: string | null) => {
    const result = await client.query(OrderedItems, { id, isGallery, ...(after === null ? {} : { after }) }, { requestPolicy: "network-only" }).toPromise();
    setProblem(result.error);
    return itemsOf(result.data);
  };
  /** Windows behind `before`, until there are so many items. */
  const further = async (before: Items, count: number): Promise<Items> => {
    const nodes: Items["nodes"] = [];
    let { pageInfo } = before;
    while (nodes.length < count && pageInfo.hasNextPage) {
      const items = await ask(pageInfo.endCursor);
      if (!items) break;
      nodes.push(...items.nodes);
      pageInfo = items.pageInfo;
    }
    return { nodes, pageInfo };
  };
  const again = async () => {
    // The first window comes by the cache.
    const items = await ask(null);
    if (items && rest) setRest(await further(items, rest.nodes.length));
  };
  const last = rest ?? first;
  const more = async () => {
    if (!last) return;
    const items = await further(last, 1);
    setRest({ nodes: [...(rest?.nodes ?? []), ...items.nodes], pageInfo: items.pageInfo });
  };
  return {
    found: data?.collection ?? data?.gallery,
    items: [...(first?.nodes ?? []), ...(rest?.nodes ?? [])],
    isLoading: !data,
    error: error ?? problem,
    again,
    more: last?.pageInfo.hasNextPage ? () => void more() : null,
  };
}
