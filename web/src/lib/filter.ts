//! Filters as people build them: conditions in nested groups, and their short spelling in the address. Whatever the address says, what
//! is read is valid; what cannot be read is left out.

import { customWritten } from "./custom-filter";
import { type FieldName, fieldOf, isOperator, type Operator } from "./filter-fields";

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

/** The server refuses deeper trees. */
const deepest = 10;

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

/** Reads what `formatFilter` wrote. */
export function parseFilter(text: string): Group {
  const reader = { text, at: 0 };
  return { kind: "group", join: "all", items: readItems(reader, 0) };
}

interface Reader {
  readonly text: string;
  at: number;
}

function readItems(reader: Reader, depth: number): Filter[] {
  const items: Filter[] = [];
  while (reader.at < reader.text.length && reader.text[reader.at] !== ")") {
    const item = readItem(reader, depth);
    if (item !== null) items.push(item);
    if (reader.text[reader.at] === ",") reader.at += 1;
  }
  return items;
}

function readItem(reader: Reader, depth: number): Filter | null {
  const open = reader.text.indexOf("(", reader.at);
  if (open < 0) {
    reader.at = reader.text.length;
    return null;
  }
  const head = reader.text.slice(reader.at, open);
  reader.at = open + 1;
  const join = joins.find((candidate) => candidate === head);
  if (join !== undefined) {
    if (depth >= deepest) {
      // Nobody wrote this with the builder; the rest may be endless.
      reader.at = reader.text.length;
      return null;
    }
    const items = readItems(reader, depth + 1);
    reader.at += 1;
    return items.length > 0 ? { kind: "group", join, items } : null;
  }
  const close = reader.text.indexOf(")", open);
  const end = close < 0 ? reader.text.length : close;
  const written = reader.text.slice(open + 1, end);
  reader.at = end + 1;
  return readCondition(head, written);
}

function readCondition(head: string, written: string): Condition | null {
  const [name = "", operator = ""] = head.split(".");
  const field = fieldOf(name);
  if (field === null || !isOperator(field, operator)) return null;
  const values = written === "" ? [] : written.split(",").map(unescape);
  const isValid = values.length > 0 && values.every((value) => value !== null && field.isValid(value, operator));
  if (!isValid || (operator === "between" && values.length !== 2)) return null;
  return { kind: "condition", field: field.name, operator, values: values.flatMap((value) => value ?? []) };
}

function unescape(value: string): string | null {
  try {
    return decodeURIComponent(value);
  } catch {
    return null;
  }
}

/** How many conditions a tree has. */
export function countConditions(filter: Filter): number {
  if (filter.kind === "condition") return 1;
  return filter.items.reduce((sum, item) => sum + countConditions(item), 0);
}

/** The tree as the server's `MediaFilter` input, or undefined when it filters nothing. */
export function filterInput(group: Group): Record<string, unknown> | undefined {
  const inputs = group.items.map(itemInput).filter((input) => input !== undefined);
  if (inputs.length === 0) return undefined;
  if (group.join === "none") return { not: { or: inputs } };
  if (group.join === "any") return { or: inputs };
  return inputs.length === 1 ? inputs[0] : { and: inputs };
}

function itemInput(item: Filter): Record<string, unknown> | undefined {
  if (item.kind === "group") return filterInput(item);
  const field = fieldOf(item.field);
  if (field === null) return undefined;
  return field.input(item.operator, item.values);
}

/** Reads a `MediaFilter` input back, as saved filters have it; what the builder cannot say is left out. */
export function groupOfInput(input: unknown): Group {
  return { kind: "group", join: "all", items: itemsOfInput(input, 0) };
}

function itemsOfInput(input: unknown, depth: number): Filter[] {
  if (typeof input !== "object" || input === null || depth > deepest) return [];
  return Object.entries(input).flatMap(([name, criterion]: [string, unknown]): Filter[] => {
    if (criterion === null || criterion === undefined) return [];
    if (name === "and" && Array.isArray(criterion)) return criterion.flatMap((part) => itemsOfInput(part, depth + 1));
    if (name === "or" && Array.isArray(criterion)) return grouped("any", criterion.flatMap((part) => joined(itemsOfInput(part, depth + 1))));
    if (name === "not") return grouped("none", joined(itemsOfInput(criterion, depth + 1)));
    if (name === "customFields" && Array.isArray(criterion)) {
      return criterion.flatMap(customWritten).flatMap(({ head, values }) => readCondition(head, written(values)) ?? []);
    }
    if (typeof criterion !== "object" || Array.isArray(criterion)) return [];
    return Object.entries(criterion).flatMap(([operator, value]: [string, unknown]) => conditionOfInput(name, operator, value) ?? []);
  });
}

function conditionOfInput(name: string, operator: string, value: unknown): Condition | null {
  if (value === null || value === undefined) return null;
  const isRange = operator === "between" && typeof value === "object" && value !== null;
  const raw = isRange ? [Reflect.get(value, "from"), Reflect.get(value, "to")] : Array.isArray(value) ? value : [value];
  return readCondition(`${name}.${operator}`, written(raw));
}

function written(values: readonly unknown[]): string {
  // A moment is kept as its day.
  return values.map((part) => encodeURIComponent(String(part).replace(/T[\d:.]+Z$/, ""))).join(",");
}

/** What holds together inside one branch of an "any" or a "none". */
function joined(items: Filter[]): Filter[] {
  return items.length > 1 ? [{ kind: "group", join: "all", items }] : items;
}

function grouped(join: Join, items: Filter[]): Filter[] {
  const [only] = items;
  // "None of any of these" is what the server's `not` around an `or` says.
  if (join === "none" && items.length === 1 && only?.kind === "group" && only.join === "any") return [{ ...only, join: "none" }];
  return items.length === 0 ? [] : [{ kind: "group", join, items }];
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
