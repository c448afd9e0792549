//! Writes `.br` and `.gz` beside every asset that shrinks, so that the server never compresses: brotli at its best takes seconds.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const shrinking = new Set([".html", ".js", ".css", ".svg", ".json", ".ttf", ".txt", ".map", ".wasm"]);
/** A twin is worth its bytes in the binary only if it saves at least this share. */
const worthwhile = 0.95;

const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name));
for (const file of files) if ([".br", ".gz"].includes(extname(file))) rmSync(file);

const queue = files.filter((file) => shrinking.has(extname(file)));
const totals = { files: queue.length, bytes: 0, brotli: 0 };
await Promise.all(Array.from({ length: availableParallelism() }, work));
console.log(`the web app has ${totals.files} files of ${kilobytes(totals.bytes)} kB, ${kilobytes(totals.brotli)} kB as browsers load them`);

async function work() {
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    const bytes = readFileSync(file);
    const [brotli, gzipped] = await Promise.all([
      promisify(brotliCompress)(bytes, {
        params: {
          [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
          [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
        },
      }),
      promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }),
    ]);
    if (brotli.length < bytes.length * worthwhile) writeFileSync(`${file}.br`, brotli);
    if (gzipped.length < bytes.length * worthwhile) writeFileSync(`${file}.gz`, gzipped);
    totals.bytes += bytes.length;
    totals.brotli += Math.min(brotli.length, bytes.length);
  }
}

function kilobytes(bytes) {
  return Math.round(bytes / 1024);
}
