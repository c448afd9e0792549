//! A fresh server with a small library of its own, for one run of the browser.
//!
//!     VITAGRAPH_BIN     the program                      (the newest of ../target/{debug,release}/vitagraph)
//!     VITAGRAPH_MEDIA   folder with media to copy from   (a demo library that the program makes)

import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(1));

/** The account that the tests make. */
export const account = { name: "ada", password: "correct horse battery" };

/** The program under test. */
export function program() {
  if (process.env.VITAGRAPH_BIN) return process.env.VITAGRAPH_BIN;
  const built = ["debug", "release"].map((profile) => join(root, "target", profile, "vitagraph")).filter(existsSync);
  if (built.length === 0) throw new Error("there is no server to test: cargo build -p server -p media-worker");
  return built.toSorted((left, right) => statSync(right).mtimeMs - statSync(left).mtimeMs)[0];
}

/** Starts a server without accounts, told more by variables if need be, which may depend on its port; `stop` ends it and removes what it made. */
export async function startWorld(environment = {}) {
  const folder = mkdtempSync(join(tmpdir(), "vitagraph-world-"));
  const media = join(folder, "media");
  if (process.env.VITAGRAPH_MEDIA) cpSync(process.env.VITAGRAPH_MEDIA, media, { recursive: true });
  else execFileSync(program(), ["demo", media], { stdio: "ignore" });
  const server = await serve(join(folder, "data"), environment);
  return {
    ...server,
    media,
    folder,
    code: /one-time code: ([A-Z0-9-]+)/.exec(server.output())?.[1] ?? "",
    stop: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Runs a server on a data directory, and waits until it answers. */
export async function serve(data, environment = {}) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const more = typeof environment === "function" ? environment(port) : environment;
  const server = spawn(program(), ["serve", "--data", data, "--listen", `127.0.0.1:${port}`], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...more } });
  let output = "";
  server.stdout.on("data", (chunk) => (output += chunk));
  server.stderr.on("data", (chunk) => (output += chunk));
  const ended = new Promise((resolve) => server.on("exit", resolve));
  // A test that is cut off leaves no server behind.
  process.on("exit", () => server.kill("SIGKILL"));
  for (;;) {
    if (server.exitCode !== null) throw new Error(`the server ended: ${output}`);
    const isUp = await fetch(`${url}/healthz`).then((answer) => answer.ok, () => false);
    if (isUp) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    pid: server.pid,
    output: () => output,
    stop: async () => {
      server.kill("SIGTERM");
      const late = setTimeout(() => server.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(late);
    },
  };
}

/** A server with a large library of rows without files, for measurements; its account is `account`. */
export async function seededServer() {
  const kept = process.env.VITAGRAPH_SEED;
  const data = kept ?? mkdtempSync(join(tmpdir(), "vitagraph-seed-"));
  if (kept === undefined) execFileSync(program(), ["dev", "seed", "--media", process.env.VITAGRAPH_ITEMS ?? "100000", "--data", data], { stdio: "ignore" });
  // The seed's own password is known to nobody later.
  execFileSync(program(), ["user", "password", account.name, "--data", data, "--password-stdin"], { input: `${account.password}\n`, stdio: ["pipe", "ignore", "inherit"] });
  const server = await serve(data);
  return {
    ...server,
    stop: async () => {
      await server.stop();
      if (kept === undefined) rmSync(data, { recursive: true, force: true });
    },
  };
}

/** Gives the browser a session of `account`, without the page. */
export async function signIn(context, url) {
  const answer = await context.request.post(`${url}/auth/sign-in`, { headers: { "x-requested-with": "vitagraph", origin: url }, data: account });
  if (!answer.ok()) throw new Error(`the server refuses ${account.name}: ${await answer.text()}`);
}

/** Asks the server as the page would, with the page's session. */
export async function ask(context, url, text, variables = {}) {
  const response = await context.request.post(`${url}/graphql`, {
    headers: { "x-requested-with": "vitagraph", origin: new URL(url).origin },
    data: { query: text, variables },
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

/** Asks again and again until it is so. */
export async function expectSoon(check, what, limitMs = 60_000) {
  const limit = Date.now() + limitMs;
  while (!(await check())) {
    if (Date.now() > limit) throw new Error(`not so within ${limitMs / 1000} seconds: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Runs named steps one after the other, says how long each took, and collects what went wrong; a failed step does not keep the next ones. */
export async function runSteps(steps, { page, shoot, problems }) {
  const found = [];
  page.setDefaultTimeout(15_000);
  for (const [title, action] of steps) {
    const start = performance.now();
    try {
      const note = await action(found);
      console.log(`${title}: ${Math.round(performance.now() - start)} ms${note ? `, ${note}` : ""}`);
    } catch (error) {
      await shoot(page, `failed-${action.name}`);
      found.push(`${title}: ${error.stack ?? error}`);
    }
  }
  found.push(...problems);
  for (const problem of found) console.error(problem);
  if (found.length > 0) process.exitCode = 1;
}

/** A port that nobody has at the moment. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
