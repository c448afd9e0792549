//! Build of the app: one module entry, hashed assets, nothing inline, so that `default-src 'self'` is enough.

import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds the server. */
const server = "http://127.0.0.1:8080";

/** Style sheets load in the order of chunks, which is nobody's choice; so each one says which layer wins. */
const layerOrder: Plugin = {
  name: "vitagraph:layer-order",
  enforce: "pre",
  transform(code, id) {
    if (!/\/src\/.*\.css$/.test(id)) return null;
    return { code: `@layer reset, tokens, ui, features;${code}`, map: null };
  },
};

const scrapLength = 1024;

/**
 * What index.html needs is fetched at once and with less haste than the styles, but run by public/start.js piece by piece, each in a task of its
 * own: as one task it would keep the page from answering for as long as all of them take.
 */
const runInPieces: Plugin = {
  name: "vitagraph:run-in-pieces",
  transformIndexHtml: {
    order: "post",
    handler(html, { bundle }) {
      if (bundle === undefined) return html;
      const pieces = new Set<string>();
      // Not worth a task; it runs with the first one that imports it, and is fetched last, as a browser has few connections to begin with.
      const scraps = new Set<string>();
      // What a piece imports runs before it.
      const add = (file: string) => {
        const chunk = bundle[file];
        if (chunk?.type !== "chunk" || pieces.has(file)) return;
        for (const needed of chunk.imports) add(needed);
        (chunk.code.length < scrapLength ? scraps : pieces).add(file);
      };
      const script = /\s*<script type="module"[^>]*src="\/([^"]+)"><\/script>/g;
      for (const [, file = ""] of html.matchAll(script)) add(file);
      const links = [...pieces, ...scraps].map((file) => `    <link rel="modulepreload" fetchpriority="low" href="/${file}">\n`);
      return html.replace(script, "").replace(/\s*<link rel="modulepreload"[^>]*>/g, "").replace("  </head>", `${links.join("")}  </head>`);
    },
  },
};

/** The sheet of the pages that the server writes for share links, under a name that it knows. */
const shareSheet: Plugin = {
  name: "vitagraph:share-sheet",
  apply: "build",
  async generateBundle() {
    const paths = ["./src/ui/tokens.css", "./src/share.css"].map((path) => new URL(path, import.meta.url).pathname);
    const sheets = await Promise.all(paths.map((path) => this.fs.readFile(path, { encoding: "utf8" })));
    this.emitFile({ type: "asset", fileName: "share.css", source: ["@layer reset, tokens, ui, features;\n", ...sheets].join("") });
  },
};

export default defineConfig({
  plugins: [layerOrder, react(), runInPieces, shareSheet],
  resolve: {
    alias: {
      "@": new URL("./src", import.meta.url).pathname,
      // What the router takes for older versions of React.
      "use-sync-external-store/shim/index.js": "react",
    },
  },
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    // A `data:` address would need an exception in the content security policy.
    assetsInlineLimit: 0,
    // Every browser with ES2022 preloads modules by itself.
    modulePreload: { polyfill: false },
    sourcemap: false,
    rolldownOptions: {
      output: {
        comments: false,
        // What the first page needs is a few files: two dozen small ones compress worse and cost requests, one alone runs for too long.
        codeSplitting: {
          groups: [
            { name: "react", tags: ["$initial"], test: /\/node_modules\/(react|react-dom|scheduler)\/|\/src\/app\/react-root\.ts$/, priority: 3 },
            { name: "data", tags: ["$initial"], test: /\/node_modules\//, priority: 2 },
            { name: "first", tags: ["$initial"], priority: 1 },
            // And so is what the frame loads right after it: tray, uploads, account.
            { name: "frame", test: /\/src\/app\/(job-pill|uploads|account-menu)\.tsx$/ },
          ],
        },
      },
    },
  },
  server: {
    proxy: {
      "/graphql": { target: server, ws: true },
      "/auth": server,
      "/p": server,
      "/healthz": server,
    },
  },
  test: { environment: "node", include: ["src/**/*.test.ts", "playground/**/*.test.ts"] },
});
