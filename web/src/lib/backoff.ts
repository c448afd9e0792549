//! How long to wait before the next attempt to connect.

const firstMs = 500;
const longestMs = 20_000;

/** Doubles from half a second to twenty, spread by a quarter so that a restarted server is not met by everyone at once. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const base = Math.min(longestMs, firstMs * 2 ** Math.max(0, attempt));
  return Math.round(base * (0.875 + random() * 0.25));
}
