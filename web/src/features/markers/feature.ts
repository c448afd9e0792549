//! The moments and stretches that people marked, of all items.

import { defineFeature } from "@/components/feature";
import { paths, patterns } from "@/lib/paths";
import { BookmarkIcon } from "@/ui/icons";

export const markersFeature = defineFeature({
  id: "markers",
  routes: [{ pattern: patterns.markers, load: () => import("./markers-page") }],
  nav: [{ path: paths.markers(), label: "nav.markers", icon: BookmarkIcon }],
});
