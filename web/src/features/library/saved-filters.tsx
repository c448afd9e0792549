//! Filters that were saved under a name: opened with a click, kept by the account, so that they are the same on every device.

import "@/lib/page-messages";
import { type FormEvent, useState } from "react";
import { useClient, useQuery } from "urql";
import { listArguments } from "@/components/media-lists";
import { Failed, problemText } from "@/components/states";
import { graphql } from "@/data/graphql";
import { groupOfInput } from "@/lib/filter-language";
import { isNarrowed, type LibrarySearch, mediaArguments } from "@/lib/library-search";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { Field } from "@/ui/field";
import { CloseIcon } from "@/ui/icons";
import row from "@/ui/row-button.module.css";
import { showToast } from "@/ui/toast";
import styles from "./facets.module.css";
import type { Go } from "./library-page";

const SavedFiltersList = graphql(`query SavedFilters { savedFilters { id name search filter problem } }`);
const SaveFilter = graphql(`mutation SaveFilter($input: SaveFilterInput!) { saveFilter(input: $input) { savedFilter { id name } } }`);
const DeleteSavedFilter = graphql(`mutation DeleteSavedFilter($input: DeleteSavedFilterInput!) { deleteSavedFilter(input: $input) { deletedId } }`);

interface SavedFiltersProps {
  readonly search: LibrarySearch;
  readonly onGo: Go;
  readonly onClose: () => void;
}

export function SavedFilters({ search, onGo, onClose }: SavedFiltersProps) {
  const client = useClient();
  const [{ data, error }, refetch] = useQuery({ query: SavedFiltersList, requestPolicy: "cache-and-network" });
  const [name, setName] = useState("");
  const again = () => refetch({ requestPolicy: "network-only" });
  const failed = (problem: Parameters<typeof problemText>[0]) => showToast({ text: t("edit.failed", { reason: problemText(problem) }), tone: "bad" });
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const { filter, search: text, sort } = listArguments(mediaArguments(search));
    const input = { name: name.trim(), filter: filter ?? {}, ...(text ? { search: text } : {}), ...(sort ? { sort } : {}) };
    const result = await client.mutation(SaveFilter, { input }).toPromise();
    if (result.error) return failed(result.error);
    setName("");
    again();
  };
  const remove = async (id: string) => {
    const result = await client.mutation(DeleteSavedFilter, { input: { id } }).toPromise();
    if (result.error) return failed(result.error);
    again();
  };
  return (
    <section className={styles.panel} aria-label={t("saved.title")}>
      <div className={styles.head}>
        <h2>{t("saved.title")}</h2>
        <Button look="quiet" icon={<CloseIcon />} aria-label={t("dialog.close")} onClick={onClose} />
      </div>
      {error && !data && <Failed error={error} onRetry={again} />}
      {data?.savedFilters.length === 0 && <p className={styles.count}>{t("saved.none")}</p>}
      <ul className={styles.entries}>
        {data?.savedFilters.map((saved) => (
          <li key={saved.id} className={styles.line}>
            <button
              type="button"
              className={classNames(row.row, row.apart)}
              title={saved.problem ?? undefined}
              onClick={() => {
                onClose();
                onGo({ kind: null, text: saved.search ?? "", filter: groupOfInput(saved.filter) });
              }}
            >
              {saved.name}
            </button>
            <Button look="quiet" icon={<CloseIcon />} aria-label={t("saved.delete", { name: saved.name })} onClick={() => void remove(saved.id)} />
          </li>
        ))}
      </ul>
      {isNarrowed(search) && (
        <form className={styles.form} onSubmit={(event) => void save(event)}>
          <Field label={t("saved.name")} name="saved" required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
          <Button type="submit">{t("saved.save")}</Button>
        </form>
      )}
    </section>
  );
}
