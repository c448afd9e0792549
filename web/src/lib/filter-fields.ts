//! What media can be filtered by: each field's kind, its comparisons, and how its values are written for the server.

import { customFacts, customInput, type CustomName, customOperators } from "./custom-filter";

/** How a value is compared. Named as the server's criteria. */
export const operators = [
  "eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "notIn", "contains", "notContains", "startsWith", "endsWith",
  "anyOf", "allOf", "noneOf", "isNull", "isEmpty",
] as const;
export type Operator = (typeof operators)[number];

/** What a field holds, which decides how it is entered. */
export type FieldKind = "choice" | "entity" | "number" | "seconds" | "bytes" | "day" | "text" | "switch";

const kinds = {
  kind: "choice",
  tags: "entity",
  people: "entity",
  studio: "entity",
  library: "entity",
  isFavorite: "switch",
  rating: "number",
  duration: "seconds",
  date: "day",
  addedAt: "day",
  resolution: "choice",
  height: "number",
  width: "number",
  size: "bytes",
  viewCount: "number",
  title: "text",
  path: "text",
  container: "text",
  videoCodec: "text",
  audioCodec: "text",
  hasSubtitles: "switch",
  isMissing: "switch",
} as const satisfies Record<string, FieldKind>;

/** A field of the server's own, or one that people defined. */
export type FieldName = OwnName | CustomName;

export type OwnName = keyof typeof kinds;

const operatorsOf: Record<FieldKind, readonly Operator[]> = {
  choice: ["in"],
  entity: ["anyOf", "allOf", "noneOf", "isEmpty"],
  number: ["gte", "lte", "eq", "between", "isNull"],
  seconds: ["gte", "lte", "between"],
  bytes: ["gte", "lte", "between"],
  day: ["gte", "lte", "between", "isNull"],
  text: ["contains", "notContains", "startsWith", "endsWith", "eq", "ne"],
  switch: ["eq"],
};

/** What can be chosen in fields of that kind. */
export const choices = {
  kind: ["VIDEO", "AUDIO", "IMAGE"],
  resolution: ["ULTRA_HD_8K", "ULTRA_HD_4K", "QUAD_HD", "FULL_HD", "HD", "SD"],
} as const;

/** The choices of a field; none for a field of another kind. */
export function choicesOf(name: FieldName): readonly (typeof choices)[keyof typeof choices][number][] {
  return name === "kind" || name === "resolution" ? choices[name] : [];
}

/** Fields that are never absent: asking whether they are is refused by the server or without sense. */
const neverNull = new Set<string>(["addedAt", "viewCount"]);

/** A field and all that is known of it. */
export interface Field {
  readonly name: FieldName;
  readonly kind: FieldKind;
  readonly operators: readonly Operator[];
  /** Whether a written value means something here. */
  readonly isValid: (value: string, operator: Operator) => boolean;
  /** The server's filter that says so. */
  readonly input: (operator: Operator, values: readonly string[]) => Record<string, unknown>;
}

/** A field of the server's own. */
export interface OwnField extends Field {
  readonly name: OwnName;
}

/** All fields of the server's own in the order people look for them. */
export const fields: readonly OwnField[] = Object.entries(kinds).flatMap(([name, kind]) => {
  const known = nameOf(name);
  if (known === null) return [];
  const allowed = operatorsOf[kind].filter((operator) => operator !== "isNull" || !neverNull.has(name));
  return {
    name: known,
    kind,
    operators: allowed,
    isValid: (value: string, operator: Operator) => isValid(known, kind, value, operator),
    input: (operator: Operator, values: readonly string[]) => ({ [known]: criterion(known, kind, operator, values) }),
  };
});

/** The field of a name, or null for a name that nobody gave. */
export function fieldOf(name: string): Field | null {
  return fields.find((field) => field.name === name) ?? customField(name);
}

function customField(name: string): Field | null {
  const facts = customFacts(name);
  if (facts === null) return null;
  return {
    name: facts.name,
    kind: facts.kind,
    operators: customOperators[facts.holds],
    isValid: (value, operator) => isValid(facts.name, facts.kind, value, operator),
    input: (operator, values) => customInput(facts, operator, values),
  };
}

/** Whether the field can be compared like that. */
export function isOperator(field: Field, operator: string): operator is Operator {
  return field.operators.some((candidate) => candidate === operator);
}

function nameOf(name: string): OwnName | null {
  return name in kinds ? (Object.keys(kinds).find((known): known is OwnName => known === name) ?? null) : null;
}

function isValid(name: FieldName, kind: FieldKind, value: string, operator: Operator): boolean {
  if (operator === "isNull" || operator === "isEmpty") return value === "true" || value === "false";
  switch (kind) {
    case "choice":
      // The choices of a field that people defined are known to the server alone.
      return name === "kind" || name === "resolution" ? choicesOf(name).some((choice) => choice === value) : value !== "";
    case "entity":
      return /^[a-z]+_[0-9a-z]+$/.test(value);
    case "number":
      return customFacts(name) === null ? /^\d{1,9}$/.test(value) : /^-?\d{1,12}(\.\d{1,6})?$/.test(value);
    case "seconds":
    case "bytes":
      return /^\d{1,15}(\.\d{1,6})?$/.test(value);
    case "day":
      return /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value));
    case "text":
      return value.trim() !== "";
    case "switch":
      return value === "true" || value === "false";
  }
}

function criterion(name: FieldName, kind: FieldKind, operator: Operator, written: readonly string[]): Record<string, unknown> {
  const values = written.map((value, index) => inputValue(name, kind, operator, value, index));
  const [first, second] = values;
  if (operator === "between") return { between: { from: first, to: second } };
  const isList = operator === "in" || operator === "notIn" || operator === "anyOf" || operator === "allOf" || operator === "noneOf";
  const made = { [operator]: isList ? values : first };
  return name === "tags" && isList ? { ...made, includeDescendants: true } : made;
}

function inputValue(name: FieldName, kind: FieldKind, operator: Operator, value: string, index: number): unknown {
  if (operator === "isNull" || operator === "isEmpty" || kind === "switch") return value === "true";
  // A moment for a day: "until" a day means until its end.
  const isEnd = operator === "lte" || (operator === "between" && index === 1);
  if (name === "addedAt") return isEnd ? `${value}T23:59:59.999Z` : `${value}T00:00:00Z`;
  return kind === "number" || kind === "seconds" || kind === "bytes" ? Number(value) : value;
}
