//! Errors, connection states, session answers and list filters.

import { CombinedError } from "urql";
import { describe, expect, it } from "vitest";
import { nextConnection } from "./connection";
import { kindOf, problemOf } from "./errors";
import { matchesJobFilter } from "./job-filter";
import { parseAuthState } from "./session";

describe("errors", () => {
  it("are sorted by the end of their code", () => {
    expect(kindOf("UNAUTHENTICATED")).toBe("unauthenticated");
    expect(kindOf("FORBIDDEN")).toBe("denied");
    expect(kindOf("SCAN_LIBRARY_NOT_FOUND")).toBe("missing");
    expect(kindOf("NOT_FOUND_AT_ALL")).toBe("other");
    expect(kindOf(null)).toBe("other");
  });

  it("keep code, words and fields of the server", () => {
    const fields = [{ path: ["input", "paths", 0], message: "no folder `/nowhere`" }];
    const error = new CombinedError({ graphQLErrors: [{ message: "invalid input", extensions: { code: "INVALID", fields } }] });
    expect(problemOf(error)).toEqual({
      kind: "other",
      code: "INVALID",
      message: "Invalid input",
      fields: [{ path: "input.paths.0", message: "No folder “/nowhere”" }],
    });
  });

  it("tell a silent server from a refusing one", () => {
    expect(problemOf(new CombinedError({ networkError: new Error("failed to fetch") })).kind).toBe("network");
  });
});

describe("connection", () => {
  const live = { status: "live", epoch: 3 } as const;
  it("starts a new epoch only when live updates come back after a gap", () => {
    expect(nextConnection({ status: "connecting", epoch: 3 }, "live")).toEqual(live);
    expect(nextConnection({ status: "offline", epoch: 3 }, "live").epoch).toBe(4);
    expect(nextConnection({ status: "paused", epoch: 3 }, "live").epoch).toBe(4);
    expect(nextConnection(live, "offline")).toEqual({ status: "offline", epoch: 3 });
    expect(nextConnection(live, "live")).toBe(live);
  });
});

describe("session", () => {
  it("reads both answers of the server", () => {
    expect(parseAuthState({ needsSetup: true, viewer: null })).toEqual({ needsSetup: true, viewer: null, provider: null });
    expect(parseAuthState({ needsSetup: false, viewer: { name: "ada", role: "ADMIN", id: 1 }, provider: "studio" })).toEqual({
      needsSetup: false,
      viewer: { name: "ada", role: "ADMIN" },
      provider: "studio",
    });
  });

  it.each([null, [], "x", {}, { needsSetup: "no" }, { needsSetup: false, viewer: {} }])("refuses %j", (answer) => {
    expect(() => parseAuthState(answer)).toThrow("unreadable");
  });
});

describe("job filters", () => {
  const job = { kind: "scan.library", status: "RUNNING", queue: "scan" };
  it.each([
    [null, true],
    [{}, true],
    [{ status: null }, true],
    [{ status: { in: ["RUNNING", "PAUSED"] } }, true],
    [{ status: { eq: "FAILED" } }, false],
    [{ kind: { eq: "scan.library" }, queue: { in: ["probe"] } }, false],
    [{ kind: { contains: "scan" } }, false],
    [{ title: { eq: "x" } }, false],
  ])("%j: %s", (filter, isMatch) => expect(matchesJobFilter(job, filter)).toBe(isMatch));
});
