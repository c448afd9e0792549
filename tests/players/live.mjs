//! Watches something live in Chromium by hls.js as it comes: `node live.mjs` with `{ url, seconds }` on its standard input. Plays
//! for so many seconds of media, and prints what was seen as JSON.

import { text } from "node:stream/consumers";
import { theater } from "./theater.mjs";

/** Runs in the page: plays with the player's own settings, and notes how far behind it is while it does. */
async function follow({ url, seconds }) {
  const video = document.querySelector("video");
  const problems = [];
  video.addEventListener("error", () => problems.push(`video: ${video.error?.code} ${video.error?.message}`));
  await new Promise((done, fail) => {
    const script = Object.assign(document.createElement("script"), { src: "/hls.js" });
    script.onload = done;
    script.onerror = () => fail(new Error("hls.js did not load"));
    document.head.append(script);
  });
  const hls = new window.Hls();
  let stalls = 0;
  hls.on(window.Hls.Events.ERROR, (_, error) => {
    // On a machine that does much else a segment may come late.
    if (!error.fatal && /bufferStalledError|bufferNudgeOnStall|TimeOut/.test(error.details)) stalls++;
    else problems.push(`hls.js: ${error.type} ${error.details} ${error.error ?? ""}`);
  });
  let isLive = null;
  let updates = 0;
  hls.on(window.Hls.Events.LEVEL_UPDATED, (_, { details }) => {
    isLive = details.live;
    updates++;
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  const pause = () => new Promise((done) => setTimeout(done, 100));
  const patience = performance.now() + 300_000;
  while (video.readyState < 3 && performance.now() < patience && !problems.length) await pause();
  const from = video.currentTime;
  await video.play().catch((error) => problems.push(`play: ${error.message}`));
  const latencies = [];
  let last = from;
  let jumped = 0;
  while (last - from - jumped < seconds && performance.now() < patience && !problems.length) {
    await pause();
    // A player that has fallen behind jumps to where it is live: that is not played.
    const passed = video.currentTime - last;
    if (passed < 0 || passed > 2) jumped += passed;
    last = video.currentTime;
    latencies.push(hls.latency);
  }
  const quality = video.getVideoPlaybackQuality();
  const seen = {
    played: last - from - jumped,
    jumped,
    isLive,
    updates,
    stalls,
    furthest: Math.max(...latencies),
    behind: latencies.at(-1),
    frames: quality.totalVideoFrames,
    size: [video.videoWidth, video.videoHeight],
    problems,
  };
  hls.destroy();
  return seen;
}

const { screen, end } = await theater();
const { page, refused, close } = await screen();
const seen = await page.evaluate(follow, JSON.parse(await text(process.stdin)));
await close();
await end();
console.log(JSON.stringify([{ ...seen, refused }]));
