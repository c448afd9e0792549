//! The GraphQL client: cookie-authenticated requests with the header of the server's cross-site rule, cache, live subscriptions.

import { Client, fetchExchange, mapExchange, subscriptionExchange } from "urql";
import { normalizedCache } from "./cache";
import { problemOf } from "./errors";
import { refreshSession } from "./session";
import { startedFetch } from "./start";
import type { Sink, SubscriptionRequest } from "./transport";

let prepared: Client | null = null;

/** Makes the first client before somebody needs it, as that takes a task's time. */
export function prepareClient(): void {
  prepared = freshClient();
}

/** A fresh client with an empty cache; one is made for each signed-in account. */
export function makeClient(): Client {
  const client = prepared ?? freshClient();
  prepared = null;
  return client;
}

function freshClient(): Client {
  return new Client({
    url: "/graphql",
    preferGetMethod: false,
    fetch: startedFetch,
    // By default urql would take events and multipart too, which asks the server for a stream it need not open.
    fetchOptions: { headers: { "x-requested-with": "vitagraph", accept: "application/graphql-response+json, application/json" } },
    exchanges: [
      mapExchange({
        onError: (error) => {
          if (problemOf(error).kind === "unauthenticated") void refreshSession();
        },
      }),
      normalizedCache(),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = "", operationName, variables }) => ({
          subscribe: (observer) => ({ unsubscribe: subscribeSoon({ query, operationName, variables }, observerSink(observer)) }),
        }),
      }),
    ],
  });
}

/** How long until what did not load is tried again. */
const againMs = 3000;

/** Subscribes once the script for it is there, which the first page does not wait for. */
function subscribeSoon(request: SubscriptionRequest, sink: Sink): () => void {
  let isOver = false;
  let stop = () => {};
  const start = async (): Promise<void> => {
    try {
      const { subscribeLive } = await import("./live");
      if (!isOver) stop = subscribeLive(request, sink);
    } catch {
      if (!isOver) setTimeout(() => void start(), againMs);
    }
  };
  void start();
  return () => {
    isOver = true;
    stop();
  };
}

interface Observer<Value> {
  readonly next: (value: Value) => void;
  readonly error: (cause: unknown) => void;
  readonly complete: () => void;
}

/** Narrows what a transport delivers to what urql takes; anything else than an object is no GraphQL result. */
function observerSink(observer: Observer<Record<string, unknown>>) {
  return {
    next: (value: unknown) => {
      if (typeof value === "object" && value !== null) observer.next({ ...value });
    },
    error: observer.error,
    complete: observer.complete,
  };
}
