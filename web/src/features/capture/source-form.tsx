//! A live source in a dialog: its address, where recordings go, when it records and how long they are kept.

import { type FormEvent, useState } from "react";
import { useClient, useQuery } from "urql";
import { EntityPicker } from "@/components/entity-picker";
import { problemText } from "@/components/states";
import { problemOf } from "@/data/errors";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, NamedField } from "@/ui/field";
import { Notice } from "@/ui/notice";
import styles from "./capture-page.module.css";
import { CreateSource, FewLibraries, type Source, UpdateSource } from "./documents";

/** What keeps take in the form. */
const gigabyte = 1_000_000_000;

interface SourceFormProps {
  /** Null for a new one. */
  readonly source: Source | null;
  readonly onChanged: () => void;
  readonly onClose: () => void;
}

export function SourceForm({ source, onChanged, onClose }: SourceFormProps) {
  const client = useClient();
  const [draft, setDraft] = useState({
    name: source?.name ?? "",
    url: "",
    libraryIds: source?.library ? [source.library.id] : [],
    schedule: source?.schedule ?? "",
    minutes: source?.duration == null ? "" : String(source.duration / 60),
    keepDays: source?.keepDays == null ? "" : String(source.keepDays),
    keepGigabytes: source?.keepBytes == null ? "" : String(source.keepBytes / gigabyte),
    motion: source?.motionThreshold == null ? "" : String(source.motionThreshold),
    isContinuous: source?.isContinuous ?? false,
    isEnabled: source?.isEnabled ?? true,
  });
  const [error, setError] = useState<Parameters<typeof problemText>[0] | null>(null);
  const set = (change: Partial<typeof draft>) => setDraft((known) => ({ ...known, ...change }));
  const fields = error ? problemOf(error).fields : [];
  const errorOf = (field: string) => fields.find((entry) => entry.path.includes(field))?.message;
  // Where there is one library only, it is the one.
  const [{ data }] = useQuery({ query: FewLibraries });
  const only = data?.libraries.nodes.length === 1 ? data.libraries.nodes[0]?.id : undefined;
  const libraryIds = draft.libraryIds.length === 0 && only !== undefined ? [only] : draft.libraryIds;
  const [libraryId] = libraryIds;
  const [isWithout, setIsWithout] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setIsWithout(libraryId === undefined);
    if (libraryId === undefined) return;
    const input = {
      name: draft.name.trim(),
      libraryId,
      schedule: draft.schedule.trim() || null,
      duration: number(draft.minutes, 60),
      keepDays: number(draft.keepDays, 1),
      keepBytes: number(draft.keepGigabytes, gigabyte),
      motionThreshold: number(draft.motion, 1),
      isContinuous: draft.isContinuous,
      isEnabled: draft.isEnabled,
    };
    const url = draft.url.trim();
    const sent =
      source === null
        ? client.mutation(CreateSource, { input: { ...input, url } })
        : client.mutation(UpdateSource, { input: { ...input, id: source.id, ...(url === "" ? {} : { url }) } });
    const { error: problem } = await sent.toPromise();
    setError(problem ?? null);
    if (problem) return;
    onClose();
    onChanged();
  };
  return (
    <Dialog title={source?.name ?? t("capture.new")} closeLabel={t("dialog.close")} onClose={onClose}>
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        <Field label={t("organize.name")} name="name" required maxLength={200} data-autofocus={source === null ? "" : undefined} value={draft.name} error={errorOf("name")} onChange={(event) => set({ name: event.target.value })} />
        <Field
          label={t("capture.url")}
          hint={t(source === null ? "capture.urlHint" : "capture.urlKept")}
          error={errorOf("url")}
          name="url"
          required={source === null}
          autoComplete="off"
          spellCheck={false}
          value={draft.url}
          onChange={(event) => set({ url: event.target.value })}
        />
        <NamedField name={t("field.library")}>
          <EntityPicker kind="library" label={t("field.library")} ids={libraryIds} onChange={(ids) => set({ libraryIds: [...ids] })} isSingle />
        </NamedField>
        {isWithout && libraryId === undefined && <Notice tone="bad">{t("capture.noLibrary")}</Notice>}
        <Field label={t("capture.schedule")} hint={t("capture.scheduleHint")} error={errorOf("schedule")} name="schedule" value={draft.schedule} onChange={(event) => set({ schedule: event.target.value })} />
        <div className={styles.pair}>
          <Field label={t("capture.minutes")} name="minutes" type="number" min={1} step="any" value={draft.minutes} onChange={(event) => set({ minutes: event.target.value })} />
          <Field label={t("capture.keepDays")} name="days" type="number" min={1} value={draft.keepDays} onChange={(event) => set({ keepDays: event.target.value })} />
          <Field label={t("capture.keepGigabytes")} name="gigabytes" type="number" min={0.001} step="any" value={draft.keepGigabytes} onChange={(event) => set({ keepGigabytes: event.target.value })} />
        </div>
        <Field
          label={t("capture.motion")}
          hint={t("capture.motionHint")}
          error={errorOf("motionThreshold")}
          name="motion"
          type="number"
          min={1}
          max={100}
          value={draft.motion}
          onChange={(event) => set({ motion: event.target.value })}
        />
        <label className={styles.check}>
          <input type="checkbox" checked={draft.isContinuous} onChange={(event) => set({ isContinuous: event.target.checked })} />
          {t("capture.isContinuous")}
        </label>
        <label className={styles.check}>
          <input type="checkbox" checked={draft.isEnabled} onChange={(event) => set({ isEnabled: event.target.checked })} />
          {t("capture.isEnabled")}
        </label>
        {error !== null && fields.length === 0 && <Notice tone="bad">{problemText(error)}</Notice>}
        <Button type="submit" look="primary">
          {t("edit.save")}
        </Button>
      </form>
    </Dialog>
  );
}

/** A whole number in the server's unit, or null for an empty field. */
function number(written: string, factor: number): number | null {
  return written.trim() === "" ? null : Math.round(Number(written) * factor);
}
