//! Holds documents against a schema, as the reference implementation does: `node validate.mjs schema.graphql folder`.
//! Prints what is wrong with each document as JSON; nothing is wrong with an empty list.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { buildSchema, parse, specifiedRules, validate } from "graphql";

const [, , schemaPath, folder] = process.argv;
const schema = buildSchema(readFileSync(schemaPath, "utf8"));
const documents = {};
for (const name of readdirSync(folder).filter((name) => name.endsWith(".graphql"))) {
  const document = parse(readFileSync(join(folder, name), "utf8"));
  const errors = validate(schema, document, specifiedRules, { maxErrors: 1000 });
  documents[name] = errors.map(({ message, locations }) => `line ${locations?.[0]?.line}: ${message}`);
}
console.log(JSON.stringify(documents));
