//! The playground's examples are documents that parse, with the variables they declare.

import { parse } from "graphql";
import { describe, expect, it } from "vitest";
import { examples, fillIds } from "./examples";

describe("examples", () => {
  it.each(examples.map((example) => [example.name, example] as const))("%s is one operation of that name", (name, example) => {
    const operations = parse(example.query).definitions.filter((node) => node.kind === "OperationDefinition");
    expect(operations.map((operation) => operation.name?.value)).toEqual([name]);
    const declared = operations.flatMap((operation) => operation.variableDefinitions ?? []).map((node) => node.variable.name.value);
    for (const given of Object.keys(example.variables)) expect(declared).toContain(given);
    const required = operations
      .flatMap((operation) => operation.variableDefinitions ?? [])
      .filter((node) => node.type.kind === "NonNullType")
      .map((node) => node.variable.name.value);
    for (const needed of required) expect(Object.keys(example.variables)).toContain(needed);
  });

  it("have names of their own", () => {
    const names = examples.map((example) => example.name);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("fillIds", () => {
  const ids = { library: "lib_1", media: null, job: "job_1" };
  it("replaces known placeholders at any depth and nothing else", () => {
    const variables = { input: { libraryId: "{library}", ids: ["{media}", "{job}"], name: "a {job}", rating: 60 } };
    expect(fillIds(variables, ids)).toEqual({ input: { libraryId: "lib_1", ids: ["{media}", "job_1"], name: "a {job}", rating: 60 } });
  });
});
