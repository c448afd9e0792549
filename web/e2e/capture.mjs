//! A live source recorded for real: ffmpeg sends MPEG-TS over HTTP, the page starts and stops, shows what comes in, plays the recording while it
//! grows, and leads to the item that it becomes.
//!
//!     node e2e/capture.mjs     FFMPEG: the program (ffmpeg); without it there is nothing to record

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { accessibilityProblems, launch, shoot, shots } from "./browser.mjs";
import { account, ask, expectSoon, freePort, runSteps, signIn, startWorld } from "./world.mjs";

const ffmpeg = process.env.FFMPEG ?? "ffmpeg";
try {
  execFileSync(ffmpeg, ["-version"], { stdio: "ignore" });
} catch {
  console.log(`skipped: there is no ${ffmpeg} to send anything`);
  process.exit(0);
}

const port = await freePort();
// The server connects to nobody on its own machine unless it is told to.
const world = await startWorld({ VITAGRAPH_EGRESS_ALLOW: `["127.0.0.1:${port}"]`, VITAGRAPH_CAPTURE_SNAPSHOT_SECONDS: "2" });
const film = join(world.folder, "sent.ts");
execFileSync(ffmpeg, [
  "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-f", "lavfi", "-i", "sine=frequency=440", "-t", "20",
  "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "mpegts", film,
]);
// It serves one client and ends, as a camera that goes off; the next one begins anew.
let sender = null;
let isOver = false;
function send() {
  if (isOver) return;
  sender = spawn(ffmpeg, ["-v", "error", "-re", "-stream_loop", "-1", "-i", film, "-c", "copy", "-f", "mpegts", "-listen", "1", `http://127.0.0.1:${port}`], { stdio: "ignore" });
  sender.on("exit", send);
}
send();
process.on("exit", () => sender?.kill("SIGKILL"));

const { browser, context, page, problems } = await launch();
const { url } = world;
const query = (text, variables) => ask(context, url, text, variables);
const row = () => page.locator("[data-capture-source]").first();
const live = () => page.locator("video");
const patience = { timeout: 120_000 };

try {
  const made = await context.request.post(`${url}/auth/setup`, { headers: { "x-requested-with": "vitagraph", origin: url }, data: { code: world.code, ...account } });
  assert.ok(made.ok(), await made.text());
  await signIn(context, url);
  await query("mutation($input: CreateLibraryInput!) { createLibrary(input: $input) { library { id } } }", { input: { name: "Door", paths: [world.media] } });
  await runSteps(
    [
      ["a source is made in its dialog", addSource],
      ["recording begins at a press", begin],
      ["what comes in is shown", figures],
      ["a picture of now is shown", snapshot],
      ["the recording plays while it grows", watch],
      ["nothing is in the way of anybody", accessible],
      ["it ends at a press and becomes an item", end],
    ],
    { page, shoot, problems },
  );
} finally {
  isOver = true;
  sender?.kill("SIGKILL");
  await browser.close();
  await world.stop();
}
console.log(`pictures: ${shots}`);

async function addSource() {
  await page.goto(`${url}/capture`);
  await page.getByRole("button", { name: "New source", exact: true }).first().click();
  const dialog = page.locator("dialog[open]");
  await dialog.getByLabel("Name", { exact: true }).fill("Front door");
  await dialog.getByLabel("Address", { exact: true }).fill(`http://127.0.0.1:${port}/live.ts`);
  await dialog.getByRole("button", { name: "Save" }).click();
  await row().waitFor();
}

async function begin() {
  await row().getByRole("button", { name: "Record Front door" }).click();
  await page.locator("[data-capture-source][data-status=RECORDING]").waitFor(patience);
}

async function figures() {
  const text = row().locator("[data-live]");
  await expectSoon(async () => /[1-9][\d.]* [kM]?B\/s/.test((await text.textContent()) ?? ""), "bytes a second are shown", patience.timeout);
  return text.textContent();
}

async function snapshot() {
  await expectSoon(
    async () => {
      await page.reload();
      const picture = row().locator("img").first();
      await picture.waitFor({ timeout: 5_000 }).catch(() => {});
      return (await picture.count()) > 0 && (await picture.evaluate((image) => image.decode().then(() => image.naturalWidth, () => 0))) > 0;
    },
    "the source's picture is there",
    patience.timeout,
  );
  await shoot(page, "capture-recording");
}

async function watch() {
  // The first minute of a recording may have no segment yet; the button comes with the first.
  await expectSoon(async () => {
    if ((await row().getByRole("button", { name: /^Watch/ }).count()) > 0) return true;
    await page.reload();
    await row().waitFor();
    return false;
  }, "there is something to watch", patience.timeout);
  await row().getByRole("button", { name: /^Watch/ }).click();
  await expectSoon(async () => (await live().count()) > 0 && (await live().evaluate((video) => video.currentTime > 0 && video.videoWidth === 640 && video.error === null)), "pictures of the recording run", patience.timeout);
  const at = await live().evaluate((video) => video.currentTime);
  await expectSoon(() => live().evaluate((video, before) => video.currentTime > before + 4, at), "it goes on", patience.timeout);
  await shoot(page, "capture-live");
  const { dropped, total } = await live().evaluate((video) => ({ dropped: video.getVideoPlaybackQuality().droppedVideoFrames, total: video.getVideoPlaybackQuality().totalVideoFrames }));
  return `${total} frames, ${dropped} dropped`;
}

async function accessible(found) {
  for (const width of [1360, 390]) {
    await page.setViewportSize({ width, height: 860 });
    found.push(...(await accessibilityProblems(page, `capture at ${width}`)));
    await shoot(page, `capture-live-${width}`);
  }
  await page.setViewportSize({ width: 1360, height: 860 });
}

async function end() {
  await row().getByRole("button", { name: /^Stop/ }).click();
  const link = row().getByRole("list").getByRole("link").first();
  await expectSoon(
    async () => {
      if ((await link.count()) > 0) return true;
      await page.reload();
      await row().waitFor();
      await new Promise((resolve) => setTimeout(resolve, 500));
      return false;
    },
    "the recording is an item",
    patience.timeout,
  );
  await link.click();
  await page.waitForURL(/\/media\/med_/);
  await page.locator("video").waitFor();
  await page.waitForFunction(() => document.querySelector("video").readyState > 0, null, patience);
  await shoot(page, "capture-item");
}
