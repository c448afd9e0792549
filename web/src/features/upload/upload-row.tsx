//! One upload: how far it is, why it is not further, and what can be done about it.

import { memo } from "react";
import { Link } from "wouter";
import styles from "@/components/card-row.module.css";
import { formatBytes } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { Notice } from "@/ui/notice";
import { ProgressBar } from "@/ui/progress-bar";
import { goOnWithUpload, pauseUpload, removeUploadRow } from "./queue";
import { isOver, type UploadRow } from "./rows";

export const UploadRowView = memo(function UploadRowView({ row }: { readonly row: UploadRow }) {
  const { key, name, state, size, sent } = row;
  const locale = currentLocale();
  const figures = [
    isOver(row) || state === "checking" ? formatBytes(size, locale) : `${formatBytes(sent, locale)} / ${formatBytes(size, locale)}`,
    state === "sending" && row.bytesPerSecond !== null ? `${formatBytes(row.bytesPerSecond, locale)}/s` : "",
  ];
  return (
    <li className={styles.row} data-upload-state={state}>
      <div className={styles.head}>
        <h2 className={styles.title}>{row.mediaId === null ? name : <Link href={paths.media(row.mediaId)}>{name}</Link>}</h2>
        <span className={styles.state}>{t(`upload.state.${state}`)}</span>
        {(state === "queued" || state === "sending") && (
          <Button look="quiet" aria-label={t("upload.pauseOf", { name })} onClick={() => pauseUpload(key)}>
            {t("upload.pause")}
          </Button>
        )}
        {(state === "paused" || state === "failed") && (
          <Button look="quiet" aria-label={`${t(state === "failed" ? "error.retry" : "upload.goOn")}: ${name}`} onClick={() => goOnWithUpload(key)}>
            {t(state === "failed" ? "error.retry" : "upload.goOn")}
          </Button>
        )}
        {state !== "checking" && (
          <Button look="quiet" aria-label={`${t(isOver(row) ? "upload.hide" : "upload.cancel")}: ${name}`} onClick={() => removeUploadRow(key)}>
            {t(isOver(row) ? "upload.hide" : "upload.cancel")}
          </Button>
        )}
      </div>
      {!isOver(row) && <ProgressBar label={t("upload.progressOf", { name })} fraction={state === "checking" ? null : size === 0 ? 0 : sent / size} />}
      <p className={styles.figures}>
        {figures.filter(Boolean).map((figure) => (
          <span key={figure}>{figure}</span>
        ))}
      </p>
      {state === "missing" && <Notice tone="warn">{t("upload.missing")}</Notice>}
      {state === "failed" && row.reason !== null && <Notice tone="bad">{row.reason}</Notice>}
    </li>
  );
});
