//! The newcomer's whole way by keyboard alone: no mouse, no address typed after the first, no focus set from outside. Whatever is needed is reached
//! with Tab and the app's own keys.
//!
//!     node e2e/keyboard.mjs          VITAGRAPH_SHOTS: folder for screenshots (a new temporary one)

import assert from "node:assert/strict";
import { launch, shoot, shots } from "./browser.mjs";
import { breakableWay } from "./cut.mjs";
import { uploadThroughACut } from "./uploading.mjs";
import { account, ask, expectSoon, runSteps, startWorld } from "./world.mjs";

const world = await startWorld();
const way = await breakableWay(world.url);
const { browser, context, page, problems } = await launch();
const press = (key) => page.keyboard.press(key);
const type = (text) => page.keyboard.type(text);
const query = (text, variables) => ask(context, way.url, text, variables);
let presses = 0;

try {
  await runSteps(
    [
      ["makes an account", makeAccount],
      ["adds a folder", addFolder],
      ["watches the scan", watchScan],
      ["finds a video by search", search],
      ["filters", filter],
      ["plays and seeks ten times", playAndSeek],
      ["makes a clip and watches its job", makeClip],
      ["favors", favor],
      ["tags many and takes it back", bulkTag],
      ["uploads through a broken line and opens it", upload],
    ],
    { page, shoot, problems },
  );
} finally {
  await browser.close();
  way.stop();
  await world.stop();
}
console.log(`${presses} times Tab; screenshots: ${shots}`);

/** Presses Tab until what has the focus answers to a name, as a screen reader would say it. */
async function tabTo(name, key = "Tab") {
  const seen = [];
  for (let turn = 0; turn < 250; turn += 1) {
    await press(key);
    presses += 1;
    const focused = await page.evaluate(nameOfFocused);
    if (name.test(focused)) return focused;
    seen.push(focused);
  }
  throw new Error(`Tab never came to ${name}, only to ${[...new Set(seen)].join(" | ")}`);
}

/** Runs in the page. */
function nameOfFocused() {
  const element = document.activeElement;
  if (element === null || element === document.body) return "";
  const words = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent;
  return `${element.dataset.focus ?? element.localName}: ${(words ?? "").trim().replace(/\s+/g, " ")}`;
}

/** Another page, by the command palette. */
async function go(name) {
  await press("Control+Shift+P");
  await page.getByRole("dialog", { name: "Commands" }).waitFor();
  await type(`>${name}`);
  await press("Enter");
  await page.getByRole("dialog", { name: "Commands" }).waitFor({ state: "detached" });
}

async function makeAccount() {
  await page.goto(way.url);
  await page.waitForURL(/\/setup/);
  await page.getByLabel("Name").waitFor();
  for (const text of [world.code, account.name, account.password]) {
    await type(text);
    await press("Tab");
  }
  await press("Enter");
  await page.getByLabel("Folder on the server").waitFor();
}

async function addFolder() {
  await tabTo(/^input: Name/);
  await type("Media");
  await press("Tab");
  await type(world.media);
  await press("Enter");
  await page.locator("[data-job]").waitFor();
  await press("Enter");
  await page.waitForURL((address) => address.pathname === "/");
}

async function watchScan() {
  await page.locator("[data-job-pill]").waitFor({ timeout: 60_000 });
  await tabTo(/^button: .*job/);
  await press("Enter");
  await page.getByRole("region", { name: "Active" }).or(page.locator("[data-job]")).first().waitFor();
  await shoot(page, "keyboard-tray");
  await press("Escape");
  await expectSoon(async () => (await query("{ jobs(first: 1, filter: { status: { in: [WAITING, READY, RUNNING] } }) { totalCount } }")).jobs.totalCount === 0, "all jobs end", 180_000);
  const { media } = await query("{ media(first: 1) { totalCount } }");
  await page.waitForFunction((count) => document.body.innerText.includes(`${count} item`), media.totalCount);
  return `${media.totalCount} items`;
}

async function search() {
  const { media } = await query("{ media(first: 1, filter: { kind: { in: [VIDEO] } }, sort: [{ field: DURATION, direction: DESC }]) { nodes { id title } } }");
  const [video] = media.nodes;
  const word = video.title.split(/\s+/).toSorted((left, right) => right.length - left.length)[0];
  await press("/");
  await type(word);
  await page.waitForURL(/[?&]q=/);
  await page.locator(`[data-media="${video.id}"]`).waitFor();
  await press("Escape");
  await press("Control+a");
  await press("Delete");
  await page.waitForURL((address) => !address.search.includes("q="));
  return word;
}

async function filter() {
  await tabTo(/^button: Filter/);
  await press("Enter");
  const dialog = page.getByRole("dialog", { name: "Filter" });
  await dialog.waitFor();
  await tabTo(/^select: Field/);
  await type("Kind");
  await tabTo(/^input: Video/);
  await press("Space");
  await shoot(page, "keyboard-filter");
  await tabTo(/^button: Done/);
  await press("Enter");
  const { media } = await query("{ media(first: 1, filter: { kind: { in: [VIDEO] } }) { totalCount } }");
  await page.getByText(`${media.totalCount} match`).first().waitFor();
  return `${media.totalCount} videos`;
}

async function playAndSeek() {
  await tabTo(/^select: Sort/);
  for (let turn = 0; turn < 20 && !page.url().includes("sort=duration"); turn += 1) {
    const before = page.url();
    await press("ArrowDown");
    await page.waitForURL((address) => address.href !== before);
  }
  const longest = await query("{ media(first: 1, filter: { kind: { in: [VIDEO] } }, sort: [{ field: DURATION, direction: DESC }]) { nodes { id } } }");
  await page.locator(`[data-index="0"] [data-media="${longest.media.nodes[0].id}"]`).waitFor();
  await tabTo(/^item: /);
  await press("Enter");
  await page.locator("article h1").waitFor();
  await page.waitForFunction(() => document.querySelector("video")?.readyState > 1, undefined, { timeout: 60_000 });
  await press("k");
  await page.waitForFunction(() => document.querySelector("video").currentTime > 0.2, undefined, { timeout: 60_000 });
  const duration = await page.evaluate(() => document.querySelector("video").duration);
  const times = [];
  for (let turn = 0; turn < 10; turn += 1) {
    const key = String((turn * 7) % 10);
    const start = performance.now();
    await press(key);
    await page.waitForFunction(
      (at) => {
        const video = document.querySelector("video");
        return !video.seeking && Math.abs(video.currentTime - at) < 1.5 && video.readyState >= 2;
      },
      (duration * Number(key)) / 10,
      { timeout: 60_000 },
    );
    times.push(Math.round(performance.now() - start));
  }
  return `seeks took ${times.join(" ")} ms`;
}

async function makeClip() {
  for (const key of ["2", "i", "6", "o"]) {
    await press(key);
    await page.waitForFunction(() => !document.querySelector("video").seeking, undefined, { timeout: 60_000 });
  }
  await tabTo(/^input: Name of the clip/);
  await type("By keyboard");
  await press("Enter");
  const panel = page.getByRole("region", { name: "Clips" });
  await panel.getByRole("link", { name: "By keyboard" }).waitFor({ timeout: 180_000 });
  await shoot(page, "keyboard-clip");
}

async function favor() {
  await go("Library");
  await page.locator("[data-media]").first().waitFor();
  await tabTo(/^item: /);
  const favorites = async () => (await query("{ media(first: 1, filter: { isFavorite: { eq: true } }) { totalCount } }")).media.totalCount;
  const had = await favorites();
  await press("f");
  await expectSoon(async () => (await favorites()) !== had, "the heart is kept");
}

async function bulkTag() {
  await query('mutation { createTag(input: { name: "seaside" }) { tag { id } } }');
  const tagged = async () => (await query('{ tags(first: 1, search: "seaside") { nodes { mediaCount } } }')).tags.nodes[0]?.mediaCount ?? 0;
  const { media } = await query("{ media(first: 1) { totalCount } }");
  await press("Control+a");
  await page.getByRole("region", { name: "Selection" }).waitFor();
  await tabTo(/^button: Edit/);
  await press("Enter");
  await page.getByRole("dialog").waitFor();
  await tabTo(/^input: Add tags/);
  await type("seas");
  await page.getByRole("option", { name: "seaside" }).waitFor();
  await press("Enter");
  await tabTo(/^button: What would change/);
  await press("Enter");
  await page.getByText(/would change\.$/).waitFor();
  await tabTo(/^button: Apply/);
  await press("Enter");
  await expectSoon(async () => (await tagged()) === media.totalCount, "everything has the tag");
  await page.getByRole("button", { name: "Undo" }).waitFor();
  await press("Control+z");
  await expectSoon(async () => (await tagged()) === 0, "the tag is gone again");
  return `${media.totalCount} items tagged and not`;
}

async function upload() {
  await press("Escape");
  await go("Upload");
  await page.getByRole("heading", { name: "Upload", exact: true }).waitFor();
  await tabTo(/^button: Choose files/);
  const { id, note } = await uploadThroughACut({ page, problems, world, way, query, choose: () => press("Enter") });
  await shoot(page, "keyboard-upload");
  await tabTo(/^a: Sent by a newcomer/);
  await press("Enter");
  await page.waitForURL(new RegExp(id));
  await page.getByRole("heading", { level: 1, name: /newcomer/ }).waitFor();
  assert.match(page.url(), /\/media\//);
  return note;
}
