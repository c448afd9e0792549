//! Uploads a film through a way that breaks half way, and sees it in the library with every byte.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const n = 24 * 1024 * 1024;

/** A film of some megabytes that no library has: one of the world's, with a box behind it that readers skip. */
function makeFilm(world) {
  const name = readdirSync(world.media, { recursive: true }).filter((path) => path.endsWith(".mp4")).toSorted()[0];
  assert.ok(name, "the demo library has no mp4");
  const film = readFileSync(join(world.media, name));
  const head = Buffer.alloc(8);
  head.writeUInt32BE(n + 8, 0);
  head.write("free", 4, "latin1");
  const path = join(world.folder, "Sent by a newcomer.mp4");
  writeFileSync(path, Buffer.concat([film, head, randomBytes(n)]));
  return path;
}

/** `choose` brings up the browser's file dialog on the upload page. Gives what was seen. */
export async function uploadThroughACut({ page, problems, world, way, query, choose }) {
  const path = makeFilm(world);
  const bytes = readFileSync(path);
  const known = problems.length;
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), choose()]);
  const before = way.bytesUp;
  way.cutAfter(bytes.length / 2);
  await chooser.setFiles(path);
  await page.locator('[data-upload-state="done"]').waitFor({ timeout: 120_000 });
  assert.equal(way.cuts, 1, "the connection was never cut");
  const again = way.bytesUp - before - bytes.length;
  // What was on its way when the line broke: at most a chunk, and the headers.
  assert.ok(again < 9 * 1024 * 1024, `${again} bytes were sent again`);
  const { media } = await query('{ media(first: 1, search: "newcomer") { nodes { id title files { path size } } } }');
  const [item] = media.nodes;
  assert.ok(item, "the library does not have it");
  const stored = readFileSync(item.files[0].path.startsWith("/") ? item.files[0].path : join(world.media, item.files[0].path));
  const hash = (content) => createHash("sha256").update(content).digest("hex");
  assert.equal(hash(stored), hash(bytes), "the library's file has other bytes");
  // The cut shows in the console, as it should; anything else does not.
  const during = problems.splice(known);
  problems.push(...during.filter((problem) => !/ERR_(CONNECTION|EMPTY|INCOMPLETE|NETWORK|SOCKET)|WebSocket/.test(problem)));
  return { id: item.id, note: `${(bytes.length / 1e6).toFixed(1)} MB, ${(again / 1e6).toFixed(1)} MB sent again` };
}
