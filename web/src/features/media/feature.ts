//! One media item: plays or shows it and lists what is known of its files.

import { defineFeature } from "@/components/feature";
import { patterns } from "@/lib/paths";

export const mediaFeature = defineFeature({
  id: "media",
  routes: [{ pattern: patterns.media, load: () => import("./media-page") }],
  nav: [],
});
