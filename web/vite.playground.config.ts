//! Build of the playground: GraphiQL and Monaco from our own origin, apart from the app so that neither weighs on the other.

import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** Drops the two text fonts that GraphiQL embeds as base64, 0.4 MB that the system's fonts replace; the icon font stays. */
const withoutTextFonts: Plugin = {
  name: "vitagraph:without-text-fonts",
  enforce: "pre",
  transform(code, id) {
    if (!id.includes("graphiql/dist/style.css")) return null;
    return { code: code.replace(/@font-face\s*\{[^}]*font-family:\s*["']?(?:Roboto|Fira Code)[^}]*\}/g, ""), map: null };
  },
};

export default defineConfig({
  root: new URL("./playground", import.meta.url).pathname,
  base: "/playground/",
  publicDir: false,
  plugins: [withoutTextFonts, react()],
  build: {
    target: "es2022",
    outDir: new URL("./dist/playground", import.meta.url).pathname,
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 5000,
    rolldownOptions: {
      output: { comments: false },
      // Hints of the libraries for a compiler that we do not run.
      onwarn: (warning, warn) => {
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
    },
  },
  worker: { format: "es" },
  server: { proxy: { "/graphql": { target: "http://127.0.0.1:8080", ws: true }, "/auth": "http://127.0.0.1:8080" } },
});
