//! One group of duplicates, side by side, with what can be done about it.

import { useId, useState } from "react";
import { type CombinedError, useClient } from "urql";
import { Link } from "wouter";
import { Picture } from "@/components/media-tile";
import { problemText } from "@/components/states";
import { TrashFiles } from "@/components/trash-files";
import { type FragmentOf, graphql, readFragment } from "@/data/graphql";
import { formatBitRate, formatBytes, formatDuration, formatResolution } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { showToast } from "@/ui/toast";
import styles from "./duplicate-group.module.css";

export const DuplicateGroupFragment = graphql(`
  fragment DuplicateGroup on DuplicateGroup {
    distance
    mediaCount
    reclaimableSize
    media {
      __typename
      id
      title
      thumbnail { url thumbhash srcset { url width } }
      files { id path size status container bitRate }
      ... on Video { duration width height codecs }
      ... on Audio { duration codecs }
      ... on Image { width height }
    }
  }
`);

const MergeMedia = graphql(`mutation MergeMedia($input: MergeMediaInput!) { mergeMedia(input: $input) { media { id } undoToken } }`);
const UndoMerge = graphql(`mutation UndoMerge($input: UndoMergeMediaInput!) { undoMergeMedia(input: $input) { media { id } } }`);
const Dismiss = graphql(`mutation Dismiss($input: DismissDuplicateInput!) { dismissDuplicate(input: $input) { pairs } }`);
const Undismiss = graphql(`mutation Undismiss($input: UndismissDuplicateInput!) { undismissDuplicate(input: $input) { pairs } }`);
const Restore = graphql(`mutation RestoreDuplicates($input: RestoreFilesInput!) { restoreFiles(input: $input) { files { id status } failures { message } } }`);

interface DuplicateGroupProps {
  readonly group: FragmentOf<typeof DuplicateGroupFragment>;
  readonly onChanged: () => void;
}

export function DuplicateGroup({ onChanged, ...props }: DuplicateGroupProps) {
  const group = readFragment(DuplicateGroupFragment, props.group);
  const client = useClient();
  const name = useId();
  const [keepId, setKeepId] = useState(group.media[0]?.id ?? "");
  const [isBusy, setIsBusy] = useState(false);
  const locale = currentLocale();
  const ids = group.media.map((media) => media.id);
  const facts = [
    t("duplicates.items", { count: group.mediaCount }),
    group.distance === 0 ? t("duplicates.equal") : t("duplicates.bits", { count: group.distance }),
    t("duplicates.reclaimable", { size: formatBytes(group.reclaimableSize, locale) }),
  ];
  const failed = (error: CombinedError) => showToast({ text: t("edit.failed", { reason: problemText(error) }), tone: "bad" });
  const act = async (work: () => Promise<void>) => {
    setIsBusy(true);
    await work();
    setIsBusy(false);
    onChanged();
  };
  const undo = (run: () => Promise<unknown>) => ({ label: t("edit.undo"), run: () => void run().then(onChanged) });

  const merge = () =>
    act(async () => {
      const { data, error } = await client.mutation(MergeMedia, { input: { ids, keepId } }).toPromise();
      if (error) return failed(error);
      const undoToken = data?.mergeMedia.undoToken;
      if (undoToken === undefined) return;
      showToast({
        text: t("duplicates.merged", { count: ids.length }),
        action: undo(() => client.mutation(UndoMerge, { input: { undoToken } }).toPromise()),
      });
    });
  const dismiss = () =>
    act(async () => {
      const { error } = await client.mutation(Dismiss, { input: { ids } }).toPromise();
      if (error) return failed(error);
      showToast({ text: t("duplicates.dismissed"), action: undo(() => client.mutation(Undismiss, { input: { ids } }).toPromise()) });
    });
  const trash = () =>
    act(async () => {
      const fileIds = group.media
        .filter((media) => media.id !== keepId)
        .flatMap((media) => media.files.filter((file) => file.status === "PRESENT").map((file) => file.id));
      const { data, error } = await client.mutation(TrashFiles, { input: { fileIds } }).toPromise();
      if (error) return failed(error);
      const reason = data?.trashFiles.failures[0]?.message;
      if (reason) showToast({ text: t("select.trashFailed", { reason }), tone: "bad" });
      const moved = data?.trashFiles.files.map((file) => file.id) ?? [];
      if (moved.length === 0) return;
      showToast({
        text: t("select.trashed", { count: moved.length }),
        action: undo(() => client.mutation(Restore, { input: { fileIds: moved } }).toPromise()),
      });
    });

  return (
    <li className={styles.group}>
      <p className={styles.facts}>{facts.join(" · ")}</p>
      <ul className={styles.items} aria-label={t("duplicates.keep")}>
        {group.media.map((media) => {
          const size = media.files.reduce((sum, file) => sum + file.size, 0);
          const details = [
            media.__typename === "Audio" ? "" : formatResolution(media.width, media.height),
            media.__typename === "Image" ? "" : formatDuration(media.duration),
            formatBytes(size, locale),
            formatBitRate(media.files[0]?.bitRate, locale),
            [media.files[0]?.container, ...(media.__typename === "Image" ? [] : media.codecs)].filter(Boolean).join(" "),
          ];
          return (
            <li key={media.id} className={classNames(styles.item, media.id === keepId && styles.kept)}>
              <Link href={paths.media(media.id)} className={styles.picture} aria-label={media.title}>
                <Picture thumbnail={media.thumbnail} width={240} isHeld={false} isEager={false} />
              </Link>
              <label className={styles.choice}>
                <input type="radio" name={name} checked={media.id === keepId} onChange={() => setKeepId(media.id)} />
                <span>{media.title}</span>
              </label>
              <p className={styles.details}>{details.filter(Boolean).join(" · ")}</p>
              {media.files.map((file) => (
                <p key={file.id} className={styles.path} title={file.path}>
                  {file.path}
                </p>
              ))}
            </li>
          );
        })}
      </ul>
      <div className={styles.actions}>
        {ids.length > 1 && (
          <>
            <Button look="primary" isBusy={isBusy} onClick={() => void merge()}>
              {t("duplicates.merge")}
            </Button>
            <Button isBusy={isBusy} onClick={() => void trash()}>
              {t("duplicates.trash")}
            </Button>
            <Button isBusy={isBusy} onClick={() => void dismiss()}>
              {t("duplicates.dismiss")}
            </Button>
          </>
        )}
      </div>
    </li>
  );
}
