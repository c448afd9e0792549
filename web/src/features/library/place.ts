//! Where the reader was in the grid, kept in the history entry so that going back finds it.

/** A place in the grid. */
export interface Place {
  readonly windows: number;
  readonly scrollY: number;
  readonly focused: string | null;
}

/** The place kept in the present history entry, or the top. */
export function readPlace(): Place {
  return parsePlace(history.state);
}

/** Reads a history state, whoever wrote it. */
export function parsePlace(state: unknown): Place {
  const place: unknown = typeof state === "object" && state !== null ? Reflect.get(state, "place") : null;
  if (typeof place !== "object" || place === null) return { windows: 1, scrollY: 0, focused: null };
  const windows: unknown = Reflect.get(place, "windows");
  const scrollY: unknown = Reflect.get(place, "scrollY");
  const focused: unknown = Reflect.get(place, "focused");
  return {
    windows: typeof windows === "number" && windows >= 1 ? Math.floor(windows) : 1,
    scrollY: typeof scrollY === "number" && scrollY > 0 ? scrollY : 0,
    focused: typeof focused === "string" ? focused : null,
  };
}

/** Keeps the place just before an item is opened. */
export function keepPlace(windows: number, target: EventTarget): void {
  const link = target instanceof Element ? target.closest<HTMLElement>("[data-media]") : null;
  if (link === null) return;
  const place: Place = { windows, scrollY: window.scrollY, focused: link.dataset.media ?? null };
  history.replaceState({ place }, "");
}
