//! What outlives a reload: which files are being sent where, in IndexedDB, and the files themselves where they are small enough to be copied.
//! A browser without it, as in some private modes, forgets: the server still has what came.

import type { UploadRow } from "./rows";

/** A row as it is kept. */
export interface StoredUpload extends Pick<UploadRow, "key" | "name" | "size" | "url" | "libraryId"> {
  /** Whose upload it is; another account of this browser must not see it. */
  readonly owner: string;
  readonly addedAt: number;
  readonly file: File | null;
}

/** The browser copies a file that is kept; a large one is shown again by its owner instead. */
export const keptFileBytes = 256 * 1024 * 1024;

const name = "vitagraph.uploads";
const store = "uploads";

let opening: Promise<IDBDatabase> | null = null;

function open(): Promise<IDBDatabase> {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.addEventListener("upgradeneeded", () => request.result.createObjectStore(store, { keyPath: "key" }));
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("the browser keeps no database")));
  });
  return opening;
}

async function run<Value>(mode: IDBTransactionMode, action: (uploads: IDBObjectStore) => IDBRequest<Value>): Promise<Value | null> {
  try {
    const database = await open();
    return await new Promise((resolve, reject) => {
      const request = action(database.transaction(store, mode).objectStore(store));
      request.addEventListener("success", () => resolve(request.result));
      request.addEventListener("error", () => reject(request.error ?? new Error("the browser's database failed")));
    });
  } catch {
    return null;
  }
}

/** Everything of an account, in the order in which it was added. */
export async function readUploads(owner: string): Promise<readonly StoredUpload[]> {
  const all: readonly StoredUpload[] = (await run<StoredUpload[]>("readonly", (uploads) => uploads.getAll())) ?? [];
  return all.filter((upload) => upload.owner === owner).toSorted((left, right) => left.addedAt - right.addedAt);
}

export async function keepUpload(upload: StoredUpload): Promise<void> {
  await run("readwrite", (uploads) => uploads.put(upload));
}

export async function forgetUpload(key: string): Promise<void> {
  await run("readwrite", (uploads) => uploads.delete(key));
}
