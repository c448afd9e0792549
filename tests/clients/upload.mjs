// Uploads files with tus-js-client, cut off at random and resumed: node upload.mjs ADDRESS SEED FILE...
// Prints what became of each file: its URL, and how many bytes were sent again.
import { createReadStream, statSync } from "node:fs";
import { basename } from "node:path";
import { Upload } from "tus-js-client";

const [address, seed, ...files] = process.argv.slice(2);
const headers = { authorization: `Bearer ${process.env.VITAGRAPH_TOKEN}` };
let state = Number(seed) || 1;
// A small generator of our own, so that a seed repeats a run.
const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
};

function attempt(file, size, url, cutAt, parallel) {
    return new Promise((resolve, reject) => {
        let sent = 0;
        const upload = new Upload(createReadStream(file), {
            endpoint: `${address}/uploads`,
            uploadUrl: url,
            uploadSize: parallel ? undefined : size,
            chunkSize: parallel ? Infinity : 1 << 20,
            parallelUploads: parallel ? 3 : 1,
            headers,
            metadata: { filename: basename(file), modifiedAt: "784111777000" },
            retryDelays: [0, 200, 1000],
            onProgress: (bytes) => {
                sent = Math.max(sent, bytes);
                if (cutAt !== null && bytes >= cutAt && !parallel) {
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
    const parallel = index % 5 === 4 && size > 3;
    let url = null;
    let again = 0;
    let cuts = 0;
    let cutAt = parallel || size < 1000 ? null : Math.floor(random() * size);
    for (;;) {
        const { url: found, sent, done } = await attempt(file, size, url, cutAt, parallel);
        url = found;
        if (done) break;
        cuts += 1;
        const head = url && (await fetch(url, { method: "HEAD", headers: { ...headers, "tus-resumable": "1.0.0" } }));
        again += Math.max(0, sent - Number(head ? head.headers.get("upload-offset") : 0));
        cutAt = cuts < 3 ? sent + Math.floor(random() * (size - sent)) : null;
        if (cutAt !== null && cutAt <= sent) cutAt = null;
    }
    outcomes.push({ file: basename(file), url, size, cuts, again, parallel });
}
process.stdout.write(JSON.stringify(outcomes));
