// Uploads files with tus-js-client, cut off at random and resumed, in pieces of several sizes, whatever becomes of the server
// meanwhile: node upload.mjs ADDRESS SEED FILE... Prints each file's URL and how often it was cut off.
import { createReadStream, statSync } from "node:fs";
import { basename } from "node:path";
import { Upload } from "tus-js-client";

const [address, seed, ...files] = process.argv.slice(2);
const headers = { authorization: `Bearer ${process.env.VITAGRAPH_TOKEN}` };
/** What is sent with one request. */
const PIECES = [1 << 20, 8 << 20, Infinity];
/** A server that is started anew is waited for. */
const retryDelays = Array.from({ length: 600 }, () => 250);
let state = Number(seed) || 1;
// A small generator of our own, so that a seed repeats a run.
const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
};

function attempt(file, size, url, cutAt, chunkSize, parallelUploads) {
    return new Promise((resolve, reject) => {
        let sent = 0;
        const upload = new Upload(createReadStream(file), {
            endpoint: `${address}/uploads`,
            uploadUrl: url,
            uploadSize: parallelUploads > 1 ? undefined : size,
            chunkSize,
            parallelUploads,
            headers,
            metadata: { filename: basename(file), modifiedAt: "784111777000" },
            retryDelays,
            onProgress: (bytes) => {
                sent = Math.max(sent, bytes);
                if (cutAt !== null && bytes >= cutAt) {
                    upload.abort().then(() => resolve({ url: upload.url, sent, done: false }), reject);
                    cutAt = null;
                }
            },
            onSuccess: () => resolve({ url: upload.url, sent: size, done: true }),
            onError: reject,
        });
        upload.start();
    });
}

const outcomes = [];
for (const [index, file] of files.entries()) {
    const size = statSync(file).size;
    // What comes in parallel is not cut off here: only what is resumed can be.
    const isParallel = index % 5 === 4 && size > 3;
    const chunkSize = isParallel ? Infinity : PIECES[index % PIECES.length];
    let url = null;
    let cuts = 0;
    let cutAt = isParallel || size < 1000 ? null : Math.floor(random() * size);
    for (;;) {
        const { url: found, sent, done } = await attempt(file, size, url, cutAt, chunkSize, isParallel ? 3 : 1);
        url = found;
        if (done) break;
        cuts += 1;
        cutAt = cuts < 3 ? sent + Math.floor(random() * (size - sent)) : null;
        if (cutAt !== null && cutAt <= sent) cutAt = null;
    }
    outcomes.push({ url, cuts });
}
process.stdout.write(JSON.stringify(outcomes));
