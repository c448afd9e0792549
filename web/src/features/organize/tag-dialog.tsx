//! Changes one tag: name, color, other names, the tags above it; merges it into another one; deletes it. All of it can be undone.

import { type FormEvent, useState } from "react";
import { type CombinedError, useClient } from "urql";
import { EntityPicker } from "@/components/entity-picker";
import { problemText } from "@/components/states";
import { offerUndo } from "@/components/undo";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field } from "@/ui/field";
import { TrashIcon } from "@/ui/icons";
import { Notice } from "@/ui/notice";
import styles from "./named-list.module.css";

const UpdateTag = graphql(`
  mutation UpdateTag($input: UpdateTagInput!) { updateTag(input: $input) { tag { id name aliases color parents { id } } undoToken } }
`);
const MergeTags = graphql(`mutation MergeTags($input: MergeTagsInput!) { mergeTags(input: $input) { tag { id mediaCount } undoToken } }`);
const DeleteTag = graphql(`mutation DeleteTag($input: DeleteTagInput!) { deleteTag(input: $input) { deletedId undoToken } }`);

interface Draft {
  readonly name: string;
  readonly aliases: string;
  readonly color: string;
  readonly parentIds: readonly string[];
  readonly mergeInto: readonly string[];
}

interface TagDialogProps {
  readonly tag: {
    readonly id: string;
    readonly name: string;
    readonly aliases: readonly string[];
    readonly color: string | null;
    readonly parents: readonly { readonly id: string }[];
  };
  readonly onChanged: () => void;
  readonly onClose: () => void;
}

export function TagDialog({ tag, onChanged, onClose }: TagDialogProps) {
  const client = useClient();
  const [draft, setDraft] = useState<Draft>({
    name: tag.name,
    aliases: tag.aliases.join(", "),
    color: tag.color ?? "",
    parentIds: tag.parents.map((parent) => parent.id),
    mergeInto: [],
  });
  const [error, setError] = useState<CombinedError | null>(null);
  const done = (problem: CombinedError | undefined, text: string, token: string | null | undefined) => {
    setError(problem ?? null);
    if (problem) return;
    onClose();
    onChanged();
    offerUndo(client, text, [token], onChanged);
  };
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const aliases = draft.aliases.split(",").map((alias) => alias.trim()).filter((alias) => alias !== "");
    const input = { id: tag.id, name: draft.name.trim(), aliases, color: draft.color || null, parentIds: [...draft.parentIds] };
    const result = await client.mutation(UpdateTag, { input }).toPromise();
    done(result.error, t("edit.saved"), result.data?.updateTag.undoToken);
  };
  const merge = async () => {
    const [targetId] = draft.mergeInto;
    if (targetId === undefined) return;
    const result = await client.mutation(MergeTags, { input: { sourceIds: [tag.id], targetId } }).toPromise();
    done(result.error, t("tags.merged", { name: tag.name }), result.data?.mergeTags.undoToken);
  };
  const remove = async () => {
    const result = await client.mutation(DeleteTag, { input: { id: tag.id } }).toPromise();
    done(result.error, t("tags.deleted", { name: tag.name }), result.data?.deleteTag.undoToken);
  };
  return (
    <Dialog title={tag.name} closeLabel={t("dialog.close")} onClose={onClose}>
      <form className={styles.form} onSubmit={(event) => void save(event)}>
        <Field label={t("organize.name")} name="name" required maxLength={200} value={draft.name} onChange={(event) => setDraft({ ...draft, name: event.target.value })} />
        <Field
          label={t("tags.aliases")}
          name="aliases"
          hint={t("tags.aliasesHint")}
          value={draft.aliases}
          onChange={(event) => setDraft({ ...draft, aliases: event.target.value })}
        />
        <Field label={t("tags.color")} name="color" type="color" value={draft.color || "#888888"} onChange={(event) => setDraft({ ...draft, color: event.target.value })} />
        <span>{t("tags.parents")}</span>
        <EntityPicker kind="tags" label={t("tags.parents")} ids={draft.parentIds} onChange={(parentIds) => setDraft({ ...draft, parentIds })} />
        {error !== null && <Notice tone="bad">{problemText(error)}</Notice>}
        <Button type="submit" look="primary">
          {t("edit.save")}
        </Button>
        <span>{t("tags.mergeInto")}</span>
        <EntityPicker kind="tags" label={t("tags.mergeInto")} ids={draft.mergeInto} onChange={(mergeInto) => setDraft({ ...draft, mergeInto })} isSingle />
        <Button aria-disabled={draft.mergeInto.length === 0} onClick={() => void merge()}>
          {t("tags.merge")}
        </Button>
        <Button icon={<TrashIcon />} onClick={() => void remove()}>
          {t("tags.delete")}
        </Button>
      </form>
    </Dialog>
  );
}
