//! Whether the first page shows its content, as a state to render by.

import { useSyncExternalStore } from "react";
import { hasContent, onContent } from "@/lib/first-content";

/** Becomes true once and stays so. */
export function useHasContent(): boolean {
  return useSyncExternalStore(onContent, hasContent);
}
