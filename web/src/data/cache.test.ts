//! What events and mutations change in the cache, run through the real exchange with scripted answers.

import { Client, type Exchange, type Operation } from "urql";
import { filter, makeSubject, map, merge, mergeMap, fromArray, pipe, takeUntil } from "wonka";
import { cacheExchange } from "@urql/exchange-graphcache";
import { describe, expect, it } from "vitest";
import { cacheRules } from "./cache";
import { keylessTypes, possibleTypes } from "./schema-facts";

const jobFields = "__typename id kind status title queue progress { __typename fraction }";
const jobsQuery = `query Jobs($filter: JobFilter) { jobs(first: 50, filter: $filter) { __typename nodes { ${jobFields} } } }`;
const changes = `subscription JobChanges { jobChanges { ${jobFields} } }`;
const libraries = "query Libraries { libraries { __typename nodes { __typename id mediaCount } } }";

const job = (id: string, status: string, fraction: number) => ({
  __typename: "Job",
  id,
  kind: "scan.library",
  status,
  title: id,
  queue: "scan",
  progress: { __typename: "JobProgress", fraction },
});

/** A client whose server answers queries from `answers` and whose subscription is fed by `push`. */
function world(answers: Record<string, () => unknown>) {
  const events = makeSubject<unknown>();
  const asked: string[] = [];
  const server: Exchange = () => (operations) => {
    const result = (operation: Operation, data: unknown) => ({ operation, data, stale: false, hasNext: false });
    const ended = (operation: Operation) =>
      pipe(operations, filter((other) => other.kind === "teardown" && other.key === operation.key));
    return merge([
      pipe(
        operations,
        filter((operation) => operation.kind === "query"),
        mergeMap((operation) => {
          const name = operation.query.definitions.map((node) => ("name" in node ? (node.name?.value ?? "") : "")).join("");
          asked.push(name);
          return fromArray([result(operation, answers[name]?.())]);
        }),
      ),
      pipe(
        operations,
        filter((operation) => operation.kind === "subscription"),
        mergeMap((operation) =>
          pipe(
            events.source,
            map((data) => ({ ...result(operation, data), hasNext: true })),
            takeUntil(ended(operation)),
          ),
        ),
      ),
    ]);
  };
  const client = new Client({ url: "http://media.test/graphql", exchanges: [cacheExchange(cacheRules), server] });
  return { client, asked, push: events.next };
}

/** The client tells its queries in a later turn of the event loop. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

/** Keeps the newest data of a query. */
function follow(client: Client, query: string, variables: Record<string, unknown> = {}) {
  const seen: { data: unknown } = { data: null };
  client.query(query, variables).subscribe((result) => {
    seen.data = result.data;
  });
  return seen;
}

const page = (...nodes: unknown[]) => ({ jobs: { __typename: "JobConnection", nodes } });

describe("jobChanges", () => {
  it("moves the bar of a known job without asking the server", async () => {
    const { client, asked, push } = world({ Jobs: () => page(job("job_1", "RUNNING", 0.1)) });
    const list = follow(client, jobsQuery);
    client.subscription(changes, {}).subscribe(() => {});
    push({ jobChanges: job("job_1", "RUNNING", 0.8) });
    await settled();
    expect(list.data).toEqual(page(job("job_1", "RUNNING", 0.8)));
    expect(asked).toEqual(["Jobs"]);
  });

  it("puts a new job at the head of the lists it belongs to, once", async () => {
    const { client, push } = world({ Jobs: () => page(job("job_1", "RUNNING", 0.1)) });
    const running = follow(client, jobsQuery, { filter: { status: { in: ["RUNNING"] } } });
    const failed = follow(client, jobsQuery, { filter: { status: { eq: "FAILED" } } });
    client.subscription(changes, {}).subscribe(() => {});
    push({ jobChanges: job("job_2", "RUNNING", 0) });
    push({ jobChanges: job("job_2", "RUNNING", 0.5) });
    await settled();
    expect(running.data).toEqual(page(job("job_2", "RUNNING", 0.5), job("job_1", "RUNNING", 0.1)));
    expect(failed.data).toEqual(page(job("job_1", "RUNNING", 0.1)));
  });

  it("makes counts of libraries stale when a scan ends, and only then", async () => {
    let mediaCount = 1;
    const { client, asked, push } = world({
      Libraries: () => ({ libraries: { __typename: "LibraryConnection", nodes: [{ __typename: "Library", id: "lib_1", mediaCount }] } }),
    });
    const list = follow(client, libraries);
    client.subscription(changes, {}).subscribe(() => {});
    mediaCount = 7;
    push({ jobChanges: job("job_1", "RUNNING", 0.9) });
    await settled();
    expect(asked).toEqual(["Libraries"]);
    push({ jobChanges: job("job_1", "SUCCEEDED", 1) });
    await settled();
    expect(asked).toEqual(["Libraries", "Libraries"]);
    expect(list.data).toMatchObject({ libraries: { nodes: [{ mediaCount: 7 }] } });
  });
});

describe("schema facts", () => {
  it("know every kind of media and no key for parts of others", () => {
    expect(possibleTypes.Media).toEqual(["Audio", "Image", "Video"]);
    expect(keylessTypes).toContain("JobProgress");
    expect(keylessTypes).not.toContain("Job");
  });
});
