//! Collections: items in an order somebody chose, or whatever a filter finds.

import { defineFeature } from "@/components/feature";
import { paths, patterns } from "@/lib/paths";
import { CollectionIcon } from "@/ui/icons";

export const collectionsFeature = defineFeature({
  id: "collections",
  routes: [
    { pattern: patterns.collections, load: () => import("./collections-page") },
    { pattern: patterns.collection, load: () => import("./collection-page") },
  ],
  nav: [{ path: paths.collections(), label: "nav.collections", icon: CollectionIcon }],
});
