//! Build of the app: one module entry, hashed assets, nothing inline, so that `default-src 'self'` is enough.

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds the server. */
const server = "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
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
    rolldownOptions: { output: { comments: false } },
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
