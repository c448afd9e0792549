//! A Chromium that can reach this machine only, and a page that remembers everything that went wrong in it.

import { mkdtempSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const flags = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
  "--force-color-profile=srgb",
  "--font-render-hinting=none",
  "--host-resolver-rules=MAP media.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
];

/** Where the pictures go. */
export const shots = process.env.VITAGRAPH_SHOTS ?? mkdtempSync(join(tmpdir(), "vitagraph-e2e-"));

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Starts the browser, with more flags if need be; `close` ends it. */
export async function launch({ args = [] } = {}) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: [...flags, ...args] });
  const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, locale: "en-US" });
  const page = await context.newPage();
  const problems = watch(page);
  // File dialogs are caught from the beginning: begun at the press of the key that opens one, it comes too late.
  page.on("filechooser", () => {});
  return { browser, context, page, problems };
}

/** Collects console errors, uncaught errors, answers that were not expected and requests to other origins. */
function watch(page) {
  const problems = [];
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => problems.push(`uncaught: ${error.stack ?? error.message}`));
  page.on("response", (response) => {
    if (response.status() >= 400) problems.push(`${response.status()}: ${response.request().method()} ${response.url()}`);
  });
  page.on("requestfailed", (request) => {
    const reason = request.failure()?.errorText ?? "";
    // The browser gives up range requests and old searches by itself.
    if (reason !== "net::ERR_ABORTED") problems.push(`failed: ${request.url()} ${reason}`);
  });
  return problems;
}

/** A picture of the page in the folder of this run: what is in view, or all of it. */
export async function shoot(page, name, { fullPage = false } = {}) {
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage });
}

/** What axe finds on the page as it is now, after WCAG 2.2 A and AA. */
export async function accessibilityProblems(page, where) {
  // Evaluated by the debugger, so the page's security policy stays as it is.
  await page.evaluate(axe);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  const { violations } = await page.evaluate((values) => window.axe.run(document, { runOnly: { type: "tag", values } }), tags);
  return violations.map(({ id, nodes }) => `axe on ${where}: ${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join(" | ")}`);
}
