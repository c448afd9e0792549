//! Changes many items at once: what comes and what goes are apart, nothing is replaced unasked, and the server says beforehand what would
//! change.

import { type FormEvent, type ReactNode, useState } from "react";
import { useClient } from "urql";
import { type CustomField, useCustomFields } from "@/components/custom-fields";
import { customChange, type CustomDraft, CustomInputs } from "@/components/custom-values";
import { EntityPicker } from "@/components/entity-picker";
import { problemText } from "@/components/states";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Notice } from "@/ui/notice";
import styles from "./bulk-dialog.module.css";
import { type BulkChange, type BulkTarget, BulkUpdate } from "./selection-bar";

interface BulkDialogProps {
  readonly count: number;
  readonly targets: readonly BulkTarget[];
  readonly onApply: (change: BulkChange) => void;
  readonly onClose: () => void;
}

interface Draft {
  readonly addTagIds: readonly string[];
  readonly removeTagIds: readonly string[];
  readonly addPersonIds: readonly string[];
  readonly removePersonIds: readonly string[];
  readonly studioIds: readonly string[];
  readonly rating: string;
  readonly date: string;
  /** Values that fields get; what is empty stays. */
  readonly custom: CustomDraft;
  /** Fields that lose their values. */
  readonly cleared: readonly string[];
}

const nothing: Draft = {
  addTagIds: [], removeTagIds: [], addPersonIds: [], removePersonIds: [], studioIds: [], rating: "keep", date: "", custom: {}, cleared: [],
};

export function BulkDialog({ count, targets, onApply, onClose }: BulkDialogProps) {
  const client = useClient();
  const [draft, setDraft] = useState(nothing);
  const [preview, setPreview] = useState<string | null>(null);
  const fields = useCustomFields();
  const set = (change: Partial<Draft>) => {
    setDraft({ ...draft, ...change });
    setPreview(null);
  };
  const change = changeOf(draft, fields);
  const isEmpty = Object.keys(change).length === 0;
  const look = async () => {
    let matched = 0;
    let updated = 0;
    for (const target of targets) {
      const { data, error } = await client.mutation(BulkUpdate, { input: { ...target, ...change, dryRun: true } }).toPromise();
      if (error) return setPreview(problemText(error));
      matched += data?.bulkUpdateMedia.matchedCount ?? 0;
      updated += data?.bulkUpdateMedia.updatedCount ?? 0;
    }
    setPreview(t("bulk.preview", { updated, matched }));
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!isEmpty) onApply(change);
  };
  return (
    <Dialog title={t("bulk.title", { count })} closeLabel={t("dialog.close")} onClose={onClose} size="wide">
      <form className={styles.form} onSubmit={submit}>
        <Row label={t("bulk.addTags")}>
          <EntityPicker kind="tags" label={t("bulk.addTags")} ids={draft.addTagIds} onChange={(addTagIds) => set({ addTagIds })} />
        </Row>
        <Row label={t("bulk.removeTags")}>
          <EntityPicker kind="tags" label={t("bulk.removeTags")} ids={draft.removeTagIds} onChange={(removeTagIds) => set({ removeTagIds })} />
        </Row>
        <Row label={t("bulk.addPeople")}>
          <EntityPicker kind="people" label={t("bulk.addPeople")} ids={draft.addPersonIds} onChange={(addPersonIds) => set({ addPersonIds })} />
        </Row>
        <Row label={t("bulk.removePeople")}>
          <EntityPicker kind="people" label={t("bulk.removePeople")} ids={draft.removePersonIds} onChange={(removePersonIds) => set({ removePersonIds })} />
        </Row>
        <Row label={t("media.studio")}>
          <EntityPicker kind="studio" label={t("media.studio")} ids={draft.studioIds} onChange={(studioIds) => set({ studioIds })} isSingle />
        </Row>
        <Row label={t("field.rating")}>
          <select aria-label={t("field.rating")} value={draft.rating} onChange={(event) => set({ rating: event.target.value })}>
            <option value="keep">{t("bulk.keep")}</option>
            {[5, 4, 3, 2, 1].map((stars) => (
              <option key={stars} value={stars * 20}>
                {"★".repeat(stars)}
              </option>
            ))}
            <option value="none">{t("edit.noRating")}</option>
          </select>
        </Row>
        <Row label={t("media.date")}>
          <input type="date" aria-label={t("media.date")} value={draft.date} onChange={(event) => set({ date: event.target.value })} />
        </Row>
        {fields.length > 0 && (
          <fieldset className={styles.fields}>
            <legend>{t("nav.fields")}</legend>
            <CustomInputs
              fields={fields.filter(({ id }) => !draft.cleared.includes(id))}
              draft={draft.custom}
              emptyLabel={t("bulk.keep")}
              onChange={(custom) => set({ custom })}
            />
            <div className={styles.cleared}>
              {fields.map(({ id, name }) => (
                <label key={id}>
                  <input
                    type="checkbox"
                    checked={draft.cleared.includes(id)}
                    onChange={(event) => set({ cleared: event.target.checked ? [...draft.cleared, id] : draft.cleared.filter((other) => other !== id) })}
                  />
                  {t("bulk.clear", { name })}
                </label>
              ))}
            </div>
          </fieldset>
        )}
        {preview !== null && <Notice tone="info">{preview}</Notice>}
        <div className={styles.foot}>
          <Button aria-disabled={isEmpty} onClick={() => !isEmpty && void look()}>
            {t("bulk.look")}
          </Button>
          <Button type="submit" look="primary" aria-disabled={isEmpty}>
            {t("bulk.apply")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Row({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    <div className={styles.row}>
      <span>{label}</span>
      {children}
    </div>
  );
}

/** What was filled in; everything else stays as it is. */
function changeOf(draft: Draft, fields: readonly CustomField[]): BulkChange {
  const some = (ids: readonly string[]) => (ids.length === 0 ? null : [...ids]);
  const addTagIds = some(draft.addTagIds);
  const removeTagIds = some(draft.removeTagIds);
  const addPersonIds = some(draft.addPersonIds);
  const removePersonIds = some(draft.removePersonIds);
  const custom = customChange(fields.filter(({ id }) => !draft.cleared.includes(id)), {}, draft.custom).fields ?? [];
  const values = [...custom, ...draft.cleared.map((fieldId) => ({ fieldId }))];
  return {
    ...(addTagIds ? { addTagIds } : {}),
    ...(removeTagIds ? { removeTagIds } : {}),
    ...(addPersonIds ? { addPersonIds } : {}),
    ...(removePersonIds ? { removePersonIds } : {}),
    ...(draft.studioIds[0] === undefined ? {} : { studioId: draft.studioIds[0] }),
    ...(draft.rating === "keep" ? {} : { rating: draft.rating === "none" ? null : Number(draft.rating) }),
    ...(draft.date === "" ? {} : { date: draft.date }),
    ...(values.length === 0 ? {} : { fields: values }),
  };
}
