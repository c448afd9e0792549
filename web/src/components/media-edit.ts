//! Changes of single items: shown at once, rolled back with the reason when the server refuses, undone by sending the old values.

import { useCallback } from "react";
import { useClient } from "urql";
import { graphql, type VariablesOf } from "@/data/graphql";
import { t } from "@/lib/messages";
import { showToast } from "@/ui/toast";
import { problemText } from "./states";

export const UpdateMedia = graphql(`
  mutation UpdateMedia($input: UpdateMediaInput!) {
    updateMedia(input: $input) {
      media {
        id title description date rating isFavorite
        tags(first: 50) { nodes { id name } }
        people(first: 50) { nodes { id name } }
        studio { id name }
        customFields { field { id name kind } text number date boolean }
      }
    }
  }
`);

/** What may be changed; omitted fields stay. */
export type MediaChange = Omit<VariablesOf<typeof UpdateMedia>["input"], "id">;

/** Sends a change. With `undo`, the old values, a toast offers the way back. */
export function useEditMedia(): (id: string, change: MediaChange, undo?: MediaChange) => Promise<boolean> {
  const client = useClient();
  return useCallback(
    async (id, change, undo) => {
      const send = (fields: MediaChange) => client.mutation(UpdateMedia, { input: { id, ...fields } }).toPromise();
      const result = await send(change);
      if (result.error) {
        showToast({ text: t("edit.failed", { reason: problemText(result.error) }), tone: "bad" });
        return false;
      }
      if (undo) showToast({ text: t("edit.saved"), action: { label: t("edit.undo"), run: () => void send(undo) } });
      return true;
    },
    [client],
  );
}
