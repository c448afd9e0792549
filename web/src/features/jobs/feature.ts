//! The jobs: what runs, what waits, what failed.

import { defineFeature } from "@/components/feature";
import { paths, patterns } from "@/lib/paths";
import { JobsIcon } from "@/ui/icons";

export const jobsFeature = defineFeature({
  id: "jobs",
  routes: [{ pattern: patterns.jobs, load: () => import("./jobs-page") }],
  nav: [{ path: paths.jobs(), label: "nav.jobs", icon: JobsIcon, isMain: true }],
});
