//! Sends files to the server: dropped anywhere, pasted or chosen; interrupted and resumed.

import { defineFeature } from "@/components/feature";
import { paths, patterns } from "@/lib/paths";
import { UploadIcon } from "@/ui/icons";

export const uploadFeature = defineFeature({
  id: "upload",
  routes: [{ pattern: patterns.upload, load: () => import("./upload-page") }],
  nav: [{ path: paths.upload(), label: "nav.upload", icon: UploadIcon, isFor: "editor" }],
});
