//! What administrators change of a library: name, folders, what it holds, when it is scanned by itself; and removing it.

import { type FormEvent, useState } from "react";
import { type CombinedError, useClient, useQuery } from "urql";
import { StartScan } from "@/components/library-form";
import { Failed, Loading, Missing, problemText } from "@/components/states";
import { problemOf } from "@/data/errors";
import { graphql, type ResultOf } from "@/data/graphql";
import { formatDateTime } from "@/lib/format";
import { currentLocale, quoted, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field } from "@/ui/field";
import { TrashIcon } from "@/ui/icons";
import { Notice } from "@/ui/notice";
import { SelectField } from "@/ui/select-field";
import { TextArea } from "@/ui/text-area";
import { showToast } from "@/ui/toast";
import styles from "./library-dialog.module.css";

const LibrarySettings = graphql(`
  query LibrarySettings($id: ID!) {
    library(id: $id) { id name paths kind includeHidden offlineReason }
    scanSchedules { libraryId schedule nextAt }
    libraryWatchers { libraryId pathId mode nFolders reason }
  }
`);
const UpdateLibrary = graphql(`
  mutation UpdateLibrary($input: UpdateLibraryInput!) { updateLibrary(input: $input) { library { id name paths kind includeHidden isOnline offlineReason } } }
`);
const SetScanSchedule = graphql(`mutation SetScanSchedule($input: SetScanScheduleInput!) { setScanSchedule(input: $input) { scanSchedule { libraryId schedule nextAt } } }`);
const DeleteLibrary = graphql(`mutation DeleteLibrary($input: DeleteLibraryInput!) { deleteLibrary(input: $input) { libraryId removedMediaCount } }`);

const kinds = ["MIXED", "VIDEO", "AUDIO", "IMAGE"] as const;

type Settings = ResultOf<typeof LibrarySettings>;

interface LibraryDialogProps {
  readonly id: string;
  readonly name: string;
  /** Called when counts or the list of libraries are others than before. */
  readonly onChanged: () => void;
  readonly onClose: () => void;
}

export function LibraryDialog({ id, name, onChanged, onClose }: LibraryDialogProps) {
  const [{ data, error }, refetch] = useQuery({ query: LibrarySettings, variables: { id }, requestPolicy: "network-only" });
  const form = (settings: Settings) => {
    const { library } = settings;
    if (library === null) return <Missing />;
    return (
      <>
        <LibrarySettingsForm library={library} settings={settings} onChanged={onChanged} onClose={onClose} />
        <DeleteForm id={id} name={library.name} onChanged={onChanged} onClose={onClose} />
      </>
    );
  };
  return (
    <Dialog title={t("organize.edit", { name })} closeLabel={t("dialog.close")} onClose={onClose}>
      {error && !data ? <Failed error={error} onRetry={() => refetch({ requestPolicy: "network-only" })} /> : data ? form(data) : <Loading />}
    </Dialog>
  );
}

interface FormProps {
  readonly onChanged: () => void;
  readonly onClose: () => void;
}

interface SettingsFormProps extends FormProps {
  readonly library: NonNullable<Settings["library"]>;
  readonly settings: Settings;
}

function LibrarySettingsForm({ library, settings, onChanged, onClose }: SettingsFormProps) {
  const client = useClient();
  const locale = currentLocale();
  const planned = settings.scanSchedules.find(({ libraryId }) => libraryId === library.id);
  const watched = watchedAlike(settings.libraryWatchers.filter(({ libraryId }) => libraryId === library.id));
  const [draft, setDraft] = useState(() => ({
    name: library.name,
    paths: library.paths.join("\n"),
    kind: library.kind,
    includeHidden: library.includeHidden,
    schedule: planned?.schedule ?? "",
  }));
  const set = (change: Partial<typeof draft>) => setDraft({ ...draft, ...change });
  const [error, setError] = useState<CombinedError | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const fields = error === null ? [] : problemOf(error).fields;
  const errorOf = (field: string) => fields.find(({ path }) => path.startsWith(`input.${field}`))?.message;
  const save = async (): Promise<CombinedError | undefined> => {
    const paths = draft.paths.split("\n").map((path) => path.trim()).filter(Boolean);
    const isMoved = paths.join("\n") !== library.paths.join("\n");
    const input = { id: library.id, name: draft.name.trim(), kind: draft.kind, includeHidden: draft.includeHidden, ...(isMoved ? { paths } : {}) };
    // The schedule goes first: sent again after a refusal, it says the same, while new folders are new, and scanned, only once.
    const schedule = draft.schedule.trim();
    if (schedule !== (planned?.schedule ?? "")) {
      const scheduled = await client.mutation(SetScanSchedule, { input: { libraryId: library.id, schedule: schedule === "" ? null : schedule } }).toPromise();
      if (scheduled.error) return scheduled.error;
    }
    const updated = await client.mutation(UpdateLibrary, { input }).toPromise();
    if (updated.error) return updated.error;
    // What belongs to it now is found by a scan.
    if (!isMoved && draft.includeHidden === library.includeHidden) return undefined;
    return (await client.mutation(StartScan, { input: { libraryId: library.id } }).toPromise()).error;
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isBusy) return;
    setIsBusy(true);
    const problem = await save();
    setIsBusy(false);
    setError(problem ?? null);
    if (problem) return;
    showToast({ text: t("edit.saved") });
    onChanged();
    onClose();
  };
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)}>
      {library.offlineReason !== null && <Notice tone="warn">{library.offlineReason}</Notice>}
      <Field label={t("library.name")} name="library" required maxLength={200} error={errorOf("name")} value={draft.name} onChange={(event) => set({ name: event.target.value })} />
      <TextArea
        label={t("libraries.paths")}
        name="paths"
        required
        rows={Math.max(2, draft.paths.split("\n").length)}
        spellCheck={false}
        autoCapitalize="none"
        hint={t("libraries.pathsHint")}
        error={errorOf("paths")}
        value={draft.paths}
        onChange={(event) => set({ paths: event.target.value })}
      />
      <SelectField label={t("libraries.kind")} name="kind" value={draft.kind} onChange={(event) => set({ kind: kinds.find((kind) => kind === event.target.value) ?? draft.kind })}>
        {kinds.map((kind) => (
          <option key={kind} value={kind}>
            {t(`libraries.kind.${kind}`)}
          </option>
        ))}
      </SelectField>
      <label className={styles.check}>
        <input type="checkbox" checked={draft.includeHidden} onChange={(event) => set({ includeHidden: event.target.checked })} />
        {t("libraries.includeHidden")}
      </label>
      <Field
        label={t("libraries.schedule")}
        name="schedule"
        spellCheck={false}
        autoComplete="off"
        hint={planned?.nextAt ? t("libraries.next", { when: formatDateTime(planned.nextAt, locale) }) : t("libraries.scheduleHint")}
        error={errorOf("schedule")}
        value={draft.schedule}
        onChange={(event) => set({ schedule: event.target.value })}
      />
      {watched.map(({ mode, reason, count }) => (
        <p key={`${mode} ${reason}`} className={styles.note}>
          {t(`libraries.watch.${mode}`, { count })}
          {reason !== null && ` (${quoted(reason)})`}
        </p>
      ))}
      {error !== null && fields.length === 0 && <Notice tone="bad">{problemText(error)}</Notice>}
      <Button type="submit" look="primary" isBusy={isBusy}>
        {t("edit.save")}
      </Button>
    </form>
  );
}

type Watcher = Settings["libraryWatchers"][number];

/** The watchers of all folders of a library, those with the same to say as one. */
function watchedAlike(watchers: readonly Watcher[]): readonly (Pick<Watcher, "mode" | "reason"> & { readonly count: number })[] {
  const alike = new Map<string, Pick<Watcher, "mode" | "reason"> & { readonly count: number }>();
  for (const { mode, reason, nFolders } of watchers) {
    const key = `${mode} ${reason}`;
    alike.set(key, { mode, reason, count: nFolders + (alike.get(key)?.count ?? 0) });
  }
  return [...alike.values()];
}

/** What is known of the items goes for good, so the name is typed to make sure. */
function DeleteForm({ id, name, onChanged, onClose }: FormProps & { readonly id: string; readonly name: string }) {
  const client = useClient();
  const [typed, setTyped] = useState("");
  const [error, setError] = useState<CombinedError | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const result = await client.mutation(DeleteLibrary, { input: { id, confirm: typed } }).toPromise();
    setError(result.error ?? null);
    if (!result.data) return;
    showToast({ text: t("libraries.deleted", { name, count: result.data.deleteLibrary.removedMediaCount }) });
    onChanged();
    onClose();
  };
  return (
    <details className={styles.further}>
      <summary>{t("libraries.delete")}</summary>
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        <p>{t("libraries.deleteText")}</p>
        <Field label={t("libraries.confirm", { name })} name="confirm" required autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />
        {error !== null && <Notice tone="bad">{problemText(error)}</Notice>}
        <Button type="submit" icon={<TrashIcon />}>
          {t("libraries.delete")}
        </Button>
      </form>
    </details>
  );
}
