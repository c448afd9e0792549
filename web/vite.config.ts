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

export default defineConfig({
  plugins: [layerOrder, react()],
  resolve: { alias: { "@": new URL("./src", import.meta.url).pathname } },
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
        // What the first page needs is one file: two dozen small ones compress worse and cost requests.
        codeSplitting: {
          groups: [
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
