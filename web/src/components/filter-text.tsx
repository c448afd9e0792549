//! A filter in words: "Rating at least 80", "any of: .., ..". Names of tags and people are asked for by id.

import { useQuery } from "urql";
import { graphql } from "@/data/graphql";
import { customFacts } from "@/lib/custom-filter";
import type { Condition, Filter } from "@/lib/filter";
import { choices, fieldOf } from "@/lib/filter-fields";
import { formatBytes, formatDuration } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { fieldLabel, useCustomFields } from "./custom-fields";

const EntityNames = graphql(`
  query EntityNames($ids: [ID!]!) {
    nodes(ids: $ids) { __typename id ... on Tag { name } ... on Person { name } ... on Studio { name } ... on Library { name } }
  }
`);

export function FilterText({ filter }: { readonly filter: Filter }) {
  if (filter.kind === "condition") return <ConditionText condition={filter} />;
  return (
    <>
      {t(`filter.${filter.join}`)}{" "}
      {filter.items.map((item, index) => (
        // oxlint-disable-next-line react/no-array-index-key -- a part is its place in the group
        <span key={index}>
          {index > 0 && ", "}
          <FilterText filter={item} />
        </span>
      ))}
    </>
  );
}

function ConditionText({ condition }: { readonly condition: Condition }) {
  const field = fieldOf(condition.field);
  const isNamed = field?.kind === "entity" && condition.operator !== "isEmpty";
  const [{ data }] = useQuery({ query: EntityNames, variables: { ids: [...condition.values] }, pause: !isNamed });
  const named = (id: string) => {
    const node = data?.nodes.find((candidate) => candidate?.id === id);
    return node && "name" in node ? String(node.name) : "…";
  };
  const label = fieldLabel(condition.field, useCustomFields(customFacts(condition.field) !== null));
  const [first = "", second = ""] = condition.values.map((value) => (isNamed ? named(value) : valueText(condition, value)));
  if (condition.operator === "isNull" || condition.operator === "isEmpty") {
    return t(condition.values[0] === "true" ? "filter.isAbsent" : "filter.isPresent", { field: label });
  }
  if (field?.kind === "switch") return t(condition.values[0] === "true" ? "filter.isOn" : "filter.isOff", { field: label });
  if (condition.operator === "between") return t("filter.text.between", { field: label, from: first, to: second });
  const value = isNamed
    ? condition.values.map(named).join(", ")
    : condition.values.map((written) => valueText(condition, written)).join(", ");
  return t("filter.text", { field: label, operator: t(`operator.${condition.operator}`), value });
}

/** The word of a choice, as of a kind or a resolution. */
export function choiceText(value: string): string {
  for (const known of [...choices.kind, ...choices.resolution]) if (known === value) return t(`choice.${known}`);
  return value;
}

function valueText(condition: Condition, value: string): string {
  switch (fieldOf(condition.field)?.kind) {
    case "seconds":
      return formatDuration(Number(value));
    case "bytes":
      return formatBytes(Number(value), currentLocale());
    case "choice":
      return choiceText(value);
    default:
      return value;
  }
}
