//! Filters as people build them: conditions in nested groups, and their short spelling in the address. Reading them, and asking the server by
//! them, is `filter-language.ts`, which comes with the first filter: most addresses have none.

import type { FieldName, Operator } from "./filter-fields";

/** One condition: a field, how it is compared, and with what. */
export interface Condition {
  readonly kind: "condition";
  readonly field: FieldName;
  readonly operator: Operator;
  /** Always text; `filter-fields.ts` knows what it means. More than one only for lists and ranges. */
  readonly values: readonly string[];
}

/** How the members of a group hold together: all of them, any of them, none of them. */
export const joins = ["all", "any", "none"] as const;
export type Join = (typeof joins)[number];

/** A group of conditions and further groups. */
export interface Group {
  readonly kind: "group";
  readonly join: Join;
  readonly items: readonly Filter[];
}

export type Filter = Condition | Group;

/** Nothing is filtered. */
export const noFilter: Group = { kind: "group", join: "all", items: [] };

/** `kind.in(VIDEO,AUDIO),any(rating.gte(80),isFavorite.eq(true))`; an empty string for an empty group. */
export function formatFilter(group: Group): string {
  return group.items.map(formatItem).join(",");
}

function formatItem(item: Filter): string {
  if (item.kind === "group") return `${item.join}(${formatFilter(item)})`;
  return `${item.field}.${item.operator}(${item.values.map(escape).join(",")})`;
}

// `encodeURIComponent` leaves parentheses as they are, which are ours.
function escape(value: string): string {
  return encodeURIComponent(value).replace(/[()]/g, (sign) => (sign === "(" ? "%28" : "%29"));
}

/** What reads filters and asks the server by them. */
interface Language {
  readonly read: (text: string) => Group;
  readonly input: (group: Group) => Record<string, unknown> | undefined;
}

let language: Language | null = null;

/** Takes the language; `filter-language.ts` does so by itself. */
export function learnFilters(learned: Language): void {
  language = learned;
}

/** Whether filters can be read already; an address without one needs nothing. */
export function canReadFilters(): boolean {
  return language !== null;
}

function spoken(): Language {
  if (language === null) throw new Error("a filter is read before filter-language.ts is there");
  return language;
}

/** Reads what `formatFilter` wrote. Whatever the address says, what is read is valid; what cannot be read is left out. */
export function parseFilter(text: string): Group {
  return text === "" ? noFilter : spoken().read(text);
}

/** The tree as the server's `MediaFilter` input, or undefined when it filters nothing. */
export function filterInput(group: Group): Record<string, unknown> | undefined {
  return group.items.length === 0 ? undefined : spoken().input(group);
}

/** How many conditions a tree has. */
export function countConditions(filter: Filter): number {
  if (filter.kind === "condition") return 1;
  return filter.items.reduce((sum, item) => sum + countConditions(item), 0);
}

/** The group with one member replaced, or removed by null. */
export function replaceItem(group: Group, index: number, item: Filter | null): Group {
  const items = group.items.flatMap((known, at) => (at === index ? (item ?? []) : known));
  return { ...group, items };
}

/** The group with a member more. */
export function addItem(group: Group, item: Filter): Group {
  return { ...group, items: [...group.items, item] };
}
