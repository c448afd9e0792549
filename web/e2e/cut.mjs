//! A way to the server that breaks: passes bytes on until so many have gone up, then ends every connection and refuses new ones for a while.

import { connect, createServer } from "node:net";

/** Starts the way to a server; `cutAfter` arms it, `cuts` counts. */
export async function breakableWay(url) {
  const upstream = Number(new URL(url).port);
  const open = new Set();
  let left = Number.POSITIVE_INFINITY;
  let closedUntil = 0;
  const way = { cuts: 0, bytesUp: 0 };
  const server = createServer((client) => {
    if (Date.now() < closedUntil) return void client.destroy();
    const out = connect(upstream, "127.0.0.1");
    const end = () => {
      client.destroy();
      out.destroy();
      open.delete(end);
    };
    open.add(end);
    client.on("error", end).on("close", end);
    out.on("error", end).on("close", end);
    out.pipe(client);
    client.on("data", (bytes) => {
      way.bytesUp += bytes.length;
      left -= bytes.length;
      if (left <= 0) {
        left = Number.POSITIVE_INFINITY;
        way.cuts += 1;
        closedUntil = Date.now() + 1500;
        for (const stop of open) stop();
      } else if (!out.write(bytes)) {
        client.pause();
        out.once("drain", () => client.resume());
      }
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(way, {
    url: `http://127.0.0.1:${server.address().port}`,
    cutAfter: (bytes) => {
      left = bytes;
    },
    stop: () => {
      for (const stop of open) stop();
      server.close();
    },
  });
}
