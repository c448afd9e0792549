//! Administration: the server's state and its accounts.

import { defineFeature } from "@/components/feature";
import { paths, patterns } from "@/lib/paths";
import { AdminIcon } from "@/ui/icons";

export const adminFeature = defineFeature({
  id: "admin",
  routes: [{ pattern: patterns.admin, load: () => import("./admin-page") }],
  nav: [{ path: paths.admin(), label: "nav.admin", icon: AdminIcon, isFor: "admin" }],
});
