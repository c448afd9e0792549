//! The one keyboard map: what each key does in each scope. Buttons, help and handlers read it, so that they cannot disagree.

import type { MessageKey } from "./messages";

/** Where keys mean something: everywhere, on a focused tile, on the watch page. */
export const scopes = ["global", "grid", "player"] as const;
export type Scope = (typeof scopes)[number];

const map = {
  global: {
    palette: ["Ctrl+Shift+P", "Meta+Shift+P"],
    help: ["?"],
    search: ["/"],
    undo: ["Ctrl+z", "Meta+z"],
  },
  grid: {
    select: [" "],
    selectAll: ["Ctrl+a", "Meta+a"],
    clear: ["Escape"],
    extendRight: ["Shift+ArrowRight"],
    extendLeft: ["Shift+ArrowLeft"],
    extendDown: ["Shift+ArrowDown"],
    extendUp: ["Shift+ArrowUp"],
    favorite: ["f"],
    rate0: ["0"],
    rate1: ["1"],
    rate2: ["2"],
    rate3: ["3"],
    rate4: ["4"],
    rate5: ["5"],
  },
  player: {
    play: [" ", "k"],
    rewind: ["j"],
    forward: ["l"],
    back5: ["ArrowLeft"],
    ahead5: ["ArrowRight"],
    louder: ["ArrowUp"],
    quieter: ["ArrowDown"],
    frameBack: [","],
    frameAhead: ["."],
    slower: ["<"],
    faster: [">"],
    mute: ["m"],
    fullscreen: ["f"],
    captions: ["c"],
    pictureInPicture: ["p"],
    theater: ["t"],
    previousChapter: ["["],
    nextChapter: ["]"],
    markIn: ["i"],
    markOut: ["o"],
    clearRange: ["x"],
    loop: ["r"],
    marker: ["n"],
    sheet: ["v"],
    statistics: ["s"],
    percent0: ["0"],
    percent1: ["1"],
    percent2: ["2"],
    percent3: ["3"],
    percent4: ["4"],
    percent5: ["5"],
    percent6: ["6"],
    percent7: ["7"],
    percent8: ["8"],
    percent9: ["9"],
  },
} as const satisfies Record<Scope, Record<string, readonly string[]>>;

export type Action<S extends Scope> = keyof (typeof map)[S] & string;

/** Keys that belong to the browser, whatever we might wish. */
export const reservedKeys = ["Ctrl+k", "Meta+k", "Ctrl+f", "Ctrl+l", "Ctrl+t", "Ctrl+w", "Ctrl+n", "Ctrl+p", "Ctrl+r", "F5", "F11", "Tab"];

/** The part of a keyboard event that names a key. */
export interface KeyFacts {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

/** `Ctrl+Shift+P`, `?`, `Shift+ArrowLeft`: shift is named only where the key does not already show it. */
export function keyName(event: KeyFacts): string {
  const isSign = event.key.length === 1;
  const isShortcut = event.ctrlKey || event.metaKey;
  const isLetter = /^[a-z]$/i.test(event.key);
  const shift = event.shiftKey && (!isSign || event.key === " " || (isShortcut && isLetter));
  const key = isLetter && !shift ? event.key.toLowerCase() : isLetter ? event.key.toUpperCase() : event.key;
  return [event.ctrlKey && "Ctrl", event.metaKey && "Meta", event.altKey && "Alt", shift && "Shift", key].filter(Boolean).join("+");
}

/** A key as it is shown: what is on the cap. */
export function keyText(key: string): string {
  return key === " " ? "␣" : key.replace("Arrow", "").replace(/(?<=^|\+)[a-z]$/, (letter) => letter.toUpperCase());
}

/** What a key does in a scope, or null. */
export function actionFor<S extends Scope>(scope: S, event: KeyFacts): Action<S> | null {
  const name = keyName(event);
  for (const action of actionsOf(scope)) if (keysOf(scope, action).includes(name)) return action;
  return null;
}

/** The actions of a scope in the order of the help. */
export function actionsOf<S extends Scope>(scope: S): Action<S>[] {
  return Object.keys(map[scope]).filter((name): name is Action<S> => name in map[scope]);
}

/** Keys that were chosen in this browser, by `scope.action`. */
type Chosen = Readonly<Record<string, readonly string[]>>;

const storageKey = "vitagraph.keys";
let chosen: Chosen = readChosen();

function readChosen(): Chosen {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(storageKey) ?? "{}");
    const isKeys = (keys: unknown): keys is readonly string[] => Array.isArray(keys) && keys.every((key) => typeof key === "string");
    return typeof stored === "object" && stored !== null ? Object.fromEntries(Object.entries(stored).filter(([, keys]) => isKeys(keys))) : {};
  } catch {
    // Without storage, or with nonsense in it, keys are what they usually are.
    return {};
  }
}

/** The keys that were chosen in this browser. */
export const chosenKeys = (): Chosen => chosen;

/** Keeps a choice of keys, whole. */
export function keepKeys(keys: Chosen): void {
  chosen = keys;
  try {
    localStorage.setItem(storageKey, JSON.stringify(keys));
  } catch {
    // They hold until the page is left.
  }
}

/** The keys of an action: those chosen, or the usual ones. */
export function keysOf<S extends Scope>(scope: S, action: Action<S>): readonly string[] {
  return chosen[`${scope}.${action}`] ?? usualKeysOf(scope, action);
}

/** The keys that an action has when nobody chooses. */
export function usualKeysOf<S extends Scope>(scope: S, action: Action<S>): readonly string[] {
  const entries: readonly (readonly [string, readonly string[]])[] = Object.entries(map[scope]);
  return entries.find(([name]) => name === action)?.[1] ?? [];
}

/** The text of an action's entry in the help; digits share one. */
export function actionLabel(scope: Scope, action: string): MessageKey | null {
  const key = `keys.${scope}.${action.replace(/^(rate|percent)\d$/, "$1")}`;
  return isLabel(key) ? key : null;
}

function isLabel(key: string): key is MessageKey {
  return key.startsWith("keys.");
}

/** Whether typing goes into the element, so that letters are no shortcuts there. */
export function takesText(target: unknown): boolean {
  if (typeof Element === "undefined" || !(target instanceof Element)) return false;
  return target.closest("input:not([type=checkbox], [type=radio], [type=range], [type=button]), textarea, select, [contenteditable=true]") !== null;
}
