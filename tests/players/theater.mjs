//! Chromium, and an empty page that players of other makers are loaded into. The page has another origin than the media, as that
//! of an embedding site, so it needs what CORS allows.

import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const flags = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--mute-audio",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
  "--autoplay-policy=no-user-gesture-required",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
];

const module = (path) => new URL(`node_modules/${path}`, import.meta.url);
const scripts = {
  "/hls.js": module("hls.js/dist/hls.min.js"),
  "/shaka.js": module("shaka-player/dist/shaka-player.compiled.js"),
  "/dash.js": module("dashjs/dist/modern/umd/dash.all.min.js"),
};

/** `screen` opens a page of its own, which notes in `refused` what a server does not give it; `end` closes all. */
export async function theater() {
  const pageServer = createServer((request, response) => {
    const script = scripts[request.url];
    response.setHeader("content-type", script ? "text/javascript" : "text/html; charset=utf-8");
    if (script) createReadStream(script).pipe(response);
    else response.end("<!doctype html><title>player</title><video playsinline muted></video>");
  });
  await new Promise((done) => pageServer.listen(0, "127.0.0.1", done));
  const origin = `http://127.0.0.1:${pageServer.address().port}`;
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });

  async function screen() {
    const context = await browser.newContext();
    const page = await context.newPage();
    const refused = [];
    page.on("response", (response) => {
      // 503 says to come again, with the time when.
      const isLater = response.status() === 503 && response.headers()["retry-after"];
      if (response.status() >= 400 && !isLater && !response.url().endsWith("/favicon.ico")) {
        refused.push(`${response.status()} ${response.url().split("?")[0]}`);
      }
    });
    page.on("pageerror", (error) => refused.push(`uncaught: ${error.message}`));
    await page.goto(origin);
    return { page, refused, close: () => context.close() };
  }

  async function end() {
    await browser.close();
    pageServer.close();
  }

  return { screen, end };
}
