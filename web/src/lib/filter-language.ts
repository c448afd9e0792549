//! Filters as addresses and the server say them: reads what stands in an address, and turns trees into `MediaFilter` inputs and back.

import { customWritten } from "./custom-filter";
import { type Condition, type Filter, type Group, type Join, joins, learnFilters } from "./filter";
import { fieldOf, isOperator } from "./filter-fields";

learnFilters({ read: readFilter, input: inputOf });

/** The server refuses deeper trees. */
const deepest = 10;

function readFilter(text: string): Group {
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

function inputOf(group: Group): Record<string, unknown> | undefined {
  const inputs = group.items.map(itemInput).filter((input) => input !== undefined);
  if (inputs.length === 0) return undefined;
  if (group.join === "none") return { not: { or: inputs } };
  if (group.join === "any") return { or: inputs };
  return inputs.length === 1 ? inputs[0] : { and: inputs };
}

function itemInput(item: Filter): Record<string, unknown> | undefined {
  if (item.kind === "group") return inputOf(item);
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
