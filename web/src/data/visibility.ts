//! Whether anybody looks at the page; subscriptions pause while nobody does.

import { useSyncExternalStore } from "react";

/** True while the page is in the foreground. */
export function useIsVisible(): boolean {
  return useSyncExternalStore(subscribe, () => document.visibilityState !== "hidden");
}

function subscribe(listener: () => void): () => void {
  document.addEventListener("visibilitychange", listener);
  return () => document.removeEventListener("visibilitychange", listener);
}
