//! Subscriptions that survive restarts, sleep and bad proxies. A dropped one starts again and gets the present state first, so nothing
//! is lost; where sockets do not get through although the server answers, the same subscriptions go by server-sent events.

import { backoffMs } from "@/lib/backoff";
import { coalesced } from "./coalesce";
import { reportConnection } from "./connection";
import { refreshSession } from "./session";
import { eventTransport, socketTransport, type Sink, type Subscribe, type SubscriptionRequest } from "./transport";

/** Sockets that fail this often without ever opening are blocked on the way. */
const failuresBeforeEvents = 2;

let mode: "socket" | "events" = "socket";
let transport: Promise<Subscribe> | null = null;
let socketFailures = 0;
let attempt = 0;
let gap: Promise<void> | null = null;

/** Starts a subscription, of whose events a flood is thinned, that ends only by the server's completion, a GraphQL error or the returned function. */
export function subscribeLive(request: SubscriptionRequest, observer: Sink): () => void {
  const sink = coalesced(observer);
  let isOver = false;
  let stop = () => {};

  const start = async () => {
    if (isOver) return;
    try {
      const subscribe = await openTransport();
      if (isOver) return;
      stop = subscribe(request, {
        next: (value) => {
          opened();
          sink.next(value);
        },
        error: (cause) => {
          if (isOver) return;
          if (Array.isArray(cause)) {
            sink.next({ errors: cause });
            sink.complete();
          } else {
            void waitForServer().then(start);
          }
        },
        complete: () => {
          if (!isOver) sink.complete();
        },
      });
    } catch {
      // The transport's own chunk did not load; that is the same outage.
      void waitForServer().then(start);
    }
  };

  void start();
  return () => {
    isOver = true;
    stop();
  };
}

function openTransport(): Promise<Subscribe> {
  if (transport === null) {
    const events = { opened, closed };
    if (attempt === 0) reportConnection("connecting");
    transport = mode === "socket" ? socketTransport(events) : eventTransport(events);
    transport.catch(() => {
      transport = null;
    });
  }
  return transport;
}

function opened(): void {
  attempt = 0;
  socketFailures = 0;
  reportConnection("live");
}

function closed(code: number): void {
  // Closed by us because nobody subscribes any more.
  if (code === 1000) {
    reportConnection("idle");
    return;
  }
  // 4401 and 4403 are how graphql-transport-ws says that the session is not accepted.
  if (code === 4401 || code === 4403) void refreshSession();
  socketFailures += 1;
}

/** One wait shared by all dropped subscriptions: back off, then go on once the server answers at all. */
function waitForServer(): Promise<void> {
  gap ??= (async () => {
    for (;;) {
      reportConnection((await isServerUp()) ? "paused" : "offline");
      await delay(backoffMs(attempt));
      attempt += 1;
      if (await isServerUp()) break;
    }
    if (mode === "socket" && socketFailures >= failuresBeforeEvents) {
      mode = "events";
      transport = null;
    }
    gap = null;
  })();
  return gap;
}

async function isServerUp(): Promise<boolean> {
  try {
    return (await fetch("/healthz", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

/** Waits, but not longer than until the network comes back. */
function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      window.removeEventListener("online", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    window.addEventListener("online", finish);
  });
}
