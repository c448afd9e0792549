//! Duplicates: media that look or sound alike, side by side.

import { defineFeature } from "@/components/feature";
import { paths, patterns } from "@/lib/paths";
import { TwinsIcon } from "@/ui/icons";

export const duplicatesFeature = defineFeature({
  id: "duplicates",
  routes: [{ pattern: patterns.duplicates, load: () => import("./duplicates-page") }],
  nav: [{ path: paths.duplicates(), label: "nav.duplicates", icon: TwinsIcon, isFor: "editor" }],
});
