//! A long list as windows of fixed size, each an operation of its own in the normalized cache. It knows the cursor of every window it has
//! been to and finds that of any other by stepping over a thousand items at a time, for which the server reads an index only.

/** A window as the server answered it. */
export interface WindowPage<Item> {
  readonly items: readonly Item[];
  readonly endCursor: string | null;
  /** Only the first window is asked for it. */
  readonly total: number | null;
}

/** Where windows come from. */
export interface WindowSource<Item> {
  /** Delivers a window now, if it is cached, and whenever it changes, until the returned function is called. */
  readonly watch: (after: string | null, onPage: (page: WindowPage<Item>) => void, onError: (error: unknown) => void) => () => void;
  /** The cursor of the last of `count` items behind `after`; null when there are none. */
  readonly skip: (after: string | null, count: number) => Promise<string | null>;
  /** The cursor of the first of the list's last `count` items. */
  readonly skipBack: (count: number) => Promise<string | null>;
  /** Asks the server for the first window again, past the cache. */
  readonly refresh: () => Promise<void>;
}

/** The longest step; the server refuses longer ones. */
const longestSkip = 960;

interface Watched<Item> {
  readonly stop: () => void;
  page: WindowPage<Item> | null;
}

/** One list. It outlives the page that shows it, so that coming back finds all cursors and so all cached windows. */
export class WindowList<Item> {
  /** The cursor right before each known window. */
  readonly #cursors = new Map<number, string | null>([[0, null]]);
  readonly #watched = new Map<number, Watched<Item>>();
  readonly #listeners = new Set<() => void>();
  #wanted: readonly number[] = [];
  #version = 0;
  #total: number | null = null;
  #error: unknown = null;
  #walk: Promise<void> | null = null;
  #pace: "atOnce" | "oneByOne" = "atOnce";
  #next: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly source: WindowSource<Item>,
    readonly size: number,
  ) {}

  /** How many items the list has, or null until the first window is there. */
  get total(): number | null {
    return this.#total;
  }

  /** What went wrong last, until something arrives. */
  get error(): unknown {
    return this.#error;
  }

  /** Grows with every change, for `useSyncExternalStore`. */
  readonly version = (): number => this.#version;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      // The next page may take over in the same breath.
      queueMicrotask(() => {
        if (this.#listeners.size === 0) this.#release();
      });
    };
  };

  /** The item at a place, or null while it is not here. */
  item(index: number): Item | null {
    return this.#watched.get(Math.floor(index / this.size))?.page?.items[index % this.size] ?? null;
  }

  /** The nearest place at or before an index whose cursor is known: its index, and the cursor right before it. */
  nearest(index: number): { readonly index: number; readonly cursor: string | null } {
    const window = Math.max(...[...this.#cursors.keys()].filter((known) => known * this.size <= index));
    return { index: window * this.size, cursor: this.#cursors.get(window) ?? null };
  }

  /**
   * Watches the windows of these items and lets go of all others but the first, which carries the total. Reading one from the cache costs some
   * milliseconds, so a reader on the move gets them one by one, each in a task of its own.
   */
  want(first: number, end: number, pace: "atOnce" | "oneByOne" = "atOnce"): void {
    const windows = new Set([0]);
    for (let window = Math.floor(first / this.size); window * this.size < end; window += 1) windows.add(window);
    for (const [window, watched] of this.#watched) {
      if (windows.has(window)) continue;
      watched.stop();
      this.#watched.delete(window);
    }
    this.#wanted = [...windows];
    this.#pace = pace;
    this.#watchKnown();
  }

  /** Forgets all places, since they moved, and asks again. */
  async refresh(): Promise<void> {
    // A list that was empty has nobody who wants a part of it, yet it must learn that it is not empty any more.
    const wanted = [...new Set([0, ...this.#wanted])];
    this.#release();
    this.#cursors.clear();
    this.#cursors.set(0, null);
    await this.source.refresh();
    this.#wanted = wanted;
    if (this.#listeners.size > 0) this.#watchKnown();
  }

  /** Finds the cursors on the way to the middle, so that a jump finds them known. */
  async explore(): Promise<void> {
    if (this.#total !== null && this.#walk === null) await this.#locate(Math.floor(this.#total / 2 / this.size), () => this.#walk === null);
  }

  #release(): void {
    clearTimeout(this.#next);
    for (const { stop } of this.#watched.values()) stop();
    this.#watched.clear();
    this.#wanted = [];
  }

  /** One more window is known. */
  #goOn(): void {
    if (this.#pace === "atOnce") return this.#watchKnown();
    clearTimeout(this.#next);
    this.#next = setTimeout(() => this.#watchKnown());
  }

  #watchKnown(): void {
    clearTimeout(this.#next);
    let missing: number | null = null;
    let hasWatched = false;
    for (const window of this.#wanted) {
      if (this.#watched.has(window)) continue;
      const after = this.#cursors.get(window);
      if (after === undefined) {
        missing ??= window;
      } else if (this.#pace === "oneByOne" && hasWatched) {
        this.#goOn();
        break;
      } else {
        hasWatched = true;
        this.#watch(window, after);
      }
    }
    if (missing === null || this.#walk !== null) return;
    const window = missing;
    this.#walk = this.#locate(window, () => this.#wanted.includes(window))
      .catch((error: unknown) => {
        this.#error = error;
        this.#changed();
      })
      .then(() => {
        this.#walk = null;
        // What cannot be found, as the list became shorter or the server failed, is not asked for again by itself.
        if (!this.#cursors.has(window) && this.#wanted.includes(window)) this.#wanted = this.#wanted.filter((wanted) => wanted !== window);
        this.#watchKnown();
      });
  }

  #watch(window: number, after: string | null): void {
    // The source may deliver before it returns.
    let isImmediate = true;
    const watched: { stop: () => void; page: WindowPage<Item> | null } = { stop: () => {}, page: null };
    this.#watched.set(window, watched);
    watched.stop = this.source.watch(
      after,
      (page) => {
        const isFirst = this.#total === null;
        watched.page = page;
        this.#error = null;
        if (page.total !== null) this.#total = page.total;
        if (page.items.length === this.size && page.endCursor !== null && !this.#cursors.has(window + 1)) {
          this.#cursors.set(window + 1, page.endCursor);
          if (this.#wanted.includes(window + 1) && !this.#watched.has(window + 1)) this.#goOn();
        }
        // Rendering the very first page is work enough for a task of its own, after the one that read the answer.
        if (isFirst && !isImmediate) setTimeout(() => this.#changed());
        else this.#changed();
      },
      (error) => {
        this.#error = error;
        this.#changed();
      },
    );
    isImmediate = false;
  }

  /** Finds the cursor before a window, from the nearest known one or from the end. What was found on the way stays known. */
  async #locate(window: number, isWanted: () => boolean): Promise<void> {
    const stride = Math.max(1, Math.floor(longestSkip / this.size));
    const fromEnd = this.#total === null ? Number.POSITIVE_INFINITY : this.#total - (window * this.size - 1);
    if (fromEnd > 0 && fromEnd <= longestSkip) {
      const cursor = await this.source.skipBack(fromEnd);
      if (cursor !== null) this.#cursors.set(window, cursor);
      return;
    }
    let at = Math.max(...[...this.#cursors.keys()].filter((known) => known <= window));
    while (at < window) {
      if (!isWanted()) return;
      const next = Math.min(window, at + stride);
      const cursor = await this.source.skip(this.#cursors.get(at) ?? null, (next - at) * this.size);
      if (cursor === null) return;
      this.#cursors.set(next, cursor);
      at = next;
    }
  }

  #changed(): void {
    this.#version += 1;
    for (const listener of this.#listeners) listener();
  }
}
