//! The fields that people defined for their media, as forms, filters and chips need them.

import { useQuery } from "urql";
import { graphql, type ResultOf } from "@/data/graphql";
import { customFacts } from "@/lib/custom-filter";
import { fields, type FieldName } from "@/lib/filter-fields";
import { t } from "@/lib/messages";

const CustomFields = graphql(`query CustomFields { customFields { id name description kind choices createdAt } }`);

/** One field. */
export type CustomField = ResultOf<typeof CustomFields>["customFields"][number];

const none: readonly CustomField[] = [];

/** All of them, in the server's order; none while they are being asked for, or when nobody wants them. */
export function useCustomFields(isWanted = true): readonly CustomField[] {
  const [{ data }] = useQuery({ query: CustomFields, pause: !isWanted });
  return data?.customFields ?? none;
}

/** What a field is called: by the catalog, or by whoever defined it. */
export function fieldLabel(name: FieldName, known: readonly CustomField[]): string {
  const custom = customFacts(name);
  if (custom !== null) return known.find((field) => field.id === custom.id)?.name ?? "…";
  const own = fields.find((field) => field.name === name);
  return own ? t(`field.${own.name}`) : name;
}

/** The choices of a field that people defined. */
export function customChoices(name: FieldName, known: readonly CustomField[]): readonly string[] {
  const custom = customFacts(name);
  return known.find((field) => field.id === custom?.id)?.choices ?? [];
}
