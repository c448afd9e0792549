//! Tags, people, studios and the fields people define: what the library is sorted by; and what file names say of them.

import { defineFeature } from "@/components/feature";
import { paths, patterns } from "@/lib/paths";
import { PersonIcon, StudioIcon, TableIcon, TagIcon } from "@/ui/icons";

export const organizeFeature = defineFeature({
  id: "organize",
  routes: [
    { pattern: patterns.tags, load: () => import("./tags-page") },
    { pattern: patterns.people, load: () => import("./people-page") },
    { pattern: patterns.studios, load: () => import("./studios-page") },
    { pattern: patterns.fields, load: () => import("./fields-page") },
    { pattern: patterns.autoTag, load: () => import("./auto-tag-page") },
    { pattern: patterns.nameRules, load: () => import("./name-rules-page") },
  ],
  nav: [
    { path: paths.tags(), label: "nav.tags", icon: TagIcon, isMain: true },
    { path: paths.people(), label: "nav.people", icon: PersonIcon },
    { path: paths.studios(), label: "nav.studios", icon: StudioIcon },
    { path: paths.fields(), label: "nav.fields", icon: TableIcon, isFor: "editor" },
    { path: paths.autoTag(), label: "nav.autoTag", icon: TagIcon, isFor: "editor" },
    { path: paths.nameRules(), label: "nav.nameRules", icon: TableIcon, isFor: "editor" },
  ],
});
