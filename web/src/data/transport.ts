//! The two ways a subscription can travel, loaded when first needed: one WebSocket for all, or server-sent events one by one.

/** A GraphQL request as both protocols send it. */
export interface SubscriptionRequest {
  readonly query: string;
  readonly operationName?: string | undefined;
  readonly variables?: Record<string, unknown> | undefined;
}

/** What a running subscription tells. `error` gets whatever broke the connection, or a list of GraphQL errors. */
export interface Sink {
  readonly next: (value: unknown) => void;
  readonly error: (cause: unknown) => void;
  readonly complete: () => void;
}

/** Starts a subscription and gives the function that ends it. */
export type Subscribe = (request: SubscriptionRequest, sink: Sink) => () => void;

/** Events of the connection itself. */
export interface TransportEvents {
  readonly opened: () => void;
  readonly closed: (code: number) => void;
}

/** graphql-transport-ws on one shared socket. Retrying is the caller's matter, so that both transports behave alike. */
export async function socketTransport(events: TransportEvents): Promise<Subscribe> {
  const { createClient } = await import("graphql-ws");
  const client = createClient({
    url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`,
    retryAttempts: 0,
    keepAlive: 12_000,
    // Long enough that going from one page to the next keeps the socket.
    lazyCloseTimeout: 5000,
    on: {
      connected: events.opened,
      closed: (event) => events.closed(event instanceof CloseEvent ? event.code : 1006),
    },
  });
  return (request, sink) => client.subscribe(payload(request), sink);
}

/** GraphQL over SSE, distinct connections. A browser has six for one origin over HTTP/1.1: subscribe sparingly. */
export async function eventTransport(events: TransportEvents): Promise<Subscribe> {
  const { createClient } = await import("graphql-sse");
  const client = createClient({
    url: "/graphql",
    retryAttempts: 0,
    headers: { "x-requested-with": "vitagraph" },
    on: { connected: events.opened },
  });
  return (request, sink) => client.subscribe(payload(request), sink);
}

function payload(request: SubscriptionRequest) {
  return {
    query: request.query,
    ...(request.operationName === undefined ? {} : { operationName: request.operationName }),
    ...(request.variables === undefined ? {} : { variables: request.variables }),
  };
}
