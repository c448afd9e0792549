//! What becomes of uploads once the server has all bytes: checked, taken in, known already, or refused.

import { useEffect } from "react";
import { useClient } from "urql";
import { graphql } from "@/data/graphql";
import { currentUploads, settleUpload, useUploads } from "./queue";
import type { UploadRow } from "./rows";

const UploadOutcomes = graphql(`
  query UploadOutcomes($first: Int!) {
    uploads(first: $first) { nodes { id status media { __typename id } error { code message } } }
  }
`);

const pollMs = 1000;
/** The newest uploads of the account; those that are being checked are among them. */
const lookedAt = 100;

/** Asks while there is something to be told, wherever the reader is. */
export function useOutcomes(): void {
  const client = useClient();
  const isWaiting = useUploads().some((row) => row.state === "checking");
  // The server's work goes on outside React.
  useEffect(() => {
    if (!isWaiting) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const ask = async () => {
      const { data } = await client.query(UploadOutcomes, { first: lookedAt }, { requestPolicy: "network-only" }).toPromise();
      for (const upload of data?.uploads.nodes ?? []) {
        const row = currentUploads().find((candidate) => candidate.state === "checking" && isAt(candidate, upload.id));
        const state = row ? outcomeOf(upload.status) : null;
        if (row && state !== null) settleUpload(row.key, { state, mediaId: upload.media?.id ?? null, reason: upload.error?.message ?? null });
      }
      if (!isOver) timer = setTimeout(() => void ask(), pollMs);
    };
    void ask();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [client, isWaiting]);
}

/** Whether an upload of this id is kept at the row's address. */
function isAt(row: UploadRow, id: string): boolean {
  return row.url?.split("/").at(-1) === id;
}

function outcomeOf(status: string): "done" | "duplicate" | "failed" | null {
  if (status === "READY") return "done";
  if (status === "DUPLICATE") return "duplicate";
  return status === "FAILED" ? "failed" : null;
}
