//! Changes what a collection or gallery is called and what it is about.

import { type FormEvent, useState } from "react";
import { type CombinedError, useClient } from "urql";
import { problemText } from "@/components/states";
import { offerUndo } from "@/components/undo";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field } from "@/ui/field";
import { Notice } from "@/ui/notice";
import { TextArea } from "@/ui/text-area";
import styles from "./collections-page.module.css";

const UpdateCollection = graphql(`
  mutation UpdateCollection($input: UpdateCollectionInput!) {
    updateCollection(input: $input) { collection { id name description } gallery { id name description } undoToken }
  }
`);

interface CollectionDialogProps {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly onClose: () => void;
}

export function CollectionDialog({ id, name, description, onClose }: CollectionDialogProps) {
  const client = useClient();
  const [draft, setDraft] = useState({ name, description: description ?? "" });
  const [error, setError] = useState<CombinedError | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isBusy) return;
    setIsBusy(true);
    const input = { id, name: draft.name.trim(), description: draft.description.trim() || null };
    const result = await client.mutation(UpdateCollection, { input }).toPromise();
    setIsBusy(false);
    setError(result.error ?? null);
    if (result.error) return;
    onClose();
    offerUndo(client, t("edit.saved"), [result.data?.updateCollection.undoToken]);
  };
  return (
    <Dialog title={t("organize.edit", { name })} closeLabel={t("dialog.close")} onClose={onClose}>
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        <Field label={t("organize.name")} name="name" required maxLength={200} value={draft.name} onChange={(event) => setDraft({ ...draft, name: event.target.value })} />
        <TextArea label={t("media.description")} name="description" rows={3} value={draft.description} onChange={(event) => setDraft({ ...draft, description: event.target.value })} />
        {error !== null && <Notice tone="bad">{problemText(error)}</Notice>}
        <Button type="submit" look="primary" isBusy={isBusy}>
          {t("edit.save")}
        </Button>
      </form>
    </Dialog>
  );
}
