//! The one list of features; navigation, routes and palette come out of it.

import type { Feature } from "@/components/feature";
import { adminFeature } from "@/features/admin/feature";
import { captureFeature } from "@/features/capture/feature";
import { collectionsFeature } from "@/features/collections/feature";
import { duplicatesFeature } from "@/features/duplicates/feature";
import { entryFeature } from "@/features/entry/feature";
import { historyFeature } from "@/features/history/feature";
import { jobsFeature } from "@/features/jobs/feature";
import { librariesFeature } from "@/features/libraries/feature";
import { libraryFeature } from "@/features/library/feature";
import { markersFeature } from "@/features/markers/feature";
import { mediaFeature } from "@/features/media/feature";
import { organizeFeature } from "@/features/organize/feature";
import { settingsFeature } from "@/features/settings/feature";
import { trashFeature } from "@/features/trash/feature";
import { uploadFeature } from "@/features/upload/feature";

/** Pages for people who are signed in. */
export const features: readonly Feature[] = [
  libraryFeature,
  mediaFeature,
  collectionsFeature,
  markersFeature,
  organizeFeature,
  duplicatesFeature,
  uploadFeature,
  captureFeature,
  trashFeature,
  historyFeature,
  jobsFeature,
  librariesFeature,
  adminFeature,
  settingsFeature,
];

/** Pages for everyone else. */
export const entry: Feature = entryFeature;
