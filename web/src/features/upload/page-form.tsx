//! A web page whose media the server fetches by itself, where its administrator has allowed that.

import { type FormEvent, useState } from "react";
import { useClient } from "urql";
import { JobProgress } from "@/components/job-progress";
import { problemText } from "@/components/states";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Field } from "@/ui/field";
import { Notice } from "@/ui/notice";
import { showToast } from "@/ui/toast";
import styles from "./upload-page.module.css";

const DownloadPage = graphql(`mutation DownloadPage($input: DownloadPageInput!) { downloadPage(input: $input) { job { id title } upload { id } } }`);

export function PageForm({ libraryId }: { readonly libraryId: string | null }) {
  const client = useClient();
  const [url, setUrl] = useState("");
  const [jobs, setJobs] = useState<readonly string[]>([]);
  const [isBusy, setIsBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (libraryId === null) return setProblem(t("upload.noLibrary"));
    if (isBusy) return;
    setIsBusy(true);
    const { data, error } = await client.mutation(DownloadPage, { input: { url: url.trim(), libraryId } }).toPromise();
    setIsBusy(false);
    setProblem(error ? problemText(error) : null);
    if (!data) return;
    setUrl("");
    setJobs((known) => [...known, data.downloadPage.job.id]);
  };
  return (
    <details className={styles.fetch}>
      <summary>{t("upload.page")}</summary>
      <form className={styles.fetching} onSubmit={(event) => void submit(event)}>
        <Field
          label={t("upload.pageUrl")}
          hint={t("upload.pageHint")}
          name="url"
          type="url"
          required
          autoComplete="off"
          spellCheck={false}
          value={url}
          onChange={(event) => setUrl(event.target.value)}
        />
        {problem !== null && <Notice tone="bad">{problem}</Notice>}
        <Button type="submit" isBusy={isBusy}>
          {t("upload.pageFetch")}
        </Button>
      </form>
      {jobs.map((id) => (
        <JobProgress
          key={id}
          id={id}
          onOver={(status) => {
            setJobs((known) => known.filter((other) => other !== id));
            if (status === "SUCCEEDED") showToast({ text: t("upload.pageFetched") });
          }}
        />
      ))}
    </details>
  );
}
