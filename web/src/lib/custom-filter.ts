//! Fields that people defined, as filters: their names in the address say what they hold, so that an address is read without asking the
//! server, and the server's criterion is made of them.

import type { FieldKind, Operator } from "./filter-fields";

/** What such a field holds, as the server names it, and how it is entered. */
const kinds = { text: "text", choice: "choice", number: "number", date: "day", boolean: "switch" } as const satisfies Record<string, FieldKind>;

type CustomKind = keyof typeof kinds;

/** `custom-number-cfd_1a2b`. */
export type CustomName = `custom-${CustomKind}-${string}`;

/** A name taken apart. */
export interface CustomFacts {
  readonly name: CustomName;
  readonly id: string;
  readonly holds: CustomKind;
  readonly kind: FieldKind;
}

/** The comparisons of each. */
export const customOperators: Record<CustomKind, readonly Operator[]> = {
  text: ["contains", "notContains", "startsWith", "endsWith", "eq", "ne", "isNull"],
  choice: ["in", "isNull"],
  number: ["gte", "lte", "eq", "isNull"],
  date: ["gte", "lte", "between", "isNull"],
  boolean: ["eq"],
};

/** The name of a field in conditions. */
export function customName(field: { readonly id: string; readonly kind: Uppercase<CustomKind> }): CustomName {
  const holds = customKinds.find((known) => known.toUpperCase() === field.kind) ?? "text";
  return `custom-${holds}-${field.id}`;
}

const customKinds: readonly CustomKind[] = ["text", "choice", "number", "date", "boolean"];

/** What a name says; null for one that is not of this form. */
export function customFacts(name: string): CustomFacts | null {
  const [, written, id] = /^custom-([a-z]+)-([a-z]+_[0-9a-z]+)$/.exec(name) ?? [];
  const holds = customKinds.find((known) => known === written);
  if (holds === undefined || id === undefined) return null;
  return { name: `custom-${holds}-${id}`, id, holds, kind: kinds[holds] };
}

/** The server's filter for one comparison. */
export function customInput(facts: CustomFacts, operator: Operator, values: readonly string[]): Record<string, unknown> {
  const { id: fieldId, holds } = facts;
  const [first = "", second = ""] = values;
  if (operator === "isNull") return { customFields: [{ fieldId, isSet: { eq: first !== "true" } }] };
  switch (holds) {
    case "text":
      return { customFields: [{ fieldId, text: { [operator]: first } }] };
    case "choice":
      return { customFields: [{ fieldId, text: { in: values } }] };
    case "number":
      return { customFields: [{ fieldId, number: { [operator]: Number(first) } }] };
    case "date":
      return { customFields: [{ fieldId, date: operator === "between" ? { between: { from: first, to: second } } : { [operator]: first } }] };
    case "boolean":
      return { customFields: [{ fieldId, boolean: { eq: first === "true" } }] };
  }
}

/** A comparison of an input read back: name, comparison and values as they are written in the address. */
export function customWritten(input: unknown): readonly { readonly head: string; readonly values: readonly unknown[] }[] {
  if (typeof input !== "object" || input === null) return [];
  const fieldId: unknown = Reflect.get(input, "fieldId");
  if (typeof fieldId !== "string") return [];
  return Object.entries(input).flatMap(([holds, criterion]: [string, unknown]) => {
    if (holds === "fieldId" || typeof criterion !== "object" || criterion === null) return [];
    return Object.entries(criterion).map(([operator, value]: [string, unknown]) => {
      // Of what kind a field is that is only asked for being there is not said; text is compared so too.
      if (holds === "isSet") return { head: `custom-text-${fieldId}.isNull`, values: [value !== true] };
      if (holds === "text" && operator === "in" && Array.isArray(value)) return { head: `custom-choice-${fieldId}.in`, values: value };
      const isRange = operator === "between" && typeof value === "object" && value !== null;
      return { head: `custom-${holds}-${fieldId}.${operator}`, values: isRange ? [Reflect.get(value, "from"), Reflect.get(value, "to")] : [value] };
    });
  });
}
