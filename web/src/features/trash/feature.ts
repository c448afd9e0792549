//! The trash: what was thrown away, to be brought back or removed for good.

import { defineFeature } from "@/components/feature";
import { paths, patterns } from "@/lib/paths";
import { TrashIcon } from "@/ui/icons";

export const trashFeature = defineFeature({
  id: "trash",
  routes: [{ pattern: patterns.trash, load: () => import("./trash-page") }],
  nav: [{ path: paths.trash(), label: "nav.trash", icon: TrashIcon, isFor: "editor" }],
});
