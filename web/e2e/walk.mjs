//! Walks through the app against a running server: first run or sign-in, a scan watched live, playing by range requests, keyboard, phone
//! and themes, the playground. Fails on anything unexpected.
//!
//!     VITAGRAPH_URL       address of the server                          (http://127.0.0.1:8080)
//!     VITAGRAPH_CODE      one-time code of a fresh server                or
//!     VITAGRAPH_NAME, VITAGRAPH_PASSWORD                                 an administrator's account, made with the code if that is given
//!     VITAGRAPH_MEDIA     folder on the server to add as a library when there is none
//!     VITAGRAPH_SHOTS     folder for screenshots                         (a new temporary one)

import assert from "node:assert/strict";
import { accessibilityProblems, launch, shoot, shots } from "./browser.mjs";

const url = process.env.VITAGRAPH_URL ?? "http://127.0.0.1:8080";
const name = process.env.VITAGRAPH_NAME ?? "ada";
const password = process.env.VITAGRAPH_PASSWORD ?? "correct horse battery";
const media = process.env.VITAGRAPH_MEDIA;

const { browser, context, page, problems } = await launch();
const found = [];
try {
  await step("comes in", comeIn);
  await step("watches a scan live", watchScan);
  await step("plays a video by range requests", () => play("video"));
  await step("plays a sound", () => play("audio"));
  await step("shows a picture", showPicture);
  await step("walks by keyboard", walkByKeyboard);
  await step("comes back to the same place", comeBack);
  await step("lists jobs", listJobs);
  await step("looks right on every screen", lookAround);
  await step("uses the playground", usePlayground);
  found.push(...problems);
} catch (error) {
  await shoot(page, "failed");
  found.push(error.stack ?? String(error), ...problems);
} finally {
  await browser.close();
}
for (const problem of found) console.error(problem);
console.log(`screenshots: ${shots}`);
process.exitCode = found.length > 0 ? 1 : 0;

async function step(title, action) {
  const start = performance.now();
  const note = await action();
  console.log(`${title}: ${Math.round(performance.now() - start)} ms${note ? `, ${note}` : ""}`);
}

async function comeIn() {
  await page.goto(url);
  await page.waitForURL(/\/(login|setup)/);
  if (new URL(page.url()).pathname === "/setup") {
    await shoot(page, "setup");
    found.push(...(await accessibilityProblems(page, "setup")));
    await page.getByLabel("One-time code").fill(process.env.VITAGRAPH_CODE ?? "");
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByLabel("Folder on the server").waitFor();
    await shoot(page, "setup-library");
    await addLibrary();
  } else {
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    await shoot(page, "login");
    found.push(...(await accessibilityProblems(page, "login")));
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
  }
  await page.waitForURL((address) => address.pathname === "/");
}

async function addLibrary() {
  assert.ok(media, "the server has no library: set VITAGRAPH_MEDIA");
  await page.getByLabel("Name").fill("Media");
  await page.getByLabel("Folder on the server").fill(media);
  await page.getByRole("button", { name: "Add and scan" }).click();
}

/** The counts of the page must grow while the page is only looked at, and end where the server's own count is. */
async function watchScan() {
  const scanButton = page.getByRole("button", { name: /^Scan / }).first();
  const addButton = page.getByRole("button", { name: "Add library" });
  await addButton.waitFor();
  await page.locator('section[aria-busy="false"]').waitFor();
  if ((await scanButton.count()) === 0) {
    await addButton.click();
    await addLibrary();
    await scanButton.waitFor();
  }
  const pill = page.locator('header a[href="/jobs"]', { has: page.locator("progress") });
  const isScanning = await pill.waitFor({ timeout: 5000 }).then(() => true, () => false);
  if (!isScanning) await scanButton.click();
  const seen = [];
  const limit = Date.now() + 300_000;
  let sawPill = false;
  do {
    if (!sawPill && (await pill.count()) > 0) {
      sawPill = true;
      await shoot(page, "scan-live");
    }
    const count = await total();
    if (seen.at(-1) !== count) seen.push(count);
    await page.waitForTimeout(200);
    assert.ok(Date.now() < limit, "the scan did not end within five minutes");
  } while (!sawPill || (await pill.count()) > 0);
  const server = await query("{ media(first: 1) { totalCount } libraries { nodes { mediaCount } } }");
  await page.waitForFunction((expected) => document.body.innerText.includes(expected), totalText(server.media.totalCount));
  assert.ok(sawPill, "the job pill never showed");
  await shoot(page, "library");
  found.push(...(await accessibilityProblems(page, "library")));
  return `counts seen: ${seen.join(" ")}`;
}

function totalText(count) {
  return `${count.toLocaleString("en-US")} item${count === 1 ? "" : "s"} in all`;
}

async function total() {
  const text = await page.getByText(/items? in all$/).first().textContent({ timeout: 10_000 }).catch(() => "0");
  return Number((text ?? "0").replace(/\D/g, ""));
}

/** Not every file plays in every browser; the first that does must, and those that do not must say so. */
async function play(kind) {
  await page.goto(`${url}/?kind=${kind}`);
  await page.locator("[data-media]").first().waitFor();
  const ids = await page.locator("[data-media]").evaluateAll((tiles) => tiles.slice(0, 25).map((tile) => tile.dataset.media));
  let refused = 0;
  for (const id of ids) {
    const ranges = [];
    const note = (response) => {
      if (response.url().includes("/p/")) ranges.push(response.status());
    };
    page.on("response", note);
    await page.goto(`${url}/media/${id}`);
    const player = page.locator(kind);
    const failure = page.getByText("This file does not play here");
    await player.or(failure).first().waitFor();
    const time = await player
      .evaluate(async (element) => {
        element.play().catch(() => {});
        const end = Date.now() + 4000;
        while (element.currentTime === 0 && element.error === null && Date.now() < end) await new Promise((next) => setTimeout(next, 50));
        return element.currentTime;
      }, null, { timeout: 5000 })
      // Gone because the page shows the refusal instead.
      .catch(() => 0);
    page.off("response", note);
    if (time > 0) {
      assert.ok(ranges.includes(206), `no partial answer among ${ranges}`);
      await page.waitForTimeout(300);
      await shoot(page, kind);
      found.push(...(await accessibilityProblems(page, kind)));
      return `${id} at ${time.toFixed(2)} s after ${refused} that this browser refuses`;
    }
    await failure.waitFor({ timeout: 8000 });
    if (refused === 0) await shoot(page, `${kind}-refused`);
    refused += 1;
  }
  throw new Error(`none of ${ids.length} ${kind} files played`);
}

async function showPicture() {
  await page.goto(`${url}/?kind=image&sort=size`);
  await page.locator("[data-media]").first().waitFor();
  const ids = await page.locator("[data-media]").evaluateAll((tiles) => tiles.map((tile) => tile.dataset.media));
  for (const id of ids) {
    await page.goto(`${url}/media/${id}`);
    await page.locator("article h1").waitFor();
    const picture = page.locator("article img");
    if ((await picture.count()) === 0) continue;
    const width = await picture.evaluate((image) => image.decode().then(() => image.naturalWidth, () => 0)).catch(() => 0);
    if (width === 0) continue;
    await shoot(page, "image");
    return `${id}, ${width} px wide`;
  }
  throw new Error(`none of ${ids.length} pictures could be shown`);
}

async function walkByKeyboard() {
  await page.goto(url);
  await page.locator("[data-media]").nth(8).waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to content");
  const stops = [];
  for (let press = 0; press < 30; press += 1) {
    await page.keyboard.press("Tab");
    const id = await page.evaluate(() => document.activeElement?.dataset.media ?? null);
    stops.push(id ?? (await focused()));
    if (id !== null) break;
  }
  const tiles = await page.locator("[data-media]").evaluateAll((all) => all.map((tile) => tile.dataset.media));
  assert.equal(stops.at(-1), tiles[0], `Tab does not reach the grid: ${stops.join(", ")}`);
  const columns = await page.locator("ul:has([data-media])").evaluate((grid) => getComputedStyle(grid).gridTemplateColumns.split(" ").length);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowDown");
  const at = await page.evaluate(() => document.activeElement?.dataset.media);
  assert.equal(at, tiles[1 + columns], "right and down lead to the tile below the second");
  await shoot(page, "keyboard");
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("type")), "search");
  await page.keyboard.type("zzzz-no-such-title");
  await page.getByText("No match").waitFor();
  await shoot(page, "no-match");
  return `${stops.length} stops to the grid`;
}

function focused() {
  return page.evaluate(() => document.activeElement?.textContent?.trim() || document.activeElement?.getAttribute("aria-label") || "");
}

async function comeBack() {
  await page.goto(url);
  await page.locator("[data-media]").first().waitFor();
  for (let turn = 0; turn < 40 && (await page.locator("[data-media]").count()) < 100; turn += 1) {
    await page.mouse.wheel(0, 1500);
    await page.waitForTimeout(100);
  }
  const tiles = page.locator("[data-media]");
  const count = await tiles.count();
  const tile = tiles.nth(Math.min(count - 1, 90));
  await tile.scrollIntoViewIfNeeded();
  const id = await tile.getAttribute("data-media");
  const before = (await tile.boundingBox()).y;
  await tile.click();
  await page.locator("article h1").waitFor();
  assert.equal(await page.evaluate(() => window.scrollY), 0, "a new page starts at its top");
  await page.goBack();
  await page.waitForFunction((expected) => document.activeElement?.getAttribute("data-media") === expected, id);
  const after = (await page.locator(`[data-media="${id}"]`).boundingBox()).y;
  assert.ok(Math.abs(after - before) < 2, `the item was ${before} px from the top, now it is ${after}`);
  return `item ${Math.min(count, 91)} of ${count} loaded, at ${Math.round(after)} px of the window`;
}

async function listJobs() {
  await page.goto(`${url}/jobs`);
  await page.locator("[data-job]").first().waitFor();
  await shoot(page, "jobs");
  found.push(...(await accessibilityProblems(page, "jobs")));
  const problemsLink = page.getByRole("link", { name: /problem/ });
  await page.goto(url);
  await page.locator("[data-media]").first().waitFor();
  const hasProblems = await problemsLink.waitFor({ timeout: 3000 }).then(() => true, () => false);
  if (!hasProblems) return "no scan problems";
  await problemsLink.click();
  await page.getByRole("heading", { name: /^Problems of/ }).waitFor();
  await shoot(page, "problems");
  found.push(...(await accessibilityProblems(page, "problems")));
}

async function lookAround() {
  const firstMedia = await query("{ media(first: 1, filter: { kind: { in: [VIDEO] } }) { nodes { id } } }");
  const places = { library: "/", media: `/media/${firstMedia.media.nodes[0].id}`, jobs: "/jobs" };
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [place, path] of Object.entries(places)) {
      for (const width of [390, 820, 1360]) {
        await page.setViewportSize({ width, height: 860 });
        await page.goto(url + path);
        await page.locator("main h1").first().waitFor({ state: "attached" });
        await page.waitForTimeout(400);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (overflow > 0) found.push(`${place} at ${width} px is ${overflow} px too wide`);
        await shoot(page, `${place}-${colorScheme}-${width}`);
        if (width !== 820) found.push(...(await accessibilityProblems(page, `${place} ${colorScheme} ${width}`)));
      }
    }
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  await page.setViewportSize({ width: 1360, height: 860 });
}

async function usePlayground() {
  await page.goto(`${url}/playground/`);
  await page.locator(".graphiql-query-editor .view-lines").waitFor({ timeout: 30_000 });
  const run = page.locator(".graphiql-execute-button");
  const examplesPane = page.locator(".playground-examples");
  const answer = page.locator(".graphiql-response .view-lines");
  await run.click();
  await page.waitForFunction(() => document.querySelector(".graphiql-response")?.textContent?.includes("role"));
  await page.getByRole("button", { name: /Examples/ }).click();
  await examplesPane.getByRole("button", { name: /^Libraries/ }).click();
  await run.click();
  await page.waitForFunction(() => document.querySelector(".graphiql-response")?.textContent?.includes("mediaCount"));
  await shoot(page, "playground");
  const names = await examplesPane.locator("button").evaluateAll((buttons) => buttons.map((button) => button.firstChild?.textContent ?? ""));
  let ran = 0;
  for (const example of names) {
    await examplesPane.getByRole("button", { name: new RegExp(`^${example}(?![a-zA-Z])`) }).click();
    const editor = page.locator(".graphiql-query-editor .view-lines");
    await page.waitForFunction((expected) => document.querySelector(".graphiql-query-editor .view-lines")?.textContent?.includes(expected), example);
    // The others change what a user has, need a job that still runs, or answer over a socket.
    const text = (await editor.textContent())?.replaceAll("\u00a0", " ") ?? "";
    if (!text.startsWith("query ") && example !== "StartScan") continue;
    const answered = page.waitForResponse(
      (response) => response.url().endsWith("/graphql") && (response.request().postDataJSON()?.operationName ?? "") === example,
      { timeout: 15_000 },
    );
    await run.click();
    const { errors } = await (await answered).json();
    if (errors) found.push(`the example ${example} answers ${JSON.stringify(errors)}`);
    ran += 1;
  }
  await page.getByRole("button", { name: /Documentation Explorer/ }).first().click();
  await page.locator(".graphiql-doc-explorer").getByText("StartScanInput").or(page.locator(".graphiql-doc-explorer").getByText("Query")).first().waitFor();
  await shoot(page, "playground-docs");
  await page.getByRole("button", { name: /Examples/ }).first().click();

  await examplesPane.getByRole("button", { name: /^JobChanges/ }).click();
  await run.click();
  await page.waitForTimeout(1000);
  const { libraries } = await query("{ libraries { nodes { id } } }");
  await query("mutation Scan($input: StartScanInput!) { startScan(input: $input) { job { id } } }", { input: { libraryId: libraries.nodes[0].id } });
  await page.waitForFunction(() => document.querySelector(".graphiql-response")?.textContent?.includes("jobChanges"));
  await shoot(page, "playground-live");
  assert.ok(await answer.textContent());
  return `${names.length} examples fit the schema, ${ran} ran`;
}

/** Asks the server as the page would. */
async function query(text, variables = {}) {
  const response = await context.request.post(`${url}/graphql`, {
    headers: { "x-requested-with": "vitagraph", origin: new URL(url).origin },
    data: { query: text, variables },
  });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}
