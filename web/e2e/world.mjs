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

/** The account that the tests make. */
export const account = { name: "ada", password: "correct horse battery" };

function program() {
  if (process.env.VITAGRAPH_BIN) return process.env.VITAGRAPH_BIN;
  const built = ["debug", "release"].map((profile) => join(root, "target", profile, "vitagraph")).filter(existsSync);
  if (built.length === 0) throw new Error("there is no server to test: cargo build -p server -p media-worker");
  return built.toSorted((left, right) => statSync(right).mtimeMs - statSync(left).mtimeMs)[0];
}

/** Starts a server without accounts; `stop` ends it and removes what it made. */
export async function startWorld() {
  const folder = mkdtempSync(join(tmpdir(), "vitagraph-world-"));
  const media = join(folder, "media");
  const bin = program();
  if (process.env.VITAGRAPH_MEDIA) cpSync(process.env.VITAGRAPH_MEDIA, media, { recursive: true });
  else execFileSync(bin, ["demo", media], { stdio: "ignore" });
  const port = await freePort();
  const server = spawn(bin, ["serve", "--data", join(folder, "data"), "--listen", `127.0.0.1:${port}`], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const code = new Promise((resolve, reject) => {
    const read = (chunk) => {
      output += chunk;
      const found = /one-time code: ([A-Z0-9-]+)/.exec(output);
      if (found) resolve(found[1]);
    };
    server.stdout.on("data", read);
    server.stderr.on("data", read);
    server.on("exit", () => reject(new Error(`the server ended: ${output}`)));
  });
  const world = { url: `http://127.0.0.1:${port}`, media, code: await code };
  return {
    ...world,
    output: () => output,
    stop: async () => {
      const ended = new Promise((resolve) => server.on("exit", resolve));
      server.removeAllListeners("exit");
      server.on("exit", () => {});
      server.kill("SIGTERM");
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 3000))]);
      server.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
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

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
