//! Sends one file by tus 1.0: from where the server has it, again and again until it is there or the server refuses it.

import type { DetailedError, Upload } from "tus-js-client";

/** Small enough that a proxy's limit on bodies does not matter, large enough that requests do not. */
const chunkBytes = 8 * 1024 * 1024;

/** Waits between attempts; a chunk that gets through starts them anew. After the last one the row says what is wrong. */
const retryMs = [0, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 30_000, 30_000];

/** What happens to a transfer. */
export interface TransferEvents {
  /** The server made a place for it. */
  readonly onUrl: (url: string) => void;
  readonly onSent: (bytes: number) => void;
  readonly onDone: () => void;
  readonly onFailed: (reason: string) => void;
}

export interface TransferOrder {
  readonly file: File;
  readonly url: string | null;
  readonly libraryId: string | null;
}

/** A transfer under way; `stop` keeps what the server has, `remove` takes that away too. */
export interface Transfer {
  readonly stop: () => Promise<void>;
  readonly remove: () => Promise<void>;
}

/** Begins to send, or goes on where `url` has got to. */
export async function startTransfer({ file, url, libraryId }: TransferOrder, events: TransferEvents): Promise<Transfer> {
  const { Upload } = await import("tus-js-client");
  const upload: Upload = new Upload(file, {
    endpoint: "/uploads",
    uploadUrl: url,
    headers: { "x-requested-with": "vitagraph" },
    metadata: {
      filename: file.name,
      filetype: file.type,
      modifiedAt: String(file.lastModified),
      ...(libraryId === null ? {} : { library: libraryId }),
    },
    chunkSize: chunkBytes,
    retryDelays: retryMs,
    // The queue remembers addresses itself, for it knows whose they are.
    storeFingerprintForResuming: false,
    onShouldRetry: (error) => mayPass(error.originalResponse?.getStatus() ?? 0),
    onUploadUrlAvailable: () => {
      if (upload.url !== null) events.onUrl(upload.url);
    },
    onProgress: (sent) => events.onSent(sent),
    onSuccess: events.onDone,
    onError: (error) => events.onFailed(reasonOf(error)),
  });
  upload.start();
  return { stop: () => upload.abort(false), remove: () => upload.abort(true) };
}

/** Takes away what the server has of an upload that is not under way. */
export async function removeUpload(url: string): Promise<void> {
  await fetch(url, { method: "DELETE", headers: { "tus-resumable": "1.0.0", "x-requested-with": "vitagraph" } }).catch(() => {});
}

/** Whether the same request may get through later: no answer, a busy or stopping server, an offset that moved, a lock. */
function mayPass(status: number): boolean {
  return status === 0 || status === 408 || status === 409 || status === 423 || status === 429 || status >= 500;
}

/** The server's own words where it said any. */
function reasonOf(error: Error | DetailedError): string {
  const body = "originalResponse" in error ? error.originalResponse?.getBody() : undefined;
  try {
    const answer: unknown = JSON.parse(body ?? "");
    const problem: unknown = typeof answer === "object" && answer !== null ? Reflect.get(answer, "error") : null;
    const message: unknown = typeof problem === "object" && problem !== null ? Reflect.get(problem, "message") : null;
    if (typeof message === "string") return message;
  } catch {
    // No answer at all, or one of somebody else on the way.
  }
  return error.message;
}
