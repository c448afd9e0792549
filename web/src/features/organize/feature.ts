//! Tags, people and studios: what the library is sorted by.

import { defineFeature } from "@/components/feature";
import { paths, patterns } from "@/lib/paths";
import { PersonIcon, StudioIcon, TagIcon } from "@/ui/icons";

export const organizeFeature = defineFeature({
  id: "organize",
  routes: [
    { pattern: patterns.tags, load: () => import("./tags-page") },
    { pattern: patterns.people, load: () => import("./people-page") },
    { pattern: patterns.studios, load: () => import("./studios-page") },
  ],
  nav: [
    { path: paths.tags(), label: "nav.tags", icon: TagIcon, isMain: true },
    { path: paths.people(), label: "nav.people", icon: PersonIcon },
    { path: paths.studios(), label: "nav.studios", icon: StudioIcon },
  ],
});
