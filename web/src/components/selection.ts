//! The selected media: a state of the app, since it survives paging, filtering and going to an item and back. Either so many ids, or
//! everything a list finds but so many ids.

import { useSyncExternalStore } from "react";

/** What is selected, and where a range would begin. */
export interface Selection {
  /** The selected items; with `isAll`, those that are not. */
  readonly ids: ReadonlySet<string>;
  /** Everything in the list that is shown, whatever its length. */
  readonly isAll: boolean;
  /** The place last toggled in the list that is shown. */
  readonly anchor: number | null;
}

const nothing: Selection = { ids: new Set(), isAll: false, anchor: null };
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

/** Whether an item is selected. */
export function isSelected({ ids, isAll }: Selection, id: string): boolean {
  return ids.has(id) !== isAll;
}

/** Whether anything is selected. */
export function isSelecting({ ids, isAll }: Selection): boolean {
  return isAll || ids.size > 0;
}

/** Selects an item or takes it out; ranges begin here from now on. */
export function toggleSelected(id: string, index: number): void {
  const ids = new Set(selection.ids);
  if (!ids.delete(id)) ids.add(id);
  change({ ...selection, ids, anchor: index });
}

/** Adds items; ranges keep their beginning. */
export function addSelected(added: readonly string[]): void {
  const ids = selection.isAll ? new Set([...selection.ids].filter((id) => !added.includes(id))) : new Set([...selection.ids, ...added]);
  change({ ...selection, ids });
}

/** Selects everything the present list finds. */
export function selectEverything(): void {
  change({ ids: new Set(), isAll: true, anchor: selection.anchor });
}

/** Another list is shown: its places mean other items, and "everything" would mean other things. */
export function forgetList(): void {
  if (selection.isAll) change(nothing);
  else if (selection.anchor !== null) change({ ...selection, anchor: null });
}

export function clearSelection(): void {
  if (isSelecting(selection) || selection.anchor !== null) change(nothing);
}

function change(next: Selection): void {
  selection = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
