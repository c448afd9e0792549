//! The library: home of the app.

import { defineFeature } from "@/components/feature";
import { paths, patterns } from "@/lib/paths";
import { GridIcon } from "@/ui/icons";
import { Page } from "./library-page";

export const libraryFeature = defineFeature({
  id: "library",
  routes: [{ pattern: patterns.library, Page }],
  nav: [{ path: paths.library(), label: "nav.library", icon: GridIcon, isMain: true }],
});
