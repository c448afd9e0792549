//! The audit suite of graphql-http against a server: `node audit.mjs http://…/graphql`. Prints a line of JSON.

import { auditServer } from "graphql-http";

const results = await auditServer({ url: process.argv[2] });
const failed = [];
for (const { status, id, name, reason, response } of results) {
  if (status !== "ok") failed.push(`${status} ${id} ${name}: ${reason}`);
  // A body that nobody reads keeps the connection, and with it the process.
  await response?.body?.cancel?.();
}
console.log(JSON.stringify({ total: results.length, failed }));
