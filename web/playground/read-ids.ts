//! Reads a few ids of this server, so that an example runs as it is opened.

import type { Ids } from "./examples";

const query = `query Ids {
  libraries { nodes { id } }
  media(first: 1) { nodes { id } }
  jobs(first: 1) { nodes { id } }
}`;

/** Ids that exist here; an absent one keeps its placeholder. Never fails: an example without ids is still an example. */
export async function readIds(): Promise<Ids> {
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", "x-requested-with": "vitagraph" },
      body: JSON.stringify({ query }),
    });
    const json: unknown = await response.json();
    return { library: firstId(json, "libraries"), media: firstId(json, "media"), job: firstId(json, "jobs") };
  } catch {
    return { library: null, media: null, job: null };
  }
}

function firstId(json: unknown, field: string): string | null {
  const id = ["data", field, "nodes", "0", "id"].reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : null),
    json,
  );
  return typeof id === "string" ? id : null;
}
