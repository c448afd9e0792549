//! Collections and galleries: items in an order somebody chose, the pictures of a folder, or whatever a filter finds.

import { defineFeature } from "@/components/feature";
import { paths, patterns } from "@/lib/paths";
import { CollectionIcon, ImageIcon } from "@/ui/icons";

export const collectionsFeature = defineFeature({
  id: "collections",
  routes: [
    { pattern: patterns.collections, load: () => import("./collections-page") },
    { pattern: patterns.collection, load: () => import("./collection-page") },
    { pattern: patterns.galleries, load: () => import("./galleries-page") },
    { pattern: patterns.gallery, load: () => import("./gallery-page") },
  ],
  nav: [
    { path: paths.collections(), label: "nav.collections", icon: CollectionIcon },
    { path: paths.galleries(), label: "nav.galleries", icon: ImageIcon },
  ],
});
