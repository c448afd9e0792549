//! Ready documents for the operations of the API. Those that a server's schema does not know are not shown there.

import { parse, print } from "graphql";

/** A JSON value as variables carry it. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Ids of the running server to fill in. */
export interface Ids {
  readonly library: string | null;
  readonly media: string | null;
  readonly job: string | null;
}

/** One document with its variables; `{library}`, `{media}` and `{job}` in them stand for ids. */
export interface Example {
  readonly group: string;
  readonly name: string;
  readonly about: string;
  readonly query: string;
  readonly variables: Readonly<Record<string, Json>>;
}

/** The variables with the placeholders of known ids replaced. */
export function fillIds(variables: Json, ids: Ids): Json {
  if (typeof variables === "string") {
    const name = /^\{(library|media|job)\}$/.exec(variables)?.[1];
    return name === "library" || name === "media" || name === "job" ? (ids[name] ?? variables) : variables;
  }
  if (typeof variables !== "object" || variables === null) return variables;
  if (Array.isArray(variables)) return variables.map((entry: Json) => fillIds(entry, ids));
  return Object.fromEntries(Object.entries(variables).map(([key, value]) => [key, fillIds(value, ids)]));
}

/** The document with one field a line, so that nothing is cut off in a narrow editor. */
export function laidOut(example: Example): string {
  return print(parse(example.query));
}

export const examples: readonly Example[] = [
  {
    group: "Libraries",
    name: "Libraries",
    about: "Every library with its counts",
    query: `query Libraries {
  libraries {
    nodes { id name paths kind mediaCount totalSize totalDuration lastScannedAt isOnline }
  }
}`,
    variables: {},
  },
  {
    group: "Libraries",
    name: "CreateLibrary",
    about: "Add a folder of the server as a library",
    query: `mutation CreateLibrary($input: CreateLibraryInput!) {
  createLibrary(input: $input) {
    library { id name paths kind }
  }
}`,
    variables: { input: { name: "Films", paths: ["/srv/films"] } },
  },
  {
    group: "Libraries",
    name: "StartScan",
    about: "Scan a library; watch it with JobProgress",
    query: `mutation StartScan($input: StartScanInput!) {
  startScan(input: $input) {
    job { ...JobState }
  }
}

fragment JobState on Job {
  id kind status title
  progress { step stepIndex stepCount done total unit fraction ratePerSecond etaSeconds message }
  error { code message }
  attempts createdAt startedAt finishedAt
}`,
    variables: { input: { libraryId: "{library}" } },
  },
  {
    group: "Libraries",
    name: "ScanFailures",
    about: "Files that a scan could not handle, and why",
    query: `query ScanFailures($libraryId: ID!, $first: Int) {
  scanFailures(libraryId: $libraryId, first: $first) {
    totalCount
    nodes { path code reason at file { id } }
  }
}`,
    variables: { libraryId: "{library}", first: 50 },
  },
  {
    group: "Libraries",
    name: "LibraryChanges",
    about: "Live: items added, changed and removed",
    query: `subscription LibraryChanges {
  libraryChanges {
    __typename
    ... on MediaAdded { media { id title } }
    ... on MediaUpdated { media { id } }
    ... on MediaRemoved { mediaId }
  }
}`,
    variables: {},
  },
  {
    group: "Jobs",
    name: "Jobs",
    about: "Jobs, newest first, with progress and errors",
    query: `query Jobs($first: Int!, $after: String, $filter: JobFilter) {
  jobs(first: $first, after: $after, filter: $filter) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes {
      id kind status title priority queue
      progress { step fraction etaSeconds }
      error { code message }
      attempts createdAt startedAt finishedAt
      parent { id }
    }
  }
}`,
    variables: { first: 20, filter: { status: { in: ["RUNNING", "READY", "SUCCEEDED", "FAILED"] } } },
  },
  {
    group: "Jobs",
    name: "JobProgress",
    about: "Live: one job from its present state to its end",
    query: `subscription JobProgress($id: ID!) {
  jobProgress(id: $id) {
    id status
    progress { step done total fraction ratePerSecond etaSeconds message }
    error { code message }
  }
}`,
    variables: { id: "{job}" },
  },
  {
    group: "Jobs",
    name: "JobChanges",
    about: "Live: every job that changes",
    query: `subscription JobChanges {
  jobChanges { id kind status title progress { step fraction etaSeconds } }
}`,
    variables: {},
  },
  ...(["Cancel", "Pause", "Resume", "Retry"] as const).map((verb) => ({
    group: "Jobs",
    name: `${verb}Job`,
    about: `${verb} a job`,
    query: `mutation ${verb}Job($input: ${verb}JobInput!) {
  ${verb.toLowerCase()}Job(input: $input) { job { id status } }
}`,
    variables: { input: { id: "{job}" } },
  })),
  {
    group: "Media",
    name: "MediaPage",
    about: "One page of the grid: filtered, sorted, searched",
    query: `query MediaPage($first: Int!, $after: String, $search: String, $filter: MediaFilter, $sort: [MediaSort!]) {
  media(first: $first, after: $after, search: $search, filter: $filter, sort: $sort) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { ...MediaCard } }
  }
}

fragment MediaCard on Media {
  __typename
  id title date addedAt rating isFavorite viewCount
  thumbnail { url thumbhash srcset { url width } }
  tags(first: 20) { nodes { id name color } }
  people(first: 20) { nodes { id name } }
  studio { id name }
  files { id path size modifiedAt container }
  ... on Video { duration width height frameRate resumePosition codecs previewUrl sprite { vttUrl } }
  ... on Audio { duration codecs resumePosition }
  ... on Image { width height }
}`,
    variables: { first: 40, sort: [{ field: "ADDED_AT", direction: "DESC" }] },
  },
  {
    group: "Media",
    name: "MediaFiles",
    about: "One item: files with signed addresses, streams, chapters",
    query: `query MediaFiles($id: ID!) {
  node(id: $id) {
    __typename
    id
    ... on Media {
      title
      files {
        id path size container duration bitRate url
        streams {
          __typename index codec codecString language title
          ... on VideoStream { width height frameRate pixelFormat rotation hdr colorSpace }
          ... on AudioStream { channels channelLayout sampleRate }
          ... on SubtitleStream { isText }
        }
        chapters { title start end }
      }
    }
  }
}`,
    variables: { id: "{media}" },
  },
  {
    group: "Media",
    name: "FilteredMedia",
    about: "Filters nest freely; facets count what is left",
    query: `query FilteredMedia {
  media(
    first: 40
    filter: {
      kind: { in: [VIDEO, AUDIO] }
      or: [{ duration: { between: { from: 60, to: 5400 } } }, { height: { gte: 720 } }]
      not: { path: { contains: "sample" } }
    }
    sort: [{ field: RATING, direction: DESC }, { field: TITLE, direction: ASC }]
  ) {
    totalCount
    nodes { id title }
    facets { tags(first: 10) { value { id name } count } kinds { value count } resolutions { value count } }
  }
}`,
    variables: {},
  },
  {
    group: "Media",
    name: "Rate",
    about: "Rate an item from 0 to 100, or change its title",
    query: `mutation Rate($input: UpdateMediaInput!) {
  updateMedia(input: $input) { media { id title rating isFavorite } }
}`,
    variables: { input: { id: "{media}", rating: 80, isFavorite: true } },
  },
  {
    group: "Media",
    name: "BulkEdit",
    about: "Change many items at once; keep the undo token",
    query: `mutation BulkEdit($input: BulkUpdateMediaInput!) {
  bulkUpdateMedia(input: $input) { matchedCount updatedCount undoToken media { id } }
}`,
    variables: { input: { ids: ["{media}"], rating: 60 } },
  },
  {
    group: "Media",
    name: "Undo",
    about: "Take a bulk edit back",
    query: `mutation Undo($input: UndoInput!) {
  undo(input: $input) { changedCount }
}`,
    variables: { input: { undoToken: "" } },
  },
  {
    group: "Media",
    name: "ExportIds",
    about: "All ids, a thousand a page",
    query: `query ExportIds($after: String) {
  media(first: 1000, after: $after, sort: [{ field: ID, direction: ASC }]) {
    pageInfo { hasNextPage endCursor }
    nodes { id }
  }
}`,
    variables: {},
  },
  {
    group: "Video",
    name: "Watch",
    about: "How a video plays on this device",
    query: `query Watch($id: ID!, $capabilities: PlaybackCapabilities) {
  node(id: $id) {
    ... on Video {
      id title duration width height frameRate resumePosition
      playback(capabilities: $capabilities) { method reason hlsUrl dashUrl directUrl }
      subtitles { id language label url source }
      renditions { id kind label width height status url }
    }
  }
}`,
    variables: { id: "{media}", capabilities: { containers: ["mp4"], videoCodecs: ["avc1"], audioCodecs: ["mp4a"] } },
  },
  {
    group: "Video",
    name: "SaveProgress",
    about: "Remember where playing stopped",
    query: `mutation SaveProgress($input: SaveProgressInput!) {
  saveProgress(input: $input) { media { id ... on Video { resumePosition viewCount lastViewedAt } } }
}`,
    variables: { input: { mediaId: "{media}", position: 12 } },
  },
  {
    group: "Organize",
    name: "Organise",
    about: "Tags, people, studios, collections, duplicates",
    query: `query Organise {
  tags(first: 50, sort: [{ field: MEDIA_COUNT, direction: DESC }]) { totalCount nodes { id name mediaCount } }
  people(first: 50) { nodes { id name mediaCount } }
  studios(first: 50) { nodes { id name mediaCount } }
  collections(first: 50) { nodes { id name isSmart itemCount } }
  savedFilters { id name }
}`,
    variables: {},
  },
  {
    group: "Organize",
    name: "CreateTag",
    about: "Make a tag",
    query: `mutation CreateTag($input: CreateTagInput!) {
  createTag(input: $input) { tag { id name aliases parents { id } children { id } mediaCount } }
}`,
    variables: { input: { name: "Holidays" } },
  },
  {
    group: "Intake",
    name: "Intake",
    about: "Uploads and captures under way",
    query: `query Intake {
  uploads(first: 20) { nodes { id filename size offset status createdAt expiresAt media { id } } }
  captureSources(first: 20) { nodes { id name isEnabled status schedule lastError latestSnapshotUrl } }
}`,
    variables: {},
  },
  {
    group: "System",
    name: "Viewer",
    about: "Who is signed in, and what they may do",
    query: `query Viewer {
  viewer { id name role permissions }
}`,
    variables: {},
  },
  {
    group: "System",
    name: "System",
    about: "Plugins, hardware, storage, caches, slow operations",
    query: `query System {
  system {
    version startedAt
    plugins { name version isEnabled description }
    hardware { encoders { name codec device isWorking reason } decoders { name codec device isWorking reason } checkedAt }
    storage { mediaSize thumbnailSize renditionSize segmentCacheSize segmentCacheLimit databaseSize freeSpace }
    caches { name entryCount weightedSize hitRate hits misses evictions coalesced }
    operations(first: 50, window: LAST_HOUR) { name count errorCount p50 p95 p99 sqlStatementsMean }
    thumbnails { succeeded failed meanDuration recentErrors(first: 20) { media { id } path code message at } }
  }
}`,
    variables: {},
  },
  {
    group: "System",
    name: "CreateUser",
    about: "Add an account",
    query: `mutation CreateUser($input: CreateUserInput!) {
  createUser(input: $input) { user { id name role } }
}`,
    variables: { input: { name: "", password: "", role: "VIEWER" } },
  },
  {
    group: "System",
    name: "CreateApiToken",
    about: "Make a token for scripts; it is shown once",
    query: `mutation CreateApiToken($input: CreateApiTokenInput!) {
  createApiToken(input: $input) { token apiToken { id name scopes expiresAt } }
}`,
    variables: { input: { name: "script", scopes: ["VIEW"] } },
  },
  {
    group: "System",
    name: "SystemStats",
    about: "Live: load of the server",
    query: `subscription SystemStats {
  systemStats { at cpuFraction residentMemory requestsPerSecond activeStreams activeJobs subscribers }
}`,
    variables: {},
  },
];
