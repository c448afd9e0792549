//! The GraphQL playground: GraphiQL from our own origin, signed in by the session cookie or by a token in the header editor.

import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./playground.css";
import { DOC_EXPLORER_PLUGIN } from "@graphiql/plugin-doc-explorer";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { examples, laidOut } from "./examples";
import { examplesPlugin } from "./examples-plugin";
import { SignedIn } from "./signed-in";

const fetcher = createGraphiQLFetcher({
  url: "/graphql",
  // The server's cross-site rule wants this header wherever a cookie authenticates.
  headers: { "x-requested-with": "vitagraph" },
  // One answer, one JSON document: the server defers nothing.
  enableIncrementalDelivery: false,
  // A token from the header editor goes into `connection_init`, as browsers cannot add headers to a socket.
  subscriptionUrl: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`,
});

const welcome = `# Welcome to the Vitagraph playground.
#
# Open "Examples" on the left for a ready document of every operation; ids are filled in from your library.
# Signed in to the web app, you are signed in here. Or set a token in "Headers": { "Authorization": "Bearer ..." }
# Run with Ctrl+Enter, complete with Ctrl+Space, look things up under "Docs".

query Viewer {
  viewer {
    id
    name
    role
    permissions
  }
}
`;

const firstTabs = ["Libraries", "MediaPage", "JobProgress"];

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root");
createRoot(root).render(
  <StrictMode>
    <GraphiQL
      fetcher={fetcher}
      defaultQuery={welcome}
      defaultTabs={[
        { query: welcome },
        ...examples
          .filter((example) => firstTabs.includes(example.name))
          .map((example) => ({ query: laidOut(example), variables: JSON.stringify(example.variables, null, 2) })),
      ]}
      plugins={[HISTORY_PLUGIN, examplesPlugin]}
      referencePlugin={DOC_EXPLORER_PLUGIN}
      defaultEditorToolsVisibility="variables"
      isHeadersEditorEnabled
      shouldPersistHeaders={false}
    >
      <GraphiQL.Logo>
        <SignedIn />
      </GraphiQL.Logo>
    </GraphiQL>
  </StrictMode>,
);
