//! What can be done with the selected items, at the window's lower edge.

import "@/lib/page-messages";
import { useState } from "react";
import { useClient } from "urql";
import { UpdateMedia, type MediaChange } from "@/components/media-edit";
import { listIds, type ListArguments } from "@/components/media-lists";
import { addSelected, clearSelection, useSelection } from "@/components/selection";
import { problemText } from "@/components/states";
import { TrashFiles } from "@/components/trash-files";
import { graphql } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { CloseIcon, HeartIcon, TrashIcon } from "@/ui/icons";
import { ProgressBar } from "@/ui/progress-bar";
import { showToast } from "@/ui/toast";
import styles from "./selection-bar.module.css";

const SelectedMedia = graphql(`
  query SelectedMedia($ids: [ID!]!) {
    nodes(ids: $ids) { __typename id ... on Media { isFavorite rating files { id status } } }
  }
`);

const RestoreFiles = graphql(`mutation RestoreSelected($input: RestoreFilesInput!) { restoreFiles(input: $input) { files { id status } failures { message } } }`);

/** More is selected by a filter, not one by one. */
const selectLimit = 20_000;
const chunk = 100;
/** Requests on the way at the same time. */
const lanes = 4;

interface SelectionBarProps {
  readonly list: ListArguments;
  readonly total: number | null;
  readonly onChanged: () => void;
}

export function SelectionBar({ list, total, onChanged }: SelectionBarProps) {
  const client = useClient();
  const canEdit = useCanEdit();
  const { ids } = useSelection();
  const [done, setDone] = useState<number | null>(null);
  const isBusy = done !== null;

  const load = async () => {
    const all = [...ids];
    const found: { id: string; isFavorite: boolean; rating: number | null; files: readonly { id: string; status: string }[] }[] = [];
    for (let start = 0; start < all.length; start += chunk) {
      const { data, error } = await client.query(SelectedMedia, { ids: all.slice(start, start + chunk) }, { requestPolicy: "network-only" }).toPromise();
      if (error) throw error;
      for (const node of data?.nodes ?? []) {
        if (node && "files" in node) found.push({ id: node.id, isFavorite: node.isFavorite, rating: node.rating ?? null, files: node.files });
      }
    }
    return found;
  };

  /** Sends one change for each item, a few at a time, and says how many arrived. */
  const sendAll = async (changes: readonly { readonly id: string; readonly change: MediaChange }[]) => {
    const queue = [...changes];
    let failed = 0;
    let sent = 0;
    const lane = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const { error } = await client.mutation(UpdateMedia, { input: { id: next.id, ...next.change } }).toPromise();
        if (error) failed += 1;
        sent += 1;
        setDone(sent / changes.length);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return failed;
  };

  const apply = async (change: MediaChange) => {
    setDone(0);
    try {
      const before = await load();
      const failed = await sendAll(before.map(({ id }) => ({ id, change })));
      const undo = before.map(({ id, isFavorite, rating }) => ({ id, change: change.rating === undefined ? { isFavorite } : { rating } }));
      showToast({
        text: failed === 0 ? t("select.changed", { count: before.length }) : t("select.changedSome", { count: before.length - failed, failed }),
        tone: failed === 0 ? "plain" : "bad",
        action: { label: t("edit.undo"), run: () => void sendAll(undo).then(() => setDone(null)) },
      });
    } catch {
      showToast({ text: t("select.failed"), tone: "bad" });
    }
    setDone(null);
  };

  const trash = async () => {
    setDone(0);
    try {
      const files = (await load()).flatMap((media) => media.files.filter((file) => file.status === "PRESENT").map((file) => file.id));
      const moved: string[] = [];
      let reason = "";
      for (let start = 0; start < files.length; start += chunk) {
        const { data, error } = await client.mutation(TrashFiles, { input: { fileIds: files.slice(start, start + chunk) } }).toPromise();
        moved.push(...(data?.trashFiles.files.map((file) => file.id) ?? []));
        reason ||= error ? problemText(error) : (data?.trashFiles.failures[0]?.message ?? "");
        setDone(Math.min(1, (start + chunk) / files.length));
      }
      const restore = async () => {
        for (let start = 0; start < moved.length; start += chunk) {
          await client.mutation(RestoreFiles, { input: { fileIds: moved.slice(start, start + chunk) } }).toPromise();
        }
        onChanged();
      };
      if (moved.length > 0) showToast({ text: t("select.trashed", { count: moved.length }), action: { label: t("edit.undo"), run: () => void restore() } });
      if (reason !== "") showToast({ text: t("select.trashFailed", { reason }), tone: "bad" });
      clearSelection();
      onChanged();
    } catch {
      showToast({ text: t("select.failed"), tone: "bad" });
    }
    setDone(null);
  };

  const selectAll = async () => {
    try {
      addSelected(await listIds(client, list, null, Math.min(total ?? 0, selectLimit)));
    } catch {
      showToast({ text: t("select.rangeFailed"), tone: "bad" });
    }
  };

  return (
    <section className={styles.bar} aria-label={t("select.title")}>
      <Button look="quiet" icon={<CloseIcon />} aria-label={t("select.clear")} onClick={clearSelection} />
      <strong role="status">{t("select.count", { count: ids.size })}</strong>
      {total !== null && ids.size < total && total <= selectLimit && (
        <Button look="quiet" onClick={() => void selectAll()}>
          {t("select.all", { count: total })}
        </Button>
      )}
      {canEdit && (
        <>
          <Button isBusy={isBusy} icon={<HeartIcon />} onClick={() => void apply({ isFavorite: true })}>
            {t("edit.favorite")}
          </Button>
          <Button isBusy={isBusy} onClick={() => void apply({ isFavorite: false })}>
            {t("edit.unfavorite")}
          </Button>
          <label className={styles.rate}>
            <span className={styles.spoken}>{t("edit.rate")}</span>
            <select
              value=""
              disabled={isBusy}
              onChange={(event) => void apply({ rating: event.target.value === "none" ? null : Number(event.target.value) })}
            >
              <option value="" disabled>
                {t("edit.rate")}
              </option>
              {[5, 4, 3, 2, 1].map((stars) => (
                <option key={stars} value={stars * 20}>
                  {"★".repeat(stars)}
                </option>
              ))}
              <option value="none">{t("edit.noRating")}</option>
            </select>
          </label>
          <Button isBusy={isBusy} icon={<TrashIcon />} onClick={() => void trash()}>
            {t("edit.trash")}
          </Button>
        </>
      )}
      {isBusy && <ProgressBar label={t("select.progress")} fraction={done} />}
    </section>
  );
}
