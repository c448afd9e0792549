//! The ways in: signing in, and the first run.

import { defineFeature } from "@/components/feature";
import { patterns } from "@/lib/paths";

export const entryFeature = defineFeature({
  id: "entry",
  routes: [
    { pattern: patterns.login, load: () => import("./login-page") },
    { pattern: patterns.setup, load: () => import("./setup-page") },
  ],
  nav: [],
});
