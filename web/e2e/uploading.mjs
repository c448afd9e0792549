//! Uploads a film through a way that breaks half way, and sees it in the library with every byte.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const n = 24 * 1024 * 1024;

/** A film of some megabytes that no library has: one of the library's, with a box behind it that readers skip. */
async function makeFilm(world, query) {
  // The demo has damaged films too, so the server says which one is whole; clips of earlier steps lie elsewhere.
  const { media } = await query("{ media(first: 50, filter: { kind: { in: [VIDEO] } }) { nodes { files { path } } } }");
  const name = media.nodes.flatMap((item) => item.files).find((file) => file.path.endsWith(".mp4") && existsSync(resolve(world.media, file.path)))?.path;
  assert.ok(name, "the library has no mp4");
  const film = readFileSync(resolve(world.media, name));
  const head = Buffer.alloc(8);
  head.writeUInt32BE(n + 8, 0);
  head.write("free", 4, "latin1");
  const path = join(world.folder, "Sent by a newcomer.mp4");
  writeFileSync(path, Buffer.concat([film, head, randomBytes(n)]));
  return path;
}

/** `choose` brings up the browser's file dialog on the upload page. Gives what was seen. */
export async function uploadThroughACut({ page, problems, world, way, query, choose }) {
  const path = await makeFilm(world, query);
  const bytes = readFileSync(path);
  const known = problems.length;
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), choose()]);
  const before = way.bytesUp;
  way.cutAfter(bytes.length / 2);
  await chooser.setFiles(path);
  await page.locator('[data-upload-state="done"], [data-upload-state="failed"]').waitFor({ timeout: 120_000 });
  const row = page.locator("[data-upload-state]");
  assert.equal(await row.getAttribute("data-upload-state"), "done", (await row.textContent()) ?? "");
  assert.equal(way.cuts, 1, "the connection was never cut");
  const again = way.bytesUp - before - bytes.length;
  // What was on its way when the line broke: at most a chunk, and the headers.
  assert.ok(again < 9 * 1024 * 1024, `${again} bytes were sent again`);
  const { media } = await query('{ media(first: 1, search: "newcomer") { nodes { id title files { path size } } } }');
  const [item] = media.nodes;
  assert.ok(item, "the library does not have it");
  const stored = readFileSync(resolve(world.media, item.files[0].path));
  const hash = (content) => createHash("sha256").update(content).digest("hex");
  assert.equal(hash(stored), hash(bytes), "the library's file has other bytes");
  // The cut shows in the console, as it should, and so does a server that still has hold of the broken request; anything else is a fault.
  const during = problems.splice(known);
  problems.push(...during.filter((problem) => !/ERR_(CONNECTION|EMPTY|INCOMPLETE|NETWORK|SOCKET)|WebSocket|423.*(\/uploads\/|Locked)/.test(problem)));
  return { id: item.id, note: `${(bytes.length / 1e6).toFixed(1)} MB, ${(again / 1e6).toFixed(1)} MB sent again` };
}
