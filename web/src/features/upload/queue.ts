//! The uploads of this browser: a store that pages come and go in front of. Several run at once; a reload finds them again.

import { useSyncExternalStore } from "react";
import { currentViewer } from "@/data/session";
import { isOpen, isOver, keyOf, nextToSend, smoothRate, type UploadRow } from "./rows";
import { forgetUpload, keepUpload, keptFileBytes, readUploads } from "./stored";
import { removeUpload, startTransfer, type Transfer } from "./transfer";

/** How many are sent at once. */
const atOnce = 3;

interface Source {
  readonly file: File | null;
  readonly owner: string;
  readonly addedAt: number;
}

let rows: readonly UploadRow[] = [];
const sources = new Map<string, Source>();
const transfers = new Map<string, Transfer>();
const paces = new Map<string, { readonly at: number; readonly sent: number }>();
const listeners = new Set<() => void>();
let frame = 0;
let loaded: Promise<void> | null = null;

/** All uploads, and a new render when they change, at most once a frame. */
export function useUploads(): readonly UploadRow[] {
  return useSyncExternalStore(subscribe, () => rows);
}

/** The uploads at this moment. */
export function currentUploads(): readonly UploadRow[] {
  return rows;
}

/** Finds what was not finished when this page was last left, and goes on with it. */
export function resumeUploads(): Promise<void> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<void> {
  const owner = currentViewer();
  if (owner === null) return;
  for (const { key, name, size, url, libraryId, file, addedAt } of await readUploads(owner)) {
    if (sources.has(key)) continue;
    sources.set(key, { file, owner, addedAt });
    add({ key, name, size, url, libraryId, state: file === null ? "missing" : "queued", sent: 0, bytesPerSecond: null, reason: null, mediaId: null });
  }
  sendNext();
}

/** Takes files in; one that is known by name, size and time goes on where it was. */
export async function addFiles(files: readonly File[], libraryId: string | null): Promise<void> {
  await resumeUploads();
  const owner = currentViewer();
  if (owner === null) return;
  for (const file of files) {
    const key = keyOf(file);
    const known = rows.find((row) => row.key === key);
    if (known && (known.state === "queued" || known.state === "sending" || known.state === "checking")) continue;
    const addedAt = sources.get(key)?.addedAt ?? Date.now();
    sources.set(key, { file, owner, addedAt });
    const isResuming = known !== undefined && !isOver(known);
    const fresh = { key, name: file.name, size: file.size, url: null, libraryId, sent: 0 };
    const row: UploadRow = { ...(isResuming ? known : fresh), state: "queued", bytesPerSecond: null, reason: null, mediaId: null };
    if (known) change(key, row);
    else add(row);
    void keep(row);
  }
  sendNext();
}

export function pauseUpload(key: string): void {
  const row = rows.find((candidate) => candidate.key === key);
  if (row?.state !== "queued" && row?.state !== "sending") return;
  change(key, { state: "paused", bytesPerSecond: null });
  void transfers.get(key)?.stop();
  transfers.delete(key);
  sendNext();
}

/** Goes on with what is paused, and tries again what failed. */
export function goOnWithUpload(key: string): void {
  const row = rows.find((candidate) => candidate.key === key);
  if (row?.state !== "paused" && row?.state !== "failed") return;
  change(key, { state: sources.get(key)?.file ? "queued" : "missing", reason: null });
  sendNext();
}

/** Takes an upload away, with what the server has of it; of one that is over only the row goes. */
export function removeUploadRow(key: string): void {
  const row = rows.find((candidate) => candidate.key === key);
  const transfer = transfers.get(key);
  if (transfer) void transfer.remove().catch(() => {});
  else if (row?.url && (isOpen(row) || row.state === "failed")) void removeUpload(row.url);
  transfers.delete(key);
  sources.delete(key);
  rows = rows.filter((candidate) => candidate.key !== key);
  notify();
  void forgetUpload(key);
  sendNext();
}

/** What the server made of the uploads whose bytes it has. */
export function settleUpload(key: string, outcome: Pick<UploadRow, "state" | "mediaId" | "reason">): void {
  change(key, outcome);
  if (outcome.state === "done" || outcome.state === "duplicate") void forgetUpload(key);
}

function sendNext(): void {
  for (const row of nextToSend(rows, atOnce)) void send(row);
}

async function send(row: UploadRow): Promise<void> {
  const { key } = row;
  const file = sources.get(key)?.file;
  if (!file) return change(key, { state: "missing" });
  change(key, { state: "sending" });
  paces.delete(key);
  const isSending = () => rows.find((candidate) => candidate.key === key)?.state === "sending";
  try {
    const transfer = await startTransfer(
      { file, url: row.url, libraryId: row.libraryId },
      {
        onUrl: (url) => {
          change(key, { url });
          const now = rows.find((candidate) => candidate.key === key);
          if (now) void keep(now);
        },
        onSent: (sent) => {
          if (isSending()) change(key, { sent, bytesPerSecond: paceOf(key, sent) });
        },
        onDone: () => {
          transfers.delete(key);
          change(key, { state: "checking", sent: row.size, bytesPerSecond: null });
          sendNext();
        },
        onFailed: (reason) => {
          transfers.delete(key);
          change(key, { state: "failed", reason, bytesPerSecond: null });
          sendNext();
        },
      },
    );
    // It may have been paused or taken away while the code for sending was still loading.
    if (isSending()) transfers.set(key, transfer);
    else if (rows.some((candidate) => candidate.key === key && candidate.state === "paused")) void transfer.stop();
  } catch (error) {
    change(key, { state: "failed", reason: error instanceof Error ? error.message : String(error) });
    sendNext();
  }
}

/** Progress comes many times a second; a rate needs longer than that. */
const paceMs = 500;

function paceOf(key: string, sent: number): number | null {
  const known = rows.find((row) => row.key === key)?.bytesPerSecond ?? null;
  const pace = paces.get(key);
  const now = performance.now();
  if (pace && now - pace.at < paceMs) return known;
  paces.set(key, { at: now, sent });
  return pace ? smoothRate(known, Math.max(0, sent - pace.sent), now - pace.at) : known;
}

async function keep({ key, name, size, url, libraryId }: UploadRow): Promise<void> {
  const source = sources.get(key);
  if (!source) return;
  const { file, owner, addedAt } = source;
  await keepUpload({ key, name, size, url, libraryId, owner, addedAt, file: file !== null && file.size <= keptFileBytes ? file : null });
}

function add(row: UploadRow): void {
  rows = [...rows, row];
  notify();
}

function change(key: string, facts: Partial<UploadRow>): void {
  rows = rows.map((row) => (row.key === key ? { ...row, ...facts } : row));
  notify();
}

function notify(): void {
  if (frame !== 0) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    for (const listener of listeners) listener();
  });
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// The bytes that are under way would be sent again; the browser asks in its own words.
window.addEventListener("beforeunload", (event) => {
  if (rows.some((row) => row.state === "sending" || row.state === "queued")) event.preventDefault();
});
// What gave up for want of a network tries again when there is one.
window.addEventListener("online", () => {
  for (const row of rows) if (row.state === "failed") goOnWithUpload(row.key);
});
