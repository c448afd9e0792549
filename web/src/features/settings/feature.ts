//! What an account sets for itself: look, language, password, tokens.

import { defineFeature } from "@/components/feature";
import { patterns } from "@/lib/paths";

export const settingsFeature = defineFeature({
  id: "settings",
  routes: [{ pattern: patterns.settings, load: () => import("./settings-page") }],
  nav: [],
});
