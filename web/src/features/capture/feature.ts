//! Cameras and live streams that are recorded.

import { defineFeature } from "@/components/feature";
import { paths, patterns } from "@/lib/paths";
import { VideoIcon } from "@/ui/icons";

export const captureFeature = defineFeature({
  id: "capture",
  routes: [{ pattern: patterns.capture, load: () => import("./capture-page") }],
  nav: [{ path: paths.capture(), label: "nav.capture", icon: VideoIcon, isFor: "editor" }],
});
