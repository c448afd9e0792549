//! What was changed by whom, and taking it back.

import { defineFeature } from "@/components/feature";
import { paths, patterns } from "@/lib/paths";
import { SortIcon } from "@/ui/icons";

export const historyFeature = defineFeature({
  id: "history",
  routes: [{ pattern: patterns.history, load: () => import("./history-page") }],
  nav: [{ path: paths.history(), label: "nav.history", icon: SortIcon, isFor: "editor" }],
});
