//! Changes title, date, description, tags, people, studio and custom fields of one item.

import { type FormEvent, useEffect, useRef, useState } from "react";
import { useClient } from "urql";
import { type CustomField, useCustomFields } from "@/components/custom-fields";
import { customChange, type CustomDraft, customDraft, CustomInputs } from "@/components/custom-values";
import { EntityPicker } from "@/components/entity-picker";
import { type MediaChange, useEditMedia } from "@/components/media-edit";
import { problemText } from "@/components/states";
import { type FragmentOf, graphql, readFragment } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Field, NamedField } from "@/ui/field";
import { TextArea } from "@/ui/text-area";
import { showToast } from "@/ui/toast";
import styles from "./edit-form.module.css";
import { MediaInfoFragment } from "./media-info";

const CreateTag = graphql(`mutation CreateTag($input: CreateTagInput!) { createTag(input: $input) { tag { id name } } }`);
const CreatePerson = graphql(`mutation CreatePerson($input: CreatePersonInput!) { createPerson(input: $input) { person { id name } } }`);
const CreateStudio = graphql(`mutation CreateStudio($input: CreateStudioInput!) { createStudio(input: $input) { studio { id name } } }`);

interface EditFormProps {
  readonly media: FragmentOf<typeof MediaInfoFragment>;
  readonly onDone: () => void;
}

export function EditForm({ onDone, ...props }: EditFormProps) {
  const media = readFragment(MediaInfoFragment, props.media);
  const client = useClient();
  const edit = useEditMedia();
  const [isBusy, setIsBusy] = useState(false);
  const [draft, setDraft] = useState(() => ({
    title: media.title,
    date: media.date ?? "",
    description: media.description ?? "",
    tagIds: media.tags.nodes.map((tag) => tag.id),
    personIds: media.people.nodes.map((person) => person.id),
    studioId: media.studio?.id ?? null,
    custom: customDraft(media.customFields),
  }));
  const form = useRef<HTMLFormElement>(null);
  // Below a large picture it would open out of sight.
  useEffect(() => form.current?.scrollIntoView({ block: "nearest" }), []);
  const fields = useCustomFields();
  const [before] = useState(draft);
  const set = (change: Partial<typeof draft>) => setDraft((known) => ({ ...known, ...change }));

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const change = changeBetween(fields, before, draft);
    if (Object.keys(change).length === 0) return onDone();
    setIsBusy(true);
    const isSaved = await edit(media.id, change, changeBetween(fields, draft, before));
    setIsBusy(false);
    if (isSaved) onDone();
  };
  const made = (id: string | undefined, error: Parameters<typeof problemText>[0] | undefined) => {
    if (error) showToast({ text: t("edit.failed", { reason: problemText(error) }), tone: "bad" });
    return id ?? null;
  };
  const createTag = async (name: string) => {
    const { data, error } = await client.mutation(CreateTag, { input: { name } }).toPromise();
    return made(data?.createTag.tag?.id, error);
  };
  const createPerson = async (name: string) => {
    const { data, error } = await client.mutation(CreatePerson, { input: { name } }).toPromise();
    return made(data?.createPerson.person?.id, error);
  };
  const createStudio = async (name: string) => {
    const { data, error } = await client.mutation(CreateStudio, { input: { name } }).toPromise();
    return made(data?.createStudio.studio?.id, error);
  };

  return (
    <form ref={form} className={styles.form} onSubmit={(event) => void submit(event)}>
      <Field label={t("field.title")} name="title" required maxLength={500} value={draft.title} onChange={(event) => set({ title: event.target.value })} />
      <Field label={t("media.date")} name="date" type="date" value={draft.date} onChange={(event) => set({ date: event.target.value })} />
      <TextArea label={t("media.description")} name="description" rows={3} value={draft.description} onChange={(event) => set({ description: event.target.value })} />
      <NamedField name={t("media.tags")}>
        <EntityPicker kind="tags" label={t("media.tags")} ids={draft.tagIds} onChange={(ids) => set({ tagIds: [...ids] })} onCreate={createTag} />
      </NamedField>
      <NamedField name={t("media.people")}>
        <EntityPicker kind="people" label={t("media.people")} ids={draft.personIds} onChange={(ids) => set({ personIds: [...ids] })} onCreate={createPerson} />
      </NamedField>
      <NamedField name={t("media.studio")}>
        <EntityPicker
          kind="studio"
          label={t("media.studio")}
          ids={draft.studioId === null ? [] : [draft.studioId]}
          onChange={(ids) => set({ studioId: ids[0] ?? null })}
          onCreate={createStudio}
          isSingle
        />
      </NamedField>
      <CustomInputs fields={fields} draft={draft.custom} onChange={(custom) => set({ custom })} />
      <div className={styles.foot}>
        <Button onClick={onDone}>{t("edit.cancel")}</Button>
        <Button type="submit" look="primary" isBusy={isBusy}>
          {t("edit.save")}
        </Button>
      </div>
    </form>
  );
}

interface Draft {
  readonly title: string;
  readonly date: string;
  readonly description: string;
  readonly tagIds: string[];
  readonly personIds: string[];
  readonly studioId: string | null;
  readonly custom: CustomDraft;
}

/** Only what differs, since an omitted field stays; an emptied one is cleared by null. */
function changeBetween(fields: readonly CustomField[], from: Draft, to: Draft): MediaChange {
  return {
    ...(from.title === to.title ? {} : { title: to.title.trim() }),
    ...(from.date === to.date ? {} : { date: to.date || null }),
    ...(from.description === to.description ? {} : { description: to.description.trim() || null }),
    ...(from.tagIds.join() === to.tagIds.join() ? {} : { tagIds: to.tagIds }),
    ...(from.personIds.join() === to.personIds.join() ? {} : { personIds: to.personIds }),
    ...(from.studioId === to.studioId ? {} : { studioId: to.studioId }),
    ...customChange(fields, from.custom, to.custom),
  };
}
