//! Every address of the app, spelled once: patterns for the router, makers for links.

/** Patterns as the router reads them. */
export const patterns = {
  library: "/",
  libraries: "/libraries",
  failures: "/libraries/:id/problems",
  media: "/media/:id",
  jobs: "/jobs",
  tags: "/tags",
  people: "/people",
  studios: "/studios",
  collections: "/collections",
  collection: "/collections/:id",
  galleries: "/galleries",
  gallery: "/galleries/:id",
  markers: "/markers",
  fields: "/fields",
  autoTag: "/auto-tag",
  nameRules: "/name-rules",
  duplicates: "/duplicates",
  upload: "/upload",
  capture: "/capture",
  history: "/history",
  trash: "/trash",
  admin: "/admin/:section?",
  settings: "/settings",
  login: "/login",
  setup: "/setup",
} as const;

/** The parts of the administration. */
export const adminSections = ["overview", "performance", "users", "sessions", "settings", "backups", "hardware", "thumbnails"] as const;
export type AdminSection = (typeof adminSections)[number];

/** Addresses to link to. */
export const paths = {
  library: (query = "") => `${patterns.library}${query}`,
  libraries: () => patterns.libraries,
  failures: (libraryId: string) => `/libraries/${encodeURIComponent(libraryId)}/problems`,
  media: (mediaId: string) => `/media/${encodeURIComponent(mediaId)}`,
  mediaAt: (mediaId: string, seconds: number) => `/media/${encodeURIComponent(mediaId)}?t=${Math.max(0, Math.round(seconds * 1000) / 1000)}`,
  jobs: () => patterns.jobs,
  tags: () => patterns.tags,
  people: () => patterns.people,
  studios: () => patterns.studios,
  collections: () => patterns.collections,
  collection: (collectionId: string) => `/collections/${encodeURIComponent(collectionId)}`,
  galleries: () => patterns.galleries,
  gallery: (galleryId: string) => `/galleries/${encodeURIComponent(galleryId)}`,
  markers: () => patterns.markers,
  fields: () => patterns.fields,
  autoTag: () => patterns.autoTag,
  nameRules: () => patterns.nameRules,
  duplicates: () => patterns.duplicates,
  upload: () => patterns.upload,
  capture: () => patterns.capture,
  history: () => patterns.history,
  trash: () => patterns.trash,
  admin: (section?: AdminSection) => (section === undefined || section === "overview" ? "/admin" : `/admin/${section}`),
  settings: () => patterns.settings,
  login: (next?: string) => (next && next !== "/" ? `${patterns.login}?next=${encodeURIComponent(next)}` : patterns.login),
  setup: () => patterns.setup,
  playground: () => "/playground/",
} as const;

/** Where to go after signing in: a path of this app, never another origin. */
export function nextPath(query: string): string {
  const next = new URLSearchParams(query).get("next");
  // `//host` and `/\host` are addresses of other servers to a browser.
  if (next === null || !/^\/(?![/\\])/.test(next)) return patterns.library;
  return next;
}

/** The moment that an address asks for, in seconds; null without one. */
export function momentOf(query: string): number | null {
  const written = new URLSearchParams(query).get("t");
  return written !== null && /^\d{1,7}(\.\d{1,6})?$/.test(written) ? Number(written) : null;
}
