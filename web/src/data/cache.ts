//! The normalized cache: which types have no key, and what a mutation or an event changes besides the entity it returns.

import { type Cache, type CacheExchangeOpts, cacheExchange } from "@urql/exchange-graphcache";
import { matchesJobFilter } from "./job-filter";
import { keylessTypes, possibleTypes } from "./schema-facts";

/** Statuses after which nothing more happens by itself. */
const endStates = new Set<string | null>(["SUCCEEDED", "FAILED", "CANCELED"]);

// A type without an id has no key; only while developing does the cache want to hear that of each.
const keys: NonNullable<CacheExchangeOpts["keys"]> = import.meta.env.DEV ? Object.fromEntries(keylessTypes.map((type) => [type, () => null])) : {};

/** The cache's rules; apart from the exchange so that tests can run them. */
export const cacheRules: CacheExchangeOpts = {
  keys,
  possibleTypes,
  optimistic: {
    updateMedia: ({ input }, cache) => {
      const media = expectedMedia(cache, input);
      return media === null ? null : { __typename: "UpdateMediaPayload", media };
    },
  },
  updates: {
    Subscription: {
      jobChanges: (result, _arguments, cache) => jobChanged(cache, entityKey(cache, result.jobChanges)),
      jobProgress: (result, _arguments, cache) => jobChanged(cache, entityKey(cache, result.jobProgress)),
    },
    Mutation: {
      createLibrary: (_result, _arguments, cache) => cache.invalidate("Query", "libraries"),
      startScan: (result, _arguments, cache) => jobChanged(cache, payloadKey(cache, result.startScan, "job")),
      createClip: (result, _arguments, cache) => jobChanged(cache, payloadKey(cache, result.createClip, "job")),
      retryJob: (result, _arguments, cache) => jobChanged(cache, payloadKey(cache, result.retryJob, "job")),
    },
  },
};

/** The exchange itself. */
export const normalizedCache = () => cacheExchange(cacheRules);

/** The item as it will be when the server agrees: only plain facts, since an id alone does not tell a tag's name. */
function expectedMedia(cache: Cache, input: unknown): { __typename: string; id: string } | null {
  const id: unknown = typeof input === "object" && input !== null ? Reflect.get(input, "id") : null;
  if (typeof input !== "object" || input === null || typeof id !== "string") return null;
  const __typename = (possibleTypes.Media ?? []).find((type) => cache.resolve({ __typename: type, id }, "id") === id);
  if (__typename === undefined) return null;
  const facts = ["title", "description", "date", "rating", "isFavorite"].filter((field) => Reflect.get(input, field) !== undefined);
  return { __typename, id, ...Object.fromEntries(facts.map((field) => [field, Reflect.get(input, field)])) };
}

/** Puts a job at the head of every first page it belongs to and is not on yet; the end of a scan makes counts stale. */
function jobChanged(cache: Cache, key: string | null): void {
  if (key === null) return;
  const job = { kind: text(cache, key, "kind"), status: text(cache, key, "status"), queue: text(cache, key, "queue") };
  for (const { fieldName, fieldKey, arguments: given } of cache.inspectFields("Query")) {
    if (fieldName === "jobs" && given?.after == null && matchesJobFilter(job, given?.filter)) prepend(cache, fieldKey, key);
  }
  if (job.kind?.includes("scan") && endStates.has(job.status)) {
    cache.invalidate("Query", "libraries");
    for (const { fieldName, fieldKey } of cache.inspectFields("Query")) {
      if (fieldName === "scanFailures") cache.invalidate("Query", fieldKey);
    }
  }
}

function prepend(cache: Cache, fieldKey: string, key: string): void {
  const connection = cache.resolve("Query", fieldKey);
  if (typeof connection !== "string") return;
  const nodes = cache.resolve(connection, "nodes");
  if (!Array.isArray(nodes)) return;
  const known = nodes.filter((node) => typeof node === "string");
  if (!known.includes(key)) cache.link(connection, "nodes", [key, ...known]);
}

function payloadKey(cache: Cache, payload: unknown, field: string): string | null {
  if (typeof payload !== "object" || payload === null || !(field in payload)) return null;
  return entityKey(cache, Reflect.get(payload, field));
}

function entityKey(cache: Cache, entity: unknown): string | null {
  if (typeof entity !== "object" || entity === null) return null;
  const { __typename, id } = { __typename: Reflect.get(entity, "__typename"), id: Reflect.get(entity, "id") };
  if (typeof __typename !== "string" || typeof id !== "string") return null;
  return cache.keyOfEntity({ __typename, id });
}

function text(cache: Cache, key: string, field: string): string | null {
  const value = cache.resolve(key, field);
  return typeof value === "string" ? value : null;
}
