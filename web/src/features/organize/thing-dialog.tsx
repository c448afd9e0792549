//! Changes one person or studio: name, other names or the studio above it; merges it into another one; deletes it. All of it can be undone.

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

const UpdatePerson = graphql(`mutation UpdatePerson($input: UpdatePersonInput!) { updatePerson(input: $input) { person { id name aliases } undoToken } }`);
const UpdateStudio = graphql(`mutation UpdateStudio($input: UpdateStudioInput!) { updateStudio(input: $input) { studio { id name parent { id } } undoToken } }`);
const MergePeople = graphql(`mutation MergePeople($input: MergePeopleInput!) { mergePeople(input: $input) { person { id mediaCount } undoToken } }`);
const MergeStudios = graphql(`mutation MergeStudios($input: MergeStudiosInput!) { mergeStudios(input: $input) { studio { id mediaCount } undoToken } }`);
const DeletePerson = graphql(`mutation DeletePerson($input: DeletePersonInput!) { deletePerson(input: $input) { deletedId undoToken } }`);
const DeleteStudio = graphql(`mutation DeleteStudio($input: DeleteStudioInput!) { deleteStudio(input: $input) { deletedId undoToken } }`);

/** Which of the two, as pickers and filters call them. */
export type ThingKind = "people" | "studio";

export interface EditedThing {
  readonly id: string;
  readonly name: string;
  readonly aliases: readonly string[];
  readonly parent: { readonly id: string } | null;
}

interface ThingDialogProps {
  readonly kind: ThingKind;
  readonly thing: EditedThing;
  readonly onChanged: () => void;
  readonly onClose: () => void;
}

export function ThingDialog({ kind, thing, onChanged, onClose }: ThingDialogProps) {
  const client = useClient();
  const isPerson = kind === "people";
  const [name, setName] = useState(thing.name);
  const [aliases, setAliases] = useState(thing.aliases.join(", "));
  const [parent, setParent] = useState<readonly string[]>(thing.parent === null ? [] : [thing.parent.id]);
  const [mergeInto, setMergeInto] = useState<readonly string[]>([]);
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
    if (isPerson) {
      const others = aliases.split(",").map((alias) => alias.trim()).filter((alias) => alias !== "");
      const { data, error: problem } = await client.mutation(UpdatePerson, { input: { id: thing.id, name: name.trim(), aliases: others } }).toPromise();
      done(problem, t("edit.saved"), data?.updatePerson.undoToken);
    } else {
      const { data, error: problem } = await client.mutation(UpdateStudio, { input: { id: thing.id, name: name.trim(), parentId: parent[0] ?? null } }).toPromise();
      done(problem, t("edit.saved"), data?.updateStudio.undoToken);
    }
  };
  const merge = async () => {
    const [targetId] = mergeInto;
    if (targetId === undefined) return;
    const input = { sourceIds: [thing.id], targetId };
    const text = t("organize.merged", { name: thing.name });
    if (isPerson) {
      const { data, error: problem } = await client.mutation(MergePeople, { input }).toPromise();
      done(problem, text, data?.mergePeople.undoToken);
    } else {
      const { data, error: problem } = await client.mutation(MergeStudios, { input }).toPromise();
      done(problem, text, data?.mergeStudios.undoToken);
    }
  };
  const remove = async () => {
    const input = { id: thing.id };
    const text = t("organize.deleted", { name: thing.name });
    if (isPerson) {
      const { data, error: problem } = await client.mutation(DeletePerson, { input }).toPromise();
      done(problem, text, data?.deletePerson.undoToken);
    } else {
      const { data, error: problem } = await client.mutation(DeleteStudio, { input }).toPromise();
      done(problem, text, data?.deleteStudio.undoToken);
    }
  };
  return (
    <Dialog title={thing.name} closeLabel={t("dialog.close")} onClose={onClose}>
      <form className={styles.form} onSubmit={(event) => void save(event)}>
        <Field label={t("organize.name")} name="name" required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
        {isPerson ? (
          <Field label={t("tags.aliases")} name="aliases" hint={t("tags.aliasesHint")} value={aliases} onChange={(event) => setAliases(event.target.value)} />
        ) : (
          <>
            <span>{t("organize.parentStudio")}</span>
            <EntityPicker kind="studio" label={t("organize.parentStudio")} ids={parent} onChange={setParent} isSingle />
          </>
        )}
        {error !== null && <Notice tone="bad">{problemText(error)}</Notice>}
        <Button type="submit" look="primary">
          {t("edit.save")}
        </Button>
        <span>{t("organize.mergeInto")}</span>
        <EntityPicker kind={kind} label={t("organize.mergeInto")} ids={mergeInto} onChange={setMergeInto} isSingle />
        <Button aria-disabled={mergeInto.length === 0} onClick={() => void merge()}>
          {t("organize.merge")}
        </Button>
        <Button icon={<TrashIcon />} onClick={() => void remove()}>
          {t("organize.delete")}
        </Button>
      </form>
    </Dialog>
  );
}
