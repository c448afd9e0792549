//! Reads playlists, manifests and segments with parsers that none of us wrote: `node read.mjs` with a list of
//! `{ name, hls, dash }` on its standard input. Prints what they found, and every complaint, as JSON.

import { text } from "node:stream/consumers";
import { Parser } from "m3u8-parser";
import * as mpd from "mpd-parser";
import { createFile } from "mp4box";

/** A playlist as m3u8-parser sees it; its warnings are complaints. */
async function playlist(url, complaints) {
  const response = await fetch(url);
  const parser = new Parser();
  for (const event of ["warn", "error"]) parser.on(event, ({ message }) => complaints.push(`${event}: ${message}`));
  parser.push(await response.text());
  parser.end();
  return parser.manifest;
}

/** The track of some segments behind their header, as mp4box sees it. */
async function track(uris, complaints) {
  const file = createFile();
  let info = null;
  file.onReady = (found) => (info = found);
  file.onError = (module, message) => complaints.push(`mp4box: ${module} ${message}`);
  let at = 0;
  for (const uri of uris) {
    const bytes = await (await fetch(uri)).arrayBuffer();
    bytes.fileStart = at;
    at += bytes.byteLength;
    file.appendBuffer(bytes);
  }
  file.flush();
  const [found] = info?.tracks ?? [];
  const samples = found ? (file.getTrackById(found.id).samples ?? []) : [];
  for (const [n, sample] of samples.entries()) {
    const before = samples[n - 1];
    if (before && before.dts + before.duration !== sample.dts) complaints.push(`mp4box: a gap before sample ${n}`);
  }
  return { codec: found?.codec, width: found?.video?.width, isFragmented: info?.isFragmented, samples: samples.length, firstIsSync: samples[0]?.is_sync };
}

const seen = [];
for (const { name, hls, dash } of JSON.parse(await text(process.stdin))) {
  const complaints = [];
  const master = await playlist(hls, complaints);
  const variants = [];
  const sounds = Object.values(master.mediaGroups?.AUDIO ?? {}).flatMap((group) => Object.values(group));
  for (const { uri, attributes } of [...(master.playlists ?? []), ...sounds]) {
    const place = new URL(uri, hls);
    const media = await playlist(place, complaints);
    const uris = [media.segments[0].map.uri, ...media.segments.map((segment) => segment.uri)].map((uri) => new URL(uri, place));
    const lasts = media.segments.reduce((sum, segment) => sum + segment.duration, 0);
    variants.push({ codecs: attributes?.CODECS, lasts, segments: media.segments.length, track: await track(uris, complaints) });
  }
  const xml = await (await fetch(dash)).text();
  const manifest = mpd.parse(xml, { manifestUri: dash, eventHandler: ({ type, message }) => complaints.push(`mpd ${type}: ${message}`) });
  const sets = Object.values(manifest.mediaGroups?.AUDIO ?? {}).flatMap((group) => Object.values(group));
  const tracks = [...manifest.playlists, ...sets.flatMap((set) => set.playlists)];
  seen.push({
    name,
    complaints,
    variants,
    dash: { duration: manifest.duration, segments: tracks.map((found) => found.segments?.length ?? 0) },
  });
}
console.log(JSON.stringify(seen));
