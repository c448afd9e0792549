//! Adds a library and starts its first scan; used by the first run and by the library page.

import { useState, type FormEvent } from "react";
import { useMutation } from "urql";
import { problemOf } from "@/data/errors";
import { graphql, readFragment } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Field } from "@/ui/field";
import { Notice } from "@/ui/notice";
import { JobRowFragment } from "./job-fragment";
import styles from "./library-form.module.css";
import { problemText } from "./states";

const CreateLibrary = graphql(`
  mutation CreateLibrary($input: CreateLibraryInput!) {
    createLibrary(input: $input) { library { id name paths kind } }
  }
`);

export const StartScan = graphql(
  `mutation StartScan($input: StartScanInput!) { startScan(input: $input) { job { ...JobRow } } }`,
  [JobRowFragment],
);

interface LibraryFormProps {
  /** Called once the library exists and its scan has been asked for, with the scan's job. */
  readonly onDone: (jobId: string) => void;
}

export function LibraryForm({ onDone }: LibraryFormProps) {
  const [creation, createLibrary] = useMutation(CreateLibrary);
  const [scan, startScan] = useMutation(StartScan);
  const [name, setName] = useState("");
  const [path, setPath] = useState("");
  const isBusy = creation.fetching || scan.fetching;
  const fields = creation.error ? problemOf(creation.error).fields : [];
  const errorOf = (field: string) => fields.find((entry) => entry.path.includes(field))?.message;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isBusy) return;
    const created = await createLibrary({ input: { name: name.trim(), paths: [path.trim()] } });
    const library = created.data?.createLibrary.library;
    if (!library) return;
    const started = await startScan({ input: { libraryId: library.id } });
    if (started.data) onDone(readFragment(JobRowFragment, started.data.startScan.job).id);
  };

  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)}>
      <Field
        label={t("library.name")}
        name="library"
        data-autofocus=""
        required
        maxLength={200}
        value={name}
        error={errorOf("name")}
        onChange={(event) => setName(event.target.value)}
      />
      <Field
        label={t("library.path")}
        name="path"
        required
        spellCheck={false}
        autoCapitalize="none"
        value={path}
        hint={t("library.pathHint")}
        error={errorOf("path")}
        onChange={(event) => setPath(event.target.value)}
      />
      {creation.error && fields.length === 0 && <Notice tone="bad">{problemText(creation.error)}</Notice>}
      {scan.error && <Notice tone="warn">{t("library.scanNotStarted", { reason: problemText(scan.error) })}</Notice>}
      <Button type="submit" look="primary" isBusy={isBusy}>
        {isBusy ? t("library.busy") : t("library.submit")}
      </Button>
    </form>
  );
}
