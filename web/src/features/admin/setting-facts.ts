//! A setting as the server tells of it, and its value as a form holds it.

import { type FragmentOf, graphql, type ResultOf } from "@/data/graphql";

export const SettingFragment = graphql(`
  fragment Setting on Setting @_unmask {
    key section plugin description kind choices minimum maximum default value source nextValue isPending variable isSecret isEditable
  }
`);

export type SettingFacts = ResultOf<typeof SettingFragment>;
export type SettingMask = FragmentOf<typeof SettingFragment>;

/** What a form has of a value: text for fields, and yes or no. */
export type Draft = string | boolean;

/** A value in a form. */
export function draftOf({ kind }: Pick<SettingFacts, "kind">, value: unknown): Draft {
  if (kind === "BOOLEAN") return value === true;
  if (Array.isArray(value)) return value.join("\n");
  return value === null || value === undefined ? "" : String(value);
}

/** The value that a form stands for; null is what holds when nobody says anything. */
export function valueOf({ kind }: Pick<SettingFacts, "kind">, draft: Draft): unknown {
  if (typeof draft === "boolean") return draft;
  const text = draft.trim();
  if (kind === "LIST") return text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (text === "") return null;
  // What is no number is sent as it is, and the server says what is allowed.
  if (kind === "INTEGER" || kind === "NUMBER") return Number.isFinite(Number(text)) ? Number(text) : text;
  return text;
}

/** The largest numbers of one, two and four bytes: widths of the machine, no limits for people. */
const widths = [255, 65_535, 4_294_967_295];

/** What a number may be, where its limits are worth telling. */
export function rangeOf({ minimum, maximum }: Pick<SettingFacts, "minimum" | "maximum">): { readonly least: number | null; readonly most: number | null } {
  const most = maximum !== null && !widths.includes(maximum) && maximum < Number.MAX_SAFE_INTEGER ? maximum : null;
  return { least: minimum === 0 && most === null ? null : minimum, most };
}
