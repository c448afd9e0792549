//! The typed `graphql` function: documents are checked against the checked-in schema, fragments are masked.

import { initGraphQLTada } from "gql.tada";
import type { introspection } from "./graphql-env";

/** Scalars as JSON carries them. */
interface Scalars {
  ID: string;
  Seconds: number;
  Bytes: number;
  DateTime: string;
  Date: string;
  Url: string;
}

export const graphql = initGraphQLTada<{ introspection: introspection; scalars: Scalars }>();

export { readFragment } from "gql.tada";
export type { FragmentOf, ResultOf, VariablesOf } from "gql.tada";
