//! The uploads of this browser: choose files or folders and where they go, see how far each is, steer them.

import "@/lib/page-messages";
import { useRef, useState } from "react";
import { useQuery } from "urql";
import card from "@/components/card-row.module.css";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { Failed } from "@/components/states";
import { formatBytes, formatDuration } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { FolderIcon, UploadIcon } from "@/ui/icons";
import { ProgressBar } from "@/ui/progress-bar";
import { PageForm } from "./page-form";
import { addFiles, goOnWithUpload, pauseUpload, removeUploadRow, useUploads } from "./queue";
import { isOver, totalsOf, type UploadRow, type UploadState } from "./rows";
import styles from "./upload-page.module.css";
import { keepTarget, targetsOf, UploadTargets } from "./targets";
import { UploadRowView } from "./upload-row";

/** An attribute that every browser has and React's types do not. */
const folders = { webkitdirectory: "" };

/** More rows than this nobody reads one by one; what needs attention stands first. */
const shownAtMost = 200;

const urgency: Record<UploadState, number> = { failed: 0, missing: 1, sending: 2, checking: 3, queued: 4, paused: 5, duplicate: 6, done: 7 };

export function Page() {
  usePageTitle(t("upload.title"));
  const rows = useUploads();
  const [{ data, error }, refetch] = useQuery({ query: UploadTargets, requestPolicy: "cache-and-network" });
  const [chosen, setChosen] = useState<string | null>(null);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  if (error && !data) return <Failed error={error} onRetry={() => refetch({ requestPolicy: "network-only" })} />;

  const libraries = targetsOf(data?.libraries.nodes ?? []);
  const target = libraries.find((library) => library.id === chosen)?.id ?? libraries[0]?.id ?? null;
  const take = (input: HTMLInputElement) => {
    void addFiles([...(input.files ?? [])], target);
    // The same file may be chosen again.
    input.value = "";
  };
  const shown = rows.toSorted((left, right) => urgency[left.state] - urgency[right.state]).slice(0, shownAtMost);
  return (
    <div className={styles.page}>
      <PageHead title={t("upload.title")} note={t("upload.note")} />
      <div className={styles.choose}>
        <label className={styles.target}>
          <span>{t("upload.library")}</span>
          <select
            value={target ?? ""}
            onChange={(event) => {
              setChosen(event.target.value);
              keepTarget(event.target.value);
            }}
          >
            {libraries.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <Button look="primary" icon={<UploadIcon />} onClick={() => files.current?.click()}>
          {t("upload.files")}
        </Button>
        <Button icon={<FolderIcon />} onClick={() => folder.current?.click()}>
          {t("upload.folder")}
        </Button>
        <input ref={files} type="file" multiple hidden data-upload="files" onChange={(event) => take(event.target)} />
        <input ref={folder} {...folders} type="file" multiple hidden onChange={(event) => take(event.target)} />
      </div>
      <PageForm libraryId={target} />
      {rows.length === 0 ? (
        <Empty title={t("upload.none.title")} icon={<UploadIcon />}>
          <p>{t("upload.none.text")}</p>
        </Empty>
      ) : (
        <section className={styles.uploads} aria-label={t("upload.list")}>
          <Summary rows={rows} />
          <ul className={styles.list}>
            {shown.map((row) => (
              <UploadRowView key={row.key} row={row} />
            ))}
          </ul>
          {rows.length > shown.length && <p className={styles.rest}>{t("upload.rest", { count: rows.length - shown.length })}</p>}
        </section>
      )}
    </div>
  );
}

/** All together, and what can be done with all at once. */
function Summary({ rows }: { readonly rows: readonly UploadRow[] }) {
  const locale = currentLocale();
  const { count, bytes, sent, bytesPerSecond, secondsLeft } = totalsOf(rows);
  const inState = (...states: readonly UploadState[]) => rows.filter((row) => states.includes(row.state));
  const running = inState("queued", "sending");
  const paused = inState("paused");
  const failed = inState("failed");
  const over = rows.filter((row) => isOver(row) && row.state !== "failed");
  const figures = [
    t("upload.open", { count }),
    count === 0 ? "" : `${formatBytes(sent, locale)} / ${formatBytes(bytes, locale)}`,
    bytesPerSecond > 0 ? `${formatBytes(bytesPerSecond, locale)}/s` : "",
    secondsLeft === null ? "" : t("jobs.left", { time: formatDuration(secondsLeft) }),
  ];
  return (
    <div className={styles.summary}>
      <p className={card.figures}>
        {figures.filter(Boolean).map((figure) => (
          <span key={figure}>{figure}</span>
        ))}
      </p>
      {count > 0 && <ProgressBar label={t("upload.all")} fraction={bytes === 0 ? 1 : sent / bytes} />}
      <div className={styles.actions}>
        {running.length > 0 && <Button onClick={() => running.forEach((row) => pauseUpload(row.key))}>{t("upload.pauseAll")}</Button>}
        {paused.length > 0 && <Button onClick={() => paused.forEach((row) => goOnWithUpload(row.key))}>{t("upload.goOnAll")}</Button>}
        {failed.length > 0 && <Button onClick={() => failed.forEach((row) => goOnWithUpload(row.key))}>{t("upload.retryAll")}</Button>}
        {over.length > 0 && (
          <Button look="quiet" onClick={() => over.forEach((row) => removeUploadRow(row.key))}>
            {t("upload.clear")}
          </Button>
        )}
      </div>
    </div>
  );
}
