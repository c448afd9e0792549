//! Whether live updates flow. A store of one value that the transport writes and the shell shows.

import { useSyncExternalStore } from "react";

/** `paused` means that only live updates are missing, `offline` that the server does not answer at all. */
export type ConnectionStatus = "idle" | "connecting" | "live" | "paused" | "offline";

/** The state, and how often live updates came back after a gap: pages refetch when `epoch` grows. */
export interface Connection {
  readonly status: ConnectionStatus;
  readonly epoch: number;
}

let connection: Connection = { status: "idle", epoch: 0 };
const listeners = new Set<() => void>();

/** The state, and a new render whenever it changes. */
export function useConnection(): Connection {
  return useSyncExternalStore(subscribe, () => connection);
}

/** Called by the transport alone. */
export function reportConnection(status: ConnectionStatus): void {
  connection = nextConnection(connection, status);
  for (const listener of listeners) listener();
}

/** The next state: coming back to `live` from a gap starts a new epoch. */
export function nextConnection(current: Connection, status: ConnectionStatus): Connection {
  if (current.status === status) return current;
  const cameBack = status === "live" && (current.status === "paused" || current.status === "offline");
  return { status, epoch: cameBack ? current.epoch + 1 : current.epoch };
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
