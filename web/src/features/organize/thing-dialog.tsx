//! Changes one tag, person or studio: name, other names, color, what stands above it; merges it into another one; deletes it. All of it can
//! be undone.

import { type FormEvent, useState } from "react";
import { type CombinedError, useClient } from "urql";
import { EntityPicker } from "@/components/entity-picker";
import { problemText } from "@/components/states";
import { offerUndo } from "@/components/undo";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, NamedField } from "@/ui/field";
import { TrashIcon } from "@/ui/icons";
import { Notice } from "@/ui/notice";
import styles from "./named-list.module.css";
import { type EditedThing, edits, type Outcome, type ThingKind } from "./thing-edits";

interface Draft {
  readonly name: string;
  readonly aliases: string;
  readonly color: string;
  readonly parentIds: readonly string[];
  readonly mergeInto: readonly string[];
}

interface ThingDialogProps {
  readonly kind: ThingKind;
  readonly thing: EditedThing;
  readonly onChanged: () => void;
  readonly onClose: () => void;
}

export function ThingDialog({ kind, thing, onChanged, onClose }: ThingDialogProps) {
  const client = useClient();
  const [draft, setDraft] = useState<Draft>({
    name: thing.name,
    aliases: thing.aliases.join(", "),
    color: thing.color ?? "",
    parentIds: thing.parents.map((parent) => parent.id),
    mergeInto: [],
  });
  const [error, setError] = useState<CombinedError | null>(null);
  const set = (change: Partial<Draft>) => setDraft((known) => ({ ...known, ...change }));
  const done = (outcome: Outcome, text: string) => {
    setError(outcome.error ?? null);
    if (outcome.error) return;
    onClose();
    onChanged();
    offerUndo(client, text, [outcome.undoToken], onChanged);
  };
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const aliases = draft.aliases.split(",").map((alias) => alias.trim()).filter((alias) => alias !== "");
    const changed = { id: thing.id, name: draft.name.trim(), aliases, color: draft.color || null, parents: draft.parentIds.map((id) => ({ id })) };
    done(await edits[kind].update(client, changed), t("edit.saved"));
  };
  const merge = async () => {
    const [targetId] = draft.mergeInto;
    if (targetId !== undefined) done(await edits[kind].merge(client, thing.id, targetId), t("organize.merged", { name: thing.name }));
  };
  const remove = async () => done(await edits[kind].remove(client, thing.id), t("organize.deleted", { name: thing.name }));
  const above = t(kind === "tags" ? "tags.parents" : "organize.parentStudio");
  return (
    <Dialog title={thing.name} closeLabel={t("dialog.close")} onClose={onClose}>
      <form className={styles.form} onSubmit={(event) => void save(event)}>
        <Field label={t("organize.name")} name="name" required maxLength={200} value={draft.name} onChange={(event) => set({ name: event.target.value })} />
        {kind !== "studio" && (
          <Field label={t("tags.aliases")} name="aliases" hint={t("tags.aliasesHint")} value={draft.aliases} onChange={(event) => set({ aliases: event.target.value })} />
        )}
        {kind === "tags" && (
          <Field label={t("tags.color")} name="color" type="color" value={draft.color || noColor} onChange={(event) => set({ color: event.target.value })} />
        )}
        {kind !== "people" && (
          <NamedField name={above}>
            <EntityPicker kind={kind} label={above} ids={draft.parentIds} onChange={(parentIds) => set({ parentIds })} isSingle={kind === "studio"} />
          </NamedField>
        )}
        {error !== null && <Notice tone="bad">{problemText(error)}</Notice>}
        <Button type="submit" look="primary">
          {t("edit.save")}
        </Button>
      </form>
      <div className={styles.further}>
        <NamedField name={t("organize.mergeInto")}>
          <EntityPicker kind={kind} label={t("organize.mergeInto")} ids={draft.mergeInto} onChange={(mergeInto) => set({ mergeInto })} isSingle />
        </NamedField>
        <Button aria-disabled={draft.mergeInto.length === 0} onClick={() => void merge()}>
          {t("organize.merge")}
        </Button>
        <Button icon={<TrashIcon />} onClick={() => void remove()}>
          {t("organize.delete")}
        </Button>
      </div>
    </Dialog>
  );
}

/** What the browser's field shows for a tag without a color. */
const noColor = "#888888";
