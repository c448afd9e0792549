//! The library: home of the app, and the problems that scans met.

import { defineFeature } from "@/components/feature";
import { paths, patterns } from "@/lib/paths";
import { VideoIcon } from "@/ui/icons";
import { Page } from "./library-page";

export const libraryFeature = defineFeature({
  id: "library",
  routes: [
    { pattern: patterns.library, Page },
    { pattern: patterns.failures, load: () => import("./problems-page") },
  ],
  nav: [{ path: paths.library(), label: "nav.library", icon: VideoIcon }],
});
