//! The selected media: a state of the app, since it survives paging, filtering and going to an item and back.

import { useSyncExternalStore } from "react";

/** What is selected, and where a range would begin. */
export interface Selection {
  readonly ids: ReadonlySet<string>;
  /** The place last toggled in the list that is shown. */
  readonly anchor: number | null;
}

const nothing: Selection = { ids: new Set(), anchor: null };
let selection = nothing;
const listeners = new Set<() => void>();

/** The selection, and a new render whenever it changes. */
export function useSelection(): Selection {
  return useSyncExternalStore(subscribe, () => selection);
}

/** The selection at this moment, for event handlers. */
export function currentSelection(): Selection {
  return selection;
}

/** Selects an item or takes it out; ranges begin here from now on. */
export function toggleSelected(id: string, index: number): void {
  const ids = new Set(selection.ids);
  if (!ids.delete(id)) ids.add(id);
  change({ ids, anchor: index });
}

/** Adds items; ranges keep their beginning. */
export function addSelected(added: Iterable<string>): void {
  change({ ...selection, ids: new Set([...selection.ids, ...added]) });
}

/** Takes items out, as those that were deleted. */
export function removeSelected(removed: Iterable<string>): void {
  const ids = new Set(selection.ids);
  for (const id of removed) ids.delete(id);
  change({ ...selection, ids });
}

/** Another list is shown: its places mean other items. */
export function forgetAnchor(): void {
  if (selection.anchor !== null) change({ ...selection, anchor: null });
}

export function clearSelection(): void {
  if (selection.ids.size > 0 || selection.anchor !== null) change(nothing);
}

function change(next: Selection): void {
  selection = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
