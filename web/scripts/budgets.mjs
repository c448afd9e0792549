//! Measures the built files against their budgets (kB of gzip, 1024 B) and fails when one is exceeded.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const budgets = {
  firstScript: { fail: 120, warn: 117 },
  firstStyle: { fail: 10 },
  lazyChunk: { fail: 30 },
  // hls.js as a whole: its light build plays a master with separate sound in silence.
  engine: { fail: 200 },
  playgroundBrotli: { fail: 1.6 * 1024 },
};

const index = readFileSync(join(dist, "index.html"), "utf8");
if (/<script(?![^>]*\ssrc=)|\sstyle=|<style/.test(index)) fail("dist/index.html has inline script or style, which the security policy forbids");

// The entry, everything it imports statically and its styles are what index.html names.
const first = [...index.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map((match) => match[1]);
report("first route, script", sum(first.filter((path) => path.endsWith(".js")).map(gzipSize)), budgets.firstScript);
report("first route, style", sum(first.filter((path) => path.endsWith(".css")).map(gzipSize)), budgets.firstStyle);

for (const name of readdirSync(join(dist, "assets")).filter((file) => file.endsWith(".js"))) {
  if (!first.includes(`assets/${name}`)) report(`lazy ${basename(name)}`, gzipSize(`assets/${name}`), name.startsWith("hls-") ? budgets.engine : budgets.lazyChunk);
}

const playground = readdirSync(join(dist, "playground"), { recursive: true })
  .map((name) => join(dist, "playground", name))
  .filter((path) => statSync(path).isFile() && !path.endsWith(".gz") && !path.endsWith(".br"));
report("playground, brotli", sum(playground.map(brotliSize)), budgets.playgroundBrotli);

function report(name, kilobytes, { fail: limit, warn }) {
  const line = `${name}: ${kilobytes.toFixed(1)} of ${limit.toFixed(0)} kB`;
  if (kilobytes > limit) fail(line);
  else console.log(warn !== undefined && kilobytes > warn ? `${line}, close to the limit` : line);
}

function gzipSize(path) {
  return gzipSync(readFileSync(join(dist, path)), { level: 9 }).length / 1024;
}

function brotliSize(path) {
  return statSync(existsSync(`${path}.br`) ? `${path}.br` : path).size / 1024;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function fail(line) {
  console.error(`budget: ${line}`);
  process.exitCode = 1;
}
