//! Uploads on every page: a target for dropped files over the whole window, pasted files, and a pill that says how far they are.

import "@/lib/page-messages";
import { useEffect, useState } from "react";
import { useClient } from "urql";
import { Link, useLocation } from "wouter";
import { filesIn, type Dropped, takeDropped } from "@/features/upload/dropped";
import { addFiles, resumeUploads, useUploads } from "@/features/upload/queue";
import { totalsOf } from "@/features/upload/rows";
import { targetsOf, UploadTargets } from "@/features/upload/targets";
import { useOutcomes } from "@/features/upload/use-outcomes";
import { takesText } from "@/lib/keys";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { UploadIcon } from "@/ui/icons";
import { ProgressBar } from "@/ui/progress-bar";
import { showToast } from "@/ui/toast";
import pill from "./job-pill.module.css";
import styles from "./uploads.module.css";

export function Uploads() {
  useOutcomes();
  useEffect(() => void resumeUploads(), []);
  const isOver = useDrops();
  const { count, bytes, sent } = totalsOf(useUploads());
  return (
    <>
      {count > 0 && (
        <Link href={paths.upload()} className={pill.pill}>
          <span className={pill.words}>{t("upload.open", { count })}</span>
          <ProgressBar label={t("upload.all")} fraction={bytes === 0 ? null : sent / bytes} />
        </Link>
      )}
      {isOver && (
        <div className={styles.zone} aria-hidden="true">
          <p className={styles.word}>
            <UploadIcon /> {t("upload.drop")}
          </p>
        </div>
      )}
    </>
  );
}

/** Takes files from anywhere in the window; true while some are held over it. */
function useDrops(): boolean {
  const client = useClient();
  const [, navigate] = useLocation();
  const [isOver, setIsOver] = useState(false);

  // Dragging and pasting belong to the document.
  useEffect(() => {
    // Entering a child comes before leaving its parent, so only the depth tells when the pointer is gone.
    let depth = 0;
    const take = async (dropped: Dropped) => {
      const { data } = await client.query(UploadTargets, {}).toPromise();
      const target = targetsOf(data?.libraries.nodes ?? [])[0];
      if (!target) return showToast({ text: t("upload.noLibrary"), tone: "bad" });
      let count = 0;
      for await (const files of filesIn(dropped)) {
        count += files.length;
        await addFiles(files, target.id);
      }
      if (count > 0) showToast({ text: t("upload.added", { count }), action: { label: t("upload.show"), run: () => navigate(paths.upload()) } });
    };
    const move = (by: number) => (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      depth = Math.max(0, depth + by);
      setIsOver(depth > 0);
    };
    const onDrop = (event: DragEvent) => {
      depth = 0;
      setIsOver(false);
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      void take(takeDropped(event.dataTransfer));
    };
    const onPaste = (event: ClipboardEvent) => {
      if (takesText(event.target) || !event.clipboardData || event.clipboardData.files.length === 0) return;
      event.preventDefault();
      void take(takeDropped(event.clipboardData));
    };
    const leaving = new AbortController();
    const { signal } = leaving;
    document.addEventListener("dragenter", move(1), { signal });
    document.addEventListener("dragleave", move(-1), { signal });
    document.addEventListener("dragover", move(0), { signal });
    document.addEventListener("drop", onDrop, { signal });
    document.addEventListener("paste", onPaste, { signal });
    return () => leaving.abort();
  }, [client, navigate]);
  return isOver;
}
