//! Where the reader was in the grid, kept in the history entry so that going back finds it.

/** A place in the grid. */
export interface Place {
  readonly windows: number;
  /** The item that was opened, and how far its top was from the window's. */
  readonly focused: string | null;
  readonly top: number;
}

/** The place kept in the present history entry, or the top. */
export function readPlace(): Place {
  return parsePlace(history.state);
}

/** Reads a history state, whoever wrote it. */
export function parsePlace(state: unknown): Place {
  const place: unknown = typeof state === "object" && state !== null ? Reflect.get(state, "place") : null;
  if (typeof place !== "object" || place === null) return { windows: 1, focused: null, top: 0 };
  const windows: unknown = Reflect.get(place, "windows");
  const focused: unknown = Reflect.get(place, "focused");
  const top: unknown = Reflect.get(place, "top");
  return {
    windows: typeof windows === "number" && windows >= 1 ? Math.floor(windows) : 1,
    focused: typeof focused === "string" ? focused : null,
    top: typeof top === "number" && Number.isFinite(top) ? top : 0,
  };
}

/** Keeps the place just before an item is opened. */
export function keepPlace(windows: number, target: EventTarget): void {
  const link = target instanceof Element ? target.closest<HTMLElement>("[data-media]") : null;
  if (link === null) return;
  const place: Place = { windows, focused: link.dataset.media ?? null, top: link.getBoundingClientRect().top };
  history.replaceState({ place }, "");
}
