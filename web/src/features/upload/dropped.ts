//! The files behind a drop or a paste: folders are walked, a hundred entries at a time, so that a large one does not stop the page.

/** What was dropped. It must be taken during the event, as it is gone after it. */
export interface Dropped {
  readonly entries: readonly FileSystemEntry[];
  readonly files: readonly File[];
}

/** Takes what an event brings. */
export function takeDropped(transfer: DataTransfer): Dropped {
  const entries = [...transfer.items].flatMap((item) => (item.kind === "file" ? (item.webkitGetAsEntry() ?? []) : []));
  return { entries, files: entries.length === 0 ? [...transfer.files] : [] };
}

/** All files in it, bit by bit; what cannot be read is left out. */
export async function* filesIn({ entries, files }: Dropped): AsyncGenerator<readonly File[]> {
  if (files.length > 0) yield files;
  yield await readFiles(entries.filter(isFile));
  const folders = entries.filter(isFolder);
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    const reader = folder.createReader();
    // A reader gives some at a time, and nothing when it is at the end.
    for (let read = await nextEntries(reader); read.length > 0; read = await nextEntries(reader)) {
      yield await readFiles(read.filter(isFile));
      folders.push(...read.filter(isFolder));
    }
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isFolder(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

async function readFiles(entries: readonly FileSystemFileEntry[]): Promise<readonly File[]> {
  const files = await Promise.all(entries.map((entry) => new Promise<File | null>((resolve) => entry.file(resolve, () => resolve(null)))));
  return files.filter((file) => file !== null);
}

function nextEntries(reader: FileSystemDirectoryReader): Promise<readonly FileSystemEntry[]> {
  return new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
}
