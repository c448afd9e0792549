//! How the list looks: from the address, else as the reader last chose in this browser.

import { type LibrarySearch, type View, views, type Zoom, zooms } from "@/lib/library-search";
import type { GridShape } from "@/ui/grid/layout";

const key = "vitagraph.list";

/** What is in force for a search. */
export function chosenLook(search: LibrarySearch): { readonly view: View; readonly zoom: Zoom } {
  const stored = readStored();
  return { view: search.view ?? stored.view, zoom: search.zoom ?? stored.zoom };
}

/** Remembers a choice for lists without one in their address. */
export function keepLook(look: { readonly view: View; readonly zoom: Zoom }): void {
  try {
    localStorage.setItem(key, `${look.view} ${look.zoom}`);
  } catch {
    // Without storage the address alone keeps it.
  }
}

function readStored(): { readonly view: View; readonly zoom: Zoom } {
  let stored = "";
  try {
    stored = localStorage.getItem(key) ?? "";
  } catch {
    // Storage may be forbidden.
  }
  const [view, zoom] = stored.split(" ");
  return { view: views.find((known) => known === view) ?? "grid", zoom: zooms.find((known) => String(known) === zoom) ?? 3 };
}

const widths: Record<Zoom, number> = { 1: 104, 2: 140, 3: 188, 4: 272, 5: 400 };
const bareWidths: Record<Zoom, number> = { 1: 84, 2: 124, 3: 180, 4: 260, 5: 380 };
const rowHeights: Record<Zoom, number> = { 1: 36, 2: 44, 3: 56, 4: 72, 5: 96 };

/** The cells of a look; on a phone they are smaller, so that two columns are the least. */
export function shapeOf(view: View, zoom: Zoom, isNarrow: boolean): GridShape {
  const scale = isNarrow ? 0.72 : 1;
  if (view === "grid") return { minWidth: widths[zoom] * scale, ratio: 0.625, extraHeight: 46, gap: 10 };
  if (view === "wall") return { minWidth: bareWidths[zoom] * scale, ratio: 0.75, extraHeight: 0, gap: 3 };
  return { minWidth: Number.POSITIVE_INFINITY, ratio: 0, extraHeight: rowHeights[zoom], gap: 0 };
}
