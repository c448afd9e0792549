//! Plays films in Chromium by players that none of us wrote: `node play.mjs` with a list of
//! `{ name, player, url, hasPictures }` on its standard input. Prints what each saw as JSON.
//!
//! Each is sought in at random `VITAGRAPH_TEST_SEEKS` times, 20 unless that says otherwise: fewer leave places where nobody was, and
//! a player that plays at many times the speed may jump what it has not loaded yet.

import { text } from "node:stream/consumers";
import { theater } from "./theater.mjs";

const SEEKS = Number(process.env.VITAGRAPH_TEST_SEEKS ?? 20);
/** A film plays so many times as fast, as nobody waits for it. */
const RATE = 6;

/**
 * Runs in the page: attaches a player with a short buffer, so that seeks leave it, and remembers every complaint. Players
 * are told to be patient: on a machine that does much else a segment takes its time, and the server asks them to come again.
 */
async function attach({ player, url }) {
  const video = document.querySelector("video");
  const problems = (window.problems = []);
  const trace = (window.trace = []);
  window.waited = 0;
  const note = (what) => problems.push(typeof what === "string" ? what : JSON.stringify(what));
  for (const kind of ["seeking", "seeked", "waiting", "ended"]) {
    const ranges = () => Array.from(video.buffered, (_, n) => `${video.buffered.start(n)}-${video.buffered.end(n)}`);
    const now = () => `${kind} at ${video.currentTime}, state ${video.readyState}, has ${ranges()}`;
    video.addEventListener(kind, () => trace.push(`${Math.round(performance.now())} ms: ${now()}`));
  }
  video.addEventListener("error", () => note(`video: ${video.error?.code} ${video.error?.message}`));
  await new Promise((done, fail) => {
    const script = Object.assign(document.createElement("script"), { src: `/${player.split("-")[0]}.js` });
    script.onload = done;
    script.onerror = () => fail(new Error(`${player} did not load`));
    document.head.append(script);
  });
  if (player === "hls") {
    const again = { maxNumRetry: 30, retryDelayMs: 500, maxRetryDelayMs: 4000 };
    const policy = { maxTimeToFirstByteMs: 60_000, maxLoadTimeMs: 120_000, timeoutRetry: again, errorRetry: again };
    const patient = { default: policy };
    const hls = new window.Hls({
      maxBufferLength: 6,
      maxMaxBufferLength: 6,
      backBufferLength: Infinity,
      manifestLoadPolicy: patient,
      playlistLoadPolicy: patient,
      fragLoadPolicy: patient,
    });
    hls.on(window.Hls.Events.ERROR, (_, error) => {
      // What the player itself gave up because of a seek, and what comes later on a slow machine, is no complaint.
      const isLate = error.response?.code === 503 || /TimeOut|bufferStalledError/.test(error.details);
      if (!error.fatal && isLate) window.waited++;
      else if (error.details !== "aborted" || error.fatal) {
        note(`hls.js: ${error.type} ${error.details} ${error.error ?? ""}`);
      }
    });
    hls.loadSource(url);
    hls.attachMedia(video);
  } else if (player.startsWith("shaka")) {
    window.shaka.polyfill.installAll();
    const shaka = new window.shaka.Player();
    await shaka.attach(video);
    const retryParameters = { maxAttempts: 30, baseDelay: 500, backoffFactor: 1, timeout: 0, stallTimeout: 0 };
    const patient = { retryParameters: { ...retryParameters, connectionTimeout: 0 } };
    shaka.configure({ streaming: { bufferingGoal: 6, bufferBehind: 600, ...patient }, manifest: patient });
    shaka.addEventListener("error", ({ detail }) => note(`shaka: ${detail.code} ${detail.data}`));
    await shaka.load(url).catch((error) => note(`shaka: ${error.code} ${error.data}`));
  } else {
    const dash = window.dashjs.MediaPlayer().create();
    const each = (n) => ({ MPD: n, InitializationSegment: n, MediaSegment: n });
    dash.updateSettings({
      streaming: {
        buffer: { bufferToKeep: 600, bufferTimeDefault: 6 },
        abr: { rules: { abandonRequestsRule: { active: false } } },
        fragmentRequestTimeout: 60_000,
        manifestRequestTimeout: 60_000,
        retryAttempts: each(30),
        retryIntervals: each(500),
      },
    });
    dash.on("error", ({ error }) => note(`dash.js: ${error?.code} ${error?.message}`));
    dash.initialize(video, url, false);
  }
}

/** Runs in the page: seeks at random, then plays to the end, and says what was seen. */
async function watch({ seeks, rate, hasPictures }) {
  const video = document.querySelector("video");
  const when = (what, isSo, again = () => {}, isLost = () => false, seconds = 120) =>
    new Promise((done) => {
      const begun = performance.now();
      let right = begun;
      const look = () => {
        const now = performance.now();
        if (isSo()) return done(true);
        if (!isLost()) right = now;
        if (now - right > 3000) {
          right = now;
          again();
        }
        if (now - begun < seconds * 1000) return setTimeout(look, 20);
        const at = `at ${video.currentTime} of ${video.duration}, state ${video.readyState}`;
        window.problems.push(`waited in vain: ${what} ${at}`, ...window.trace);
        done(false);
      };
      look();
    });
  const ranges = () => Array.from(video.buffered, (_, n) => [video.buffered.start(n), video.buffered.end(n)]);
  if (!(await when("for the first frame", () => video.readyState >= 3))) return { problems: window.problems };
  // The numbers of a seed, so that a failure can be seen again.
  let seed = 12345;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
  let found = 0;
  // dash.js 5 seeks to where its last segment begins if that is appended just after somebody has sought elsewhere, and so
  // undoes it. A person would click again; whoever counts may find how often.
  let nAgain = 0;
  const waits = [];
  for (let n = 0; n < seeks; n++) {
    const at = random() * (video.duration - 0.3);
    const begun = performance.now();
    video.currentTime = at;
    const seekAgain = () => {
      nAgain++;
      video.currentTime = at;
    };
    const isElsewhere = () => Math.abs(video.currentTime - at) >= 1;
    const isThere = () => !video.seeking && video.readyState >= 2 && !isElsewhere();
    if (await when(`for ${at}`, isThere, seekAgain, isElsewhere)) found++;
    waits.push(Math.round(performance.now() - begun));
  }
  video.currentTime = 0;
  const rewind = () => (video.currentTime = 0);
  const isBegun = () => !video.seeking && video.readyState >= 3 && video.currentTime < 1;
  await when("for the beginning", isBegun, rewind, () => video.currentTime >= 1);
  video.playbackRate = rate;
  await video.play();
  await when("for the end", () => video.ended);
  const played = { ended: video.ended, duration: video.duration, buffered: ranges() };
  const frames = video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
  const size = hasPictures ? [video.videoWidth, video.videoHeight] : null;
  return { ...played, frames, found, nAgain, waited: window.waited, waits, size, problems: window.problems };
}

const wishes = JSON.parse(await text(process.stdin));
const { screen, end } = await theater();
const seen = [];
for (const wish of wishes) {
  const { page, refused, close } = await screen();
  const begun = Date.now();
  await page.evaluate(attach, wish);
  const saw = await page.evaluate(watch, { seeks: SEEKS, rate: RATE, hasPictures: wish.hasPictures });
  seen.push({ name: wish.name, player: wish.player, refused, ms: Date.now() - begun, ...saw });
  await close();
}
await end();
console.log(JSON.stringify(seen));
