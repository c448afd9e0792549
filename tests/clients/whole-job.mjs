//! Follows a scan from its start to its end with the clients graphql-ws and graphql-sse at once:
//! `node whole-job.mjs http://… LIBRARY`, the token in VITAGRAPH_TOKEN. Prints a line of JSON: what each client saw.

import { createClient as createSse } from "graphql-sse";
import { createClient as createSocket } from "graphql-ws";
import WebSocket from "ws";

const [address, library] = process.argv.slice(2);
const authorization = `Bearer ${process.env.VITAGRAPH_TOKEN}`;

const socket = createSocket({
  url: `${address.replace(/^http/, "ws")}/graphql`,
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
  retryAttempts: 0,
});
const events = createSse({ url: `${address}/graphql`, headers: { authorization }, retryAttempts: 0 });

const job = await startScan();
const query = `subscription Follow($id: ID!) {
  jobProgress(id: $id) { status progress { step done total fraction ratePerSecond etaSeconds } }
}`;
const [ws, sse] = await Promise.all([follow(socket), follow(events)]);
await socket.dispose();
events.dispose();
console.log(JSON.stringify({ ws, sse }));

async function follow(client) {
  const seen = [];
  for await (const { data, errors } of client.iterate({ query, variables: { id: job } })) {
    if (errors) throw new Error(JSON.stringify(errors));
    seen.push(data.jobProgress);
  }
  return seen;
}

async function startScan() {
  const response = await fetch(`${address}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization },
    body: JSON.stringify({
      query: "mutation Start($input: StartScanInput!) { startScan(input: $input) { job { id } } }",
      variables: { input: { libraryId: library } },
    }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data.startScan.job.id;
}
