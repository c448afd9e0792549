//! Filters: their spelling in the address and what the server is asked, checked against the checked-in schema.

import { buildSchema, coerceInputValue, type GraphQLInputType } from "graphql";
import { describe, expect, it } from "vitest";
import sdl from "../../../schema/schema.graphql?raw";
import { filterInput, formatFilter, type Group, noFilter, parseFilter } from "./filter";
import { fieldOf, fields } from "./filter-fields";
import { groupOfInput } from "./filter-language";

const schema = buildSchema(sdl);

function mediaFilter(): GraphQLInputType {
  const type = schema.getType("MediaFilter");
  if (!type || !("getFields" in type) || "getInterfaces" in type) throw new Error("the schema has no input MediaFilter");
  return type;
}

describe("parseFilter", () => {
  it.each([
    "",
    "kind.in(VIDEO,AUDIO)",
    "tags.anyOf(tag_a,tag_b),any(rating.gte(80),isFavorite.eq(true)),none(people.anyOf(prs_a))",
    "any(all(duration.between(60,5400),none(height.lte(719))),title.contains(a%2C%28b%29%20%22c%22%20%23%26))",
    "date.isNull(true),addedAt.gte(2026-01-31)",
    "custom-number-cfd_1a.gte(-2.5),custom-choice-cfd_2b.in(tape,a%20reel),custom-boolean-cfd_3c.eq(false),custom-date-cfd_4d.isNull(true)",
  ])("reads what it wrote: %s", (text) => expect(formatFilter(parseFilter(text))).toBe(text));

  it.each([
    ["rating.gte(x)", ""],
    ["rating.contains(5)", ""],
    ["nonsense.eq(1),rating.gte(20)", "rating.gte(20)"],
    ["toString.eq(1)", ""],
    ["duration.between(1)", ""],
    ["any()", ""],
    ["((((", ""],
    ["rating.gte(20", "rating.gte(20)"],
    ["title.contains(%E0%A4)", ""],
    ["date.gte(2026-13-40)", ""],
    ["custom-number-cfd_1a.gte(x)", ""],
    ["custom-number-cfd_1a.contains(3)", ""],
    ["custom-nonsense-cfd_1a.eq(3)", ""],
    ["custom-text-../../x.eq(3)", ""],
  ])("leaves out what it cannot read: %s", (text, kept) => expect(formatFilter(parseFilter(text))).toBe(kept));

  it("does not follow endless nesting", () => expect(formatFilter(parseFilter("any(".repeat(5000)))).toBe(""));
});

describe("groupOfInput", () => {
  it.each([
    "kind.in(VIDEO,AUDIO)",
    "rating.gte(80),any(isFavorite.eq(true),title.contains(a%20b)),none(people.anyOf(prs_a))",
    "any(all(duration.between(60,5400),height.lte(719)),tags.anyOf(tag_a)),addedAt.gte(2026-01-31)",
    "custom-text-cfd_1a.contains(rain),custom-number-cfd_2b.lte(7),custom-choice-cfd_3c.in(tape,reel),none(custom-date-cfd_4d.between(2026-01-01,2026-02-01))",
    "custom-text-cfd_1a.isNull(true)",
  ])("reads back what was asked: %s", (text) => expect(formatFilter(groupOfInput(filterInput(parseFilter(text))))).toBe(text));
  it.each([null, 7, "x", [], { nonsense: { eq: 1 } }, { rating: { gte: "x" } }])("is nothing for %j", (input) => {
    expect(formatFilter(groupOfInput(input))).toBe("");
  });
});

describe("filterInput", () => {
  it("is nothing for nothing", () => expect(filterInput(noFilter)).toBeUndefined());

  it("nests groups", () => {
    expect(filterInput(parseFilter("rating.gte(80),any(isFavorite.eq(true),none(tags.anyOf(tag_a)))"))).toEqual({
      and: [
        { rating: { gte: 80 } },
        { or: [{ isFavorite: { eq: true } }, { not: { or: [{ tags: { anyOf: ["tag_a"], includeDescendants: true } }] } }] },
      ],
    });
  });

  it("means whole days", () => {
    expect(filterInput(parseFilter("addedAt.between(2026-01-01,2026-01-31)"))).toEqual({
      addedAt: { between: { from: "2026-01-01T00:00:00Z", to: "2026-01-31T23:59:59.999Z" } },
    });
  });

  const samples = { choice: "VIDEO", entity: "tag_1", number: "40", seconds: "60", bytes: "1000", day: "2026-01-31", text: "x", switch: "true" };
  const own = ["text", "choice", "number", "date", "boolean"].flatMap((holds) => fieldOf(`custom-${holds}-cfd_1`) ?? []);
  it.each([...fields, ...own].flatMap((field) => field.operators.map((operator) => [field.name, operator, field.kind] as const)))(
    "asks for %s %s as the schema wants it",
    (field, operator, kind) => {
      const isFlag = operator === "isNull" || operator === "isEmpty";
      const value = isFlag ? "true" : field === "resolution" ? "HD" : samples[kind];
      const values = operator === "between" ? [value, value] : [value];
      const group: Group = { kind: "group", join: "all", items: [{ kind: "condition", field, operator, values }] };
      expect(formatFilter(parseFilter(formatFilter(group)))).toBe(formatFilter(group));
      const problems: string[] = [];
      coerceInputValue(filterInput(group), mediaFilter(), (path, _value, error) => problems.push(`${path.join(".")}: ${error.message}`));
      expect(problems).toEqual([]);
    },
  );
});
