//! A newcomer's way through the app by keyboard: account, first library, its scan, search, filter, play and seek, favor, select, undo, come
//! back. Fails on anything unexpected, and on anything that axe finds on the way.
//!
//!     node e2e/newcomer.mjs          VITAGRAPH_SHOTS: folder for screenshots (a new temporary one)

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join, parse } from "node:path";
import { accessibilityProblems, launch, shoot, shots } from "./browser.mjs";
import { breakableWay } from "./cut.mjs";
import { uploadThroughACut } from "./uploading.mjs";
import { account, ask, expectSoon, runSteps, startWorld } from "./world.mjs";

const world = await startWorld();
const way = await breakableWay(world.url);
const { url } = way;
const { browser, context, page, problems } = await launch();
const press = (key) => page.keyboard.press(key);
const type = (text) => page.keyboard.type(text);
const query = (text, variables) => ask(context, url, text, variables);

try {
  await runSteps(
    [
      ["makes an account and adds a folder", firstRun],
      ["watches the scan", watchScan],
      ["finds a video by search and suggestions", search],
      ["finds a moment by what is said", searchWhatIsSaid],
      ["builds a filter", buildFilter],
      ["plays and seeks ten times", playAndSeek],
      ["plays by pieces", playByPieces],
      ["favors, selects and takes it back", selectAndUndo],
      ["tags all that a list finds, and takes it back", bulkTag],
      ["collects and orders", collect],
      ["narrows by facets and saved filters", narrowByFacets],
      ["marks a place", markPlaces],
      ["makes a clip", makeClip],
      ["uploads through a broken line", upload],
      ["throws away and brings back", trashAndRestore],
      ["comes back to the same place", comeBack],
      ["commands and help", commands],
      ["speaks German", speakGerman],
      ["signs out", signOut],
    ],
    { page, shoot, problems },
  );
} finally {
  await browser.close();
  way.stop();
  await world.stop();
}
console.log(`screenshots: ${shots}`);

async function firstRun(found) {
  await page.goto(url);
  await page.waitForURL(/\/setup/);
  await shoot(page, "setup");
  found.push(...(await accessibilityProblems(page, "setup")));
  for (const text of [world.code, account.name, account.password]) {
    await type(text);
    await press("Tab");
  }
  await press("Enter");
  await page.getByLabel("Folder on the server").waitFor();
  await shoot(page, "setup-library");
  await page.getByLabel("Name").focus();
  await type("Media");
  await press("Tab");
  await type(world.media);
  await press("Enter");
  await page.locator("[data-job]").waitFor();
  await shoot(page, "setup-scan");
  found.push(...(await accessibilityProblems(page, "setup-scan")));
  await press("Enter");
  await page.waitForURL((address) => address.pathname === "/");
}

/** The grid must fill while it is only looked at, and end where the server's own count is. */
async function watchScan(found) {
  const seen = new Set();
  const limit = Date.now() + 180_000;
  let sawPill = false;
  for (;;) {
    assert.ok(Date.now() < limit, "the scan did not end within three minutes");
    sawPill ||= (await page.locator("[data-job-pill]").count()) > 0;
    seen.add(await page.locator("[data-index]:has([data-media])").count());
    const { jobs, media } = await query(`{
      jobs(first: 1, filter: { status: { in: [WAITING, READY, RUNNING] } }) { totalCount }
      media(first: 1, filter: { kind: { in: [IMAGE] } }) { nodes { thumbnail { url } } }
    }`);
    // The pictures are drawn by a job of their own after the scan.
    if (jobs.totalCount === 0 && media.nodes[0]?.thumbnail) break;
    await page.waitForTimeout(150);
  }
  const { media } = await query("{ media(first: 1) { totalCount } }");
  await page.waitForFunction((count) => document.body.innerText.includes(count), `${media.totalCount.toLocaleString("en-US")} item`);
  assert.ok(sawPill, "the job pill never showed");
  await page.locator("img[srcset]").first().waitFor();
  await shoot(page, "library");
  found.push(...(await accessibilityProblems(page, "library")));
  return `${media.totalCount} items, tiles seen: ${[...seen].join(" ")}`;
}

async function search(found) {
  const { media } = await query("{ media(first: 1, filter: { kind: { in: [VIDEO] } }, sort: [{ field: DURATION, direction: DESC }]) { nodes { id title } } }");
  const [video] = media.nodes;
  const word = video.title.split(/\s+/).toSorted((left, right) => right.length - left.length)[0];
  await press("/");
  await type(word.slice(0, Math.max(3, word.length - 1)));
  await page.getByRole("list", { name: "Suggestions" }).locator("mark").first().waitFor();
  await shoot(page, "suggestions");
  found.push(...(await accessibilityProblems(page, "suggestions")));
  await press("Escape");
  await page.locator(`[data-media="${video.id}"]`).waitFor();
  assert.match(page.url(), /[?&]q=/);
  return `"${word}" finds ${await page.locator("[data-media]").count()}`;
}

/** A film that is found by nothing but the subtitles beside it, which appear while the server runs. */
async function searchWhatIsSaid(found) {
  const { media } = await query("{ media(first: 1, filter: { kind: { in: [VIDEO] } }, sort: [{ field: DURATION, direction: DESC }]) { nodes { id files { path } } } }");
  const [video] = media.nodes;
  const { dir, name } = parse(video.files[0].path);
  writeFileSync(join(world.media, dir, `${name}.en.srt`), "1\n00:00:01,500 --> 00:00:03,000\nWhere do the quokkas sleep?\n");
  await expectSoon(async () => (await query('{ media(first: 1, search: "quokkas") { totalCount } }')).media.totalCount === 1, "the line is found");
  await page.goto(`${url}/`);
  await page.locator("[data-media]").first().waitFor();
  await press("/");
  await type("quokkas sleep");
  const suggestion = page.getByRole("list", { name: "Suggestions" }).getByRole("button", { name: /Where do the quokkas sleep\?/ });
  await suggestion.locator("mark").first().waitFor();
  await shoot(page, "suggestions-said");
  found.push(...(await accessibilityProblems(page, "suggestions-said")));
  await press("ArrowDown");
  await press("Enter");
  await page.waitForURL(new RegExp(`/media/${video.id}\\?t=1\\.5$`));
  await page.waitForFunction(() => document.querySelector("video")?.currentTime >= 1.5);
  await shoot(page, "said");
}

async function buildFilter(found) {
  await page.goto(`${url}/`);
  await page.locator("[data-media]").first().waitFor();
  await page.getByRole("button", { name: "Filter", exact: true }).focus();
  await press("Enter");
  const dialog = page.getByRole("dialog", { name: "Filter" });
  await dialog.waitFor();
  await dialog.getByLabel("Field").selectOption("kind");
  await dialog.getByLabel("Video", { exact: true }).focus();
  await press("Space");
  await dialog.getByRole("button", { name: "Group" }).focus();
  await press("Enter");
  await dialog.getByLabel("Field").nth(1).selectOption("duration");
  await dialog.getByLabel("Duration, min").fill("0.01");
  await shoot(page, "filter");
  found.push(...(await accessibilityProblems(page, "filter")));
  await dialog.getByRole("button", { name: "Done" }).focus();
  await press("Enter");
  await page.getByRole("group", { name: "Filters in force" }).waitFor();
  assert.match(decodeURIComponent(page.url()), /filter=kind\.in\(VIDEO\),any\(duration\.gte\(1\)\)/);
  const { media } = await query("{ media(first: 1, filter: { kind: { in: [VIDEO] }, duration: { gte: 1 } }) { totalCount } }");
  await page.getByText(`${media.totalCount} match`).first().waitFor();
  await page.reload();
  await page.getByText(`${media.totalCount} match`).first().waitFor();
  await shoot(page, "filtered");
  return `${media.totalCount} videos`;
}

async function playAndSeek(found) {
  await page.goto(`${url}/?kind=video&sort=duration`);
  await page.locator("[data-media]").first().waitFor();
  await page.locator("[data-media] [data-focus]").first().focus();
  await press("Enter");
  await page.locator("article h1").waitFor();
  await page.locator("video").waitFor();
  await page.waitForFunction(() => document.querySelector("video").readyState > 1);
  await press("k");
  await page.waitForFunction(() => document.querySelector("video").currentTime > 0.2);
  const duration = await page.evaluate(() => document.querySelector("video").duration);
  const times = [];
  for (let turn = 0; turn < 10; turn += 1) {
    const key = String((turn * 7) % 10);
    const start = performance.now();
    await press(key);
    const target = (duration * Number(key)) / 10;
    await page.waitForFunction((at) => {
      const video = document.querySelector("video");
      return !video.seeking && Math.abs(video.currentTime - at) < 1.5 && video.readyState >= 2;
    }, target);
    times.push(Math.round(performance.now() - start));
  }
  await press("s");
  await press("i");
  await press("l");
  await shoot(page, "video");
  found.push(...(await accessibilityProblems(page, "video")));
  const frames = await page.evaluate(() => document.querySelector("video").getVideoPlaybackQuality().totalVideoFrames);
  assert.ok(frames > 0, "no frame was shown");
  assert.equal(await page.evaluate(() => document.querySelector("video").error), null);
  await press("v");
  if ((await page.getByRole("region", { name: "Contact sheet" }).count()) > 0) {
    await shoot(page, "sheet");
    found.push(...(await accessibilityProblems(page, "contact sheet")));
    await press("v");
  }
  await page.getByRole("button", { name: "Settings of the player" }).focus();
  await press("Enter");
  await shoot(page, "player-settings");
  found.push(...(await accessibilityProblems(page, "player settings")));
  await press("Escape");
  return `seeks took ${times.join(" ")} ms`;
}

/** The same film through HLS, chosen in the menu. */
async function playByPieces() {
  const quality = page.getByLabel("Quality");
  await page.getByRole("button", { name: "Settings of the player" }).click();
  if ((await quality.count()) === 0) return "the server offers no pieces";
  await quality.selectOption("-1");
  await press("Escape");
  await page.locator('[data-player="hls"]').waitFor();
  await page.waitForFunction(() => document.querySelector("video").src.startsWith("blob:"));
  await page.evaluate(() => document.querySelector("video").play());
  const before = await page.evaluate(() => document.querySelector("video").currentTime);
  await page.waitForFunction((at) => document.querySelector("video").currentTime > at + 0.3, before, { timeout: 30_000 });
  await shoot(page, "hls");
  return "plays";
}

async function selectAndUndo(found) {
  await page.goto(`${url}/`);
  await page.locator("[data-media]").nth(6).waitFor();
  const first = page.locator("[data-index='0'] [data-focus]");
  await first.focus();
  const before = await page.locator("[data-index='0'] [aria-pressed]").getAttribute("aria-pressed");
  await press("f");
  await page.waitForFunction((old) => document.querySelector("[data-index='0'] [aria-pressed]").getAttribute("aria-pressed") !== old, before);
  await press(" ");
  for (let turn = 0; turn < 3; turn += 1) await press("Shift+ArrowRight");
  const bar = page.getByRole("region", { name: "Selection" });
  await bar.getByText("4 selected").waitFor();
  await shoot(page, "selection");
  found.push(...(await accessibilityProblems(page, "selection")));
  const favorites = async () => (await query("{ media(first: 1, filter: { isFavorite: { eq: true } }) { totalCount } }")).media.totalCount;
  const had = await favorites();
  await bar.getByRole("button", { name: "Favorite", exact: true }).focus();
  await press("Enter");
  // One of the four was a favorite before.
  await page.getByText("3 items changed").waitFor();
  assert.equal(await favorites(), had + 3);
  await page.getByRole("button", { name: "Undo" }).focus();
  await press("Enter");
  await expectSoon(async () => (await favorites()) === had, "undo brings the old favorites back");
  await press("Escape");
  return `${had} favorite before and after`;
}

/** A tag for everything the list finds, by one request, and taken back with Ctrl+Z. */
async function bulkTag(found) {
  const { createTag } = await query('mutation { createTag(input: { name: "seaside" }) { tag { id } } }');
  const { id } = createTag.tag;
  await page.goto(`${url}/?kind=video`);
  await page.locator("[data-media]").first().waitFor();
  await page.locator("[data-index='0'] [data-focus]").focus();
  await press("Control+a");
  const bar = page.getByRole("region", { name: "Selection" });
  await bar.getByRole("button", { name: "Edit" }).focus();
  await press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("combobox", { name: "Add tags" }).focus();
  await type("seas");
  await dialog.getByRole("option", { name: "seaside" }).waitFor();
  await press("Enter");
  await dialog.getByRole("button", { name: "What would change?" }).focus();
  await press("Enter");
  await dialog.getByText(/would change\.$/).waitFor();
  await shoot(page, "bulk");
  found.push(...(await accessibilityProblems(page, "bulk")));
  await dialog.getByRole("button", { name: "Apply" }).focus();
  await press("Enter");
  const tagged = async () => (await query("query Tagged($id: ID!) { media(first: 1, filter: { tags: { anyOf: [$id] } }) { totalCount } }", { id })).media.totalCount;
  const { media } = await query("{ media(first: 1, filter: { kind: { in: [VIDEO] } }) { totalCount } }");
  // Its own word first: a refusal says why.
  const word = page.getByText(/^\d+ items? changed$|^Not saved/).last();
  await word.waitFor();
  assert.equal(await word.textContent(), `${media.totalCount} items changed`);
  await expectSoon(async () => (await tagged()) === media.totalCount, "every video has the tag");
  await page.getByRole("button", { name: "Undo" }).waitFor();
  await press("Control+z");
  await expectSoon(async () => (await tagged()) === 0, "undo takes the tag away");
  return `${media.totalCount} videos tagged and not`;
}

async function collect(found) {
  await page.goto(`${url}/?kind=image`);
  await page.locator("[data-media]").nth(2).waitFor();
  await page.locator("[data-index='0'] [data-focus]").focus();
  await press("Escape");
  for (let turn = 0; turn < 3; turn += 1) {
    await press(" ");
    await press("ArrowRight");
  }
  await page.getByRole("region", { name: "Selection" }).getByRole("button", { name: "Add to a collection" }).focus();
  await press("Enter");
  const dialog = page.getByRole("dialog", { name: "Add to a collection" });
  await dialog.getByLabel("New collection").focus();
  await type("Shapes of summer");
  await press("Enter");
  await page.getByText("added to Shapes of summer").waitFor();
  await page.goto(`${url}/collections`);
  await page.getByRole("link", { name: /Shapes of summer/ }).focus();
  await press("Enter");
  await page.getByRole("heading", { name: "Shapes of summer" }).waitFor();
  const order = () => page.locator("ol li a").evaluateAll((links) => links.map((link) => link.textContent));
  const before = await order();
  assert.equal(before.length, 3);
  await page.getByRole("button", { name: `${before[0]} later` }).focus();
  await press("Enter");
  await expectSoon(async () => (await order()).join() === [before[1], before[0], before[2]].join(), "the first item stands second");
  await shoot(page, "collection");
  found.push(...(await accessibilityProblems(page, "collection")));
}

/** A clip by keyboard: in, out, make; its job is watched until the clip stands in the list. */
async function makeClip(found) {
  await page.goto(`${url}/?kind=video&sort=duration`);
  await page.locator("[data-media] [data-focus]").first().focus();
  await press("Enter");
  await page.locator("video").waitFor();
  await page.waitForFunction(() => document.querySelector("video").readyState > 0);
  await press("2");
  await press("i");
  await press("6");
  await press("o");
  const panel = page.getByRole("region", { name: "Clips" });
  await panel.getByLabel("Name of the clip").focus();
  await type("From two to six");
  await shoot(page, "clip-form");
  found.push(...(await accessibilityProblems(page, "clip form")));
  await press("Enter");
  await panel.getByRole("link", { name: "From two to six" }).waitFor({ timeout: 60_000 });
  await shoot(page, "clip");
  const text = await panel.getByRole("listitem").first().textContent();
  assert.match(text ?? "", /ready/);
  return text ?? "";
}

async function upload(found) {
  await page.goto(`${url}/upload`);
  await page.getByRole("button", { name: "Choose files" }).focus();
  const { id, note } = await uploadThroughACut({ page, problems, world, way, query, choose: () => press("Enter") });
  await shoot(page, "upload");
  found.push(...(await accessibilityProblems(page, "upload")));
  await page.goto(`${url}/`);
  await page.locator(`[data-media="${id}"]`).waitFor();
  return note;
}

/** Saved filters and facets, both from the library's bar. */
async function narrowByFacets(found) {
  await page.goto(`${url}/`);
  await page.locator("[data-media]").first().waitFor();
  await page.getByRole("button", { name: "Facets" }).focus();
  await press("Enter");
  const panel = page.getByRole("region", { name: "Facets" });
  await panel.getByRole("button", { name: /^Audio/ }).waitFor();
  await shoot(page, "facets");
  found.push(...(await accessibilityProblems(page, "facets")));
  const count = Number((await panel.getByRole("button", { name: /^Audio/ }).textContent()).replace(/\D/g, ""));
  await panel.getByRole("button", { name: /^Audio/ }).focus();
  await press("Enter");
  await page.getByText(`${count} match`).first().waitFor();
  await page.getByRole("button", { name: "Saved filters" }).focus();
  await press("Enter");
  const saved = page.getByRole("region", { name: "Saved filters" });
  await saved.getByLabel("Name of this filter").focus();
  await type("Only sound");
  await press("Enter");
  await saved.getByRole("button", { name: "Only sound", exact: true }).waitFor();
  await shoot(page, "saved");
  found.push(...(await accessibilityProblems(page, "saved filters")));
  await page.goto(`${url}/`);
  await page.locator("[data-media]").first().waitFor();
  await page.getByRole("button", { name: "Saved filters" }).click();
  await saved.getByRole("button", { name: "Only sound", exact: true }).focus();
  await press("Enter");
  await page.getByText(`${count} match`).first().waitFor();
  return `${count} sounds`;
}

async function markPlaces(found) {
  await page.goto(`${url}/?kind=video&sort=duration`);
  await page.locator("[data-media] [data-focus]").first().focus();
  await press("Enter");
  await page.locator("video").waitFor();
  await page.waitForFunction(() => document.querySelector("video").readyState > 0);
  await press("5");
  await press("n");
  await page.getByLabel("Name of the marker").waitFor();
  await type("The best part");
  await press("Enter");
  await page.getByRole("region", { name: "Markers" }).getByRole("button", { name: /The best part$/ }).first().waitFor();
  await shoot(page, "marker");
  found.push(...(await accessibilityProblems(page, "marker")));
}

async function trashAndRestore(found) {
  await page.goto(`${url}/?kind=image`);
  await page.locator("[data-media]").first().waitFor();
  await page.locator("[data-index='0'] [data-focus]").focus();
  const id = await page.locator("[data-index='0'] [data-media]").getAttribute("data-media");
  await press("Escape");
  await press(" ");
  await page.getByRole("region", { name: "Selection" }).getByRole("button", { name: "To the trash" }).focus();
  await press("Enter");
  await page.getByText("moved to the trash").waitFor();
  await page.goto(`${url}/trash`);
  const restore = page.getByRole("button", { name: /^Restore / }).last();
  await restore.waitFor();
  await shoot(page, "trash");
  found.push(...(await accessibilityProblems(page, "trash")));
  await restore.focus();
  await press("Enter");
  await page.getByText("The trash is empty").waitFor();
  const { node } = await query("query Back($id: ID!) { node(id: $id) { ... on Image { files { status } } } }", { id });
  assert.equal(node.files[0].status, "PRESENT");
}

async function comeBack() {
  await page.goto(`${url}/?zoom=5`);
  await page.locator("[data-media]").first().waitFor();
  await page.mouse.move(600, 500);
  for (let turn = 0; turn < 6; turn += 1) await page.mouse.wheel(0, 400);
  const id = await page.evaluate(() => [...document.querySelectorAll("[data-media]")].find((element) => element.getBoundingClientRect().top > 200).dataset.media);
  const link = page.locator(`[data-media="${id}"] a`);
  // A click scrolls what is not wholly in view, so that comes first.
  await link.scrollIntoViewIfNeeded();
  const tile = { id, top: await topAtRest(id) };
  await link.click();
  await page.locator("article h1").waitFor();
  assert.equal(await page.evaluate(() => window.scrollY), 0, "a new page starts at its top");
  let asked = 0;
  const count = (request) => {
    if (/query (MediaTiles|MediaStep)/.test(request.postData() ?? "")) asked += 1;
  };
  page.on("request", count);
  await page.goBack();
  await page.waitForFunction((id) => document.activeElement?.closest("[data-media]")?.dataset.media === id, tile.id);
  const after = (await page.locator(`[data-media="${tile.id}"]`).boundingBox()).y;
  await page.waitForTimeout(600);
  page.off("request", count);
  assert.ok(Math.abs(after - tile.top) < 2, `the item was ${tile.top} px from the top, now it is ${after}`);
  return `at ${Math.round(after)} px, ${asked} requests for the list`;
}

/** Where a tile is once it does not move any more. */
async function topAtRest(id) {
  let [before, top] = [Number.NaN, Number.NaN];
  do {
    await page.waitForTimeout(300);
    before = top;
    top = (await page.locator(`[data-media="${id}"]`).boundingBox()).y;
  } while (top !== before);
  return top;
}

async function commands(found) {
  await press("Control+Shift+P");
  const dialog = page.getByRole("dialog", { name: "Commands" });
  await dialog.waitFor();
  await type("dupl");
  await shoot(page, "palette");
  found.push(...(await accessibilityProblems(page, "palette")));
  await press("Enter");
  await page.waitForURL(/\/duplicates/);
  await press("?");
  await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
  await shoot(page, "help");
  found.push(...(await accessibilityProblems(page, "help")));
  await press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

async function speakGerman() {
  await page.goto(`${url}/settings`);
  await page.getByLabel("Language").selectOption("de");
  await page.getByRole("heading", { name: "Einstellungen" }).waitFor();
  await page.goto(`${url}/`);
  await page.locator("[data-media]").first().waitFor();
  await shoot(page, "german");
  await page.goto(`${url}/settings`);
  await page.getByLabel("Sprache").selectOption("en");
  await page.getByRole("heading", { name: "Settings" }).waitFor();
}

async function signOut() {
  await page.getByRole("button", { name: "Signed in as ada" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/\/login/);
  await shoot(page, "login");
}
