//! Choosing keys: which can be chosen, and what is in the way. Only the settings page needs it.

import { actionLabel, actionsOf, type Action, keysOf, reservedKeys, type Scope, scopes } from "./keys";
import type { MessageKey } from "./messages";

/** Why a key cannot be given to an action. */
export type Clash = { readonly kind: "reserved" } | { readonly kind: "taken"; readonly scope: Scope; readonly action: string; readonly label: MessageKey | null };

/** Keys that are told by pressing them, which say nothing alone. */
const modifiers = ["Control", "Shift", "Alt", "Meta", "AltGraph", "CapsLock", "Dead", "Process", "Unidentified"];

/** Whether the key of an event can be chosen at all: a modifier alone says nothing yet. */
export function isWhole(key: string): boolean {
  return !modifiers.includes(key.split("+").at(-1) ?? "");
}

/** Whether the keys of an action can be chosen: digits mean what they say. */
export function isChoosable(action: string): boolean {
  return !/^(rate|percent)\d$/.test(action);
}

/** What is in the way of a key; keys that work everywhere are in the way everywhere. */
export function clashOf(scope: Scope, action: string, key: string): Clash | null {
  if (reservedKeys.includes(key)) return { kind: "reserved" };
  for (const other of scopes) {
    if (other !== scope && other !== "global" && scope !== "global") continue;
    for (const taken of actionsOf(other)) {
      const isSame = other === scope && taken === action;
      if (!isSame && keysOf(other, taken).includes(key)) return { kind: "taken", scope: other, action: taken, label: actionLabel(other, taken) };
    }
  }
  return null;
}

/** A choice in which a key belongs to an action alone. */
export function withKey<S extends Scope>(chosen: Readonly<Record<string, readonly string[]>>, scope: S, action: Action<S>, key: string): Record<string, readonly string[]> {
  const clash = clashOf(scope, action, key);
  const next: Record<string, readonly string[]> = { ...chosen, [`${scope}.${action}`]: [key] };
  if (clash?.kind === "taken") {
    const left = keysIn(clash.scope, clash.action).filter((known) => known !== key);
    next[`${clash.scope}.${clash.action}`] = left;
  }
  return next;
}

function keysIn(scope: Scope, action: string): readonly string[] {
  const known = actionsOf(scope).find((name) => name === action);
  return known === undefined ? [] : keysOf(scope, known);
}
