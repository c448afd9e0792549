//! Every address of the app, spelled once: patterns for the router, makers for links.

/** Patterns as the router reads them. */
export const patterns = {
  library: "/",
  failures: "/libraries/:id/problems",
  media: "/media/:id",
  jobs: "/jobs",
  login: "/login",
  setup: "/setup",
} as const;

/** Addresses to link to. */
export const paths = {
  library: () => patterns.library,
  failures: (libraryId: string) => `/libraries/${encodeURIComponent(libraryId)}/problems`,
  media: (mediaId: string) => `/media/${encodeURIComponent(mediaId)}`,
  jobs: () => patterns.jobs,
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
