//! The libraries: what each holds, scans, and the problems that scans met.

import { defineFeature } from "@/components/feature";
import { paths, patterns } from "@/lib/paths";
import { FolderIcon } from "@/ui/icons";

export const librariesFeature = defineFeature({
  id: "libraries",
  routes: [
    { pattern: patterns.libraries, load: () => import("./libraries-page") },
    { pattern: patterns.failures, load: () => import("./problems-page") },
  ],
  nav: [{ path: paths.libraries(), label: "nav.libraries", icon: FolderIcon }],
});
