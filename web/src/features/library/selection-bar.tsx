//! What can be done with the selected items, at the window's lower edge.

import "@/lib/page-messages";
import { lazy, Suspense, useState } from "react";
import { useClient } from "urql";
import type { ListArguments } from "@/components/media-lists";
import { clearSelection, selectEverything, useSelection } from "@/components/selection";
import { problemText } from "@/components/states";
import { TrashFiles } from "@/components/trash-files";
import { offerUndo } from "@/components/undo";
import { graphql, type VariablesOf } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { CloseIcon, HeartIcon, TagIcon, TrashIcon } from "@/ui/icons";
import { EditIcon } from "@/ui/more-icons";
import { showToast } from "@/ui/toast";
import styles from "./selection-bar.module.css";

const BulkDialog = lazy(async () => ({ default: (await import("./bulk-dialog")).BulkDialog }));
const CollectDialog = lazy(async () => ({ default: (await import("./collect-dialog")).CollectDialog }));

export const BulkUpdate = graphql(`
  mutation BulkUpdate($input: BulkUpdateMediaInput!) {
    bulkUpdateMedia(input: $input) {
      matchedCount
      updatedCount
      undoToken
      job { id status }
      media { __typename id title date rating isFavorite tags(first: 50) { nodes { id name } } }
    }
  }
`);

const SelectedFiles = graphql(`
  query SelectedFiles($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Media { files { id status } } } }
`);

const RestoreFiles = graphql(`mutation RestoreSelected($input: RestoreFilesInput!) { restoreFiles(input: $input) { files { id status } failures { message } } }`);

/** A change of many items, without saying which. */
export type BulkChange = Omit<VariablesOf<typeof BulkUpdate>["input"], "ids" | "filter" | "search" | "except" | "dryRun">;

/** Which items a change is for: parts of at most so many ids, or a filter. */
export type BulkTarget = Pick<VariablesOf<typeof BulkUpdate>["input"], "ids" | "filter" | "search" | "except">;

const idsAtOnce = 1000;
const filesAtOnce = 100;

interface SelectionBarProps {
  readonly list: ListArguments;
  readonly total: number | null;
  readonly onChanged: () => void;
}

export function SelectionBar({ list, total, onChanged }: SelectionBarProps) {
  const client = useClient();
  const canEdit = useCanEdit();
  const { ids, isAll } = useSelection();
  const [isBusy, setIsBusy] = useState(false);
  const [dialog, setDialog] = useState<"none" | "edit" | "collect">("none");
  const count = isAll ? Math.max(0, (total ?? 0) - ids.size) : ids.size;

  const targets = (): readonly BulkTarget[] => {
    if (isAll) return [{ filter: list.filter ?? {}, ...(list.search ? { search: list.search } : {}), except: [...ids] }];
    const all = [...ids];
    return Array.from({ length: Math.ceil(all.length / idsAtOnce) }, (_, part) => ({ ids: all.slice(part * idsAtOnce, (part + 1) * idsAtOnce) }));
  };

  const apply = async (change: BulkChange) => {
    setIsBusy(true);
    setDialog("none");
    const tokens: (string | null)[] = [];
    let n = 0;
    for (const target of targets()) {
      const { data, error } = await client.mutation(BulkUpdate, { input: { ...target, ...change } }).toPromise();
      if (error) {
        showToast({ text: t("edit.failed", { reason: problemText(error) }), tone: "bad" });
        break;
      }
      if (!data) break;
      const { updatedCount, matchedCount, undoToken, job } = data.bulkUpdateMedia;
      tokens.push(undoToken);
      n += job ? matchedCount : updatedCount;
      if (job) showToast({ text: t("select.asJob", { count: matchedCount }) });
    }
    setIsBusy(false);
    if (tokens.length > 0) offerUndo(client, t("select.changed", { count: n }), tokens, onChanged);
  };

  const trash = async () => {
    setIsBusy(true);
    const moved: string[] = [];
    let reason = "";
    const all = [...ids];
    for (let start = 0; start < all.length; start += filesAtOnce) {
      const found = await client.query(SelectedFiles, { ids: all.slice(start, start + filesAtOnce) }, { requestPolicy: "network-only" }).toPromise();
      const fileIds = (found.data?.nodes ?? []).flatMap((node) => (node && "files" in node ? node.files.filter((file) => file.status === "PRESENT").map((file) => file.id) : []));
      if (fileIds.length === 0) continue;
      const { data, error } = await client.mutation(TrashFiles, { input: { fileIds } }).toPromise();
      moved.push(...(data?.trashFiles.files.map((file) => file.id) ?? []));
      reason ||= error ? problemText(error) : (data?.trashFiles.failures[0]?.message ?? "");
    }
    const restore = async () => {
      for (let start = 0; start < moved.length; start += filesAtOnce) {
        await client.mutation(RestoreFiles, { input: { fileIds: moved.slice(start, start + filesAtOnce) } }).toPromise();
      }
      onChanged();
    };
    if (moved.length > 0) showToast({ text: t("select.trashed", { count: moved.length }), action: { label: t("edit.undo"), run: () => void restore() } });
    if (reason !== "") showToast({ text: t("select.trashFailed", { reason }), tone: "bad" });
    setIsBusy(false);
    clearSelection();
    onChanged();
  };

  return (
    <section className={styles.bar} aria-label={t("select.title")}>
      <Button look="quiet" icon={<CloseIcon />} aria-label={t("select.clear")} onClick={clearSelection} />
      <strong role="status">{t("select.count", { count })}</strong>
      {total !== null && count < total && (
        <Button look="quiet" onClick={selectEverything}>
          {t("select.all", { count: total })}
        </Button>
      )}
      {canEdit && (
        <div className={styles.actions}>
          <Button isBusy={isBusy} icon={<HeartIcon />} onClick={() => void apply({ isFavorite: true })}>
            {t("edit.favorite")}
          </Button>
          <Button isBusy={isBusy} onClick={() => void apply({ isFavorite: false })}>
            {t("edit.unfavorite")}
          </Button>
          <Button isBusy={isBusy} icon={<EditIcon />} onClick={() => setDialog("edit")}>
            {t("edit.open")}
          </Button>
          {!isAll && (
            <>
              <Button isBusy={isBusy} icon={<TagIcon />} onClick={() => setDialog("collect")}>
                {t("collections.add")}
              </Button>
              <Button isBusy={isBusy} icon={<TrashIcon />} onClick={() => void trash()}>
                {t("edit.trash")}
              </Button>
            </>
          )}
        </div>
      )}
      <Suspense>
        {dialog === "edit" && <BulkDialog count={count} targets={targets()} onApply={(change) => void apply(change)} onClose={() => setDialog("none")} />}
        {dialog === "collect" && <CollectDialog ids={[...ids]} onClose={() => setDialog("none")} />}
      </Suspense>
    </section>
  );
}
