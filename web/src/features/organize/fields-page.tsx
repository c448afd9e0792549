//! The fields that people define for their media: what each holds, making, changing and deleting them.

import "@/lib/page-messages";
import { type FormEvent, useState } from "react";
import { useClient, useQuery } from "urql";
import type { CustomField } from "@/components/custom-fields";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { Failed, Loading, problemText } from "@/components/states";
import { offerUndo } from "@/components/undo";
import { graphql } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Empty } from "@/ui/empty";
import { Field } from "@/ui/field";
import { PlusIcon, TableIcon, TrashIcon } from "@/ui/icons";
import { EditIcon } from "@/ui/more-icons";
import { Notice } from "@/ui/notice";
import { SelectField } from "@/ui/select-field";
import { TextArea } from "@/ui/text-area";
import { showToast } from "@/ui/toast";
import styles from "./named-list.module.css";

const FieldList = graphql(`query FieldList { customFields { id name description kind choices createdAt } }`);
const CreateField = graphql(`
  mutation CreateField($input: CreateCustomFieldInput!) { createCustomField(input: $input) { customField { id name description kind choices createdAt } undoToken } }
`);
const UpdateField = graphql(`
  mutation UpdateField($input: UpdateCustomFieldInput!) { updateCustomField(input: $input) { customField { id name description kind choices } undoToken } }
`);
const DeleteField = graphql(`mutation DeleteField($input: DeleteCustomFieldInput!) { deleteCustomField(input: $input) { deletedId undoToken } }`);

const kinds = ["TEXT", "NUMBER", "DATE", "BOOLEAN", "CHOICE"] as const;

export function Page() {
  usePageTitle(t("nav.fields"));
  const client = useClient();
  const canEdit = useCanEdit();
  // An empty string stands for one that is being made.
  const [open, setOpen] = useState<string | null>(null);
  const [{ data, error }, refetch] = useQuery({ query: FieldList, requestPolicy: "cache-and-network" });
  const again = () => refetch({ requestPolicy: "network-only" });
  if (error && !data) return <Failed error={error} onRetry={again} />;
  if (!data) return <Loading />;
  const remove = async (field: CustomField) => {
    const { data: done, error: problem } = await client.mutation(DeleteField, { input: { id: field.id } }).toPromise();
    if (problem) return showToast({ text: problemText(problem), tone: "bad" });
    again();
    offerUndo(client, t("organize.deleted", { name: field.name }), [done?.deleteCustomField.undoToken], again);
  };
  return (
    <>
      <PageHead title={t("nav.fields")}>
        {canEdit && (
          <Button icon={<PlusIcon />} onClick={() => setOpen("")}>
            {t("fields.new")}
          </Button>
        )}
      </PageHead>
      {data.customFields.length === 0 && (
        <Empty title={t("fields.none.title")} icon={<TableIcon />}>
          <p>{t("fields.none.text")}</p>
        </Empty>
      )}
      <ul className={styles.rows}>
        {data.customFields.map((field) => (
          <li key={field.id} className={styles.row}>
            <strong>{field.name}</strong>
            <span className={styles.count}>{[t(`fields.kind.${field.kind}`), field.choices.join(", ")].filter(Boolean).join(": ")}</span>
            {field.description && <span className={styles.wide}>{field.description}</span>}
            {canEdit && (
              <span className={styles.rowActions}>
                <Button look="quiet" icon={<EditIcon />} aria-label={t("organize.edit", { name: field.name })} onClick={() => setOpen(field.id)} />
                <Button look="quiet" icon={<TrashIcon />} aria-label={t("fields.delete", { name: field.name })} onClick={() => void remove(field)} />
              </span>
            )}
          </li>
        ))}
      </ul>
      {open !== null && <FieldDialog key={open} field={data.customFields.find((field) => field.id === open) ?? null} onChanged={again} onClose={() => setOpen(null)} />}
    </>
  );
}

interface FieldDialogProps {
  /** Null for a new one. */
  readonly field: CustomField | null;
  readonly onChanged: () => void;
  readonly onClose: () => void;
}

function FieldDialog({ field, onChanged, onClose }: FieldDialogProps) {
  const client = useClient();
  const [name, setName] = useState(field?.name ?? "");
  const [description, setDescription] = useState(field?.description ?? "");
  const [kind, setKind] = useState<CustomField["kind"]>(field?.kind ?? "TEXT");
  const [choices, setChoices] = useState(field?.choices.join("\n") ?? "");
  const [problem, setProblem] = useState<string | null>(null);
  const save = async () => {
    const facts = { name: name.trim(), description: description.trim() || null };
    const lines = choices.split("\n").map((line) => line.trim()).filter((line) => line !== "");
    const chosen = kind === "CHOICE" ? { choices: lines } : {};
    if (field === null) {
      const { data, error } = await client.mutation(CreateField, { input: { ...facts, ...chosen, kind } }).toPromise();
      return { error, undoToken: data?.createCustomField.undoToken };
    }
    const { data, error } = await client.mutation(UpdateField, { input: { id: field.id, ...facts, ...chosen } }).toPromise();
    return { error, undoToken: data?.updateCustomField.undoToken };
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const { error, undoToken } = await save();
    if (error) return setProblem(problemText(error));
    onClose();
    onChanged();
    offerUndo(client, t("edit.saved"), [undoToken], onChanged);
  };
  return (
    <Dialog title={field?.name ?? t("fields.new")} closeLabel={t("dialog.close")} onClose={onClose}>
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        <Field label={t("organize.name")} name="name" required maxLength={200} data-autofocus={field === null ? "" : undefined} value={name} onChange={(event) => setName(event.target.value)} />
        <Field label={t("media.description")} name="description" maxLength={1000} value={description} onChange={(event) => setDescription(event.target.value)} />
        {/* What a field holds cannot change once items have values of it. */}
        <SelectField label={t("fields.kind")} name="kind" value={kind} disabled={field !== null} onChange={(event) => setKind(kinds.find((known) => known === event.target.value) ?? kind)}>
          {kinds.map((known) => (
            <option key={known} value={known}>
              {t(`fields.kind.${known}`)}
            </option>
          ))}
        </SelectField>
        {kind === "CHOICE" && (
          <TextArea label={t("fields.choices")} name="choices" rows={5} required value={choices} onChange={(event) => setChoices(event.target.value)} />
        )}
        {problem !== null && <Notice tone="bad">{problem}</Notice>}
        <Button type="submit" look="primary">
          {t("edit.save")}
        </Button>
      </form>
    </Dialog>
  );
}
