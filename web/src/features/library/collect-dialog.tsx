//! Puts the selected items into a collection, an old one or a new one, or into a gallery.

import { type FormEvent, useState } from "react";
import { useClient, useQuery } from "urql";
import { problemText } from "@/components/states";
import { offerUndo } from "@/components/undo";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { Dialog } from "@/ui/dialog";
import { Field } from "@/ui/field";
import row from "@/ui/row-button.module.css";
import { showToast } from "@/ui/toast";
import styles from "./bulk-dialog.module.css";

const OwnCollections = graphql(`
  query OwnCollections {
    collections(first: 100, sort: [{ field: NAME, direction: ASC }]) { nodes { id name isSmart itemCount } }
    galleries(first: 100, sort: [{ field: NAME, direction: ASC }]) { nodes { id name itemCount } }
  }
`);
const AddToCollection = graphql(`mutation AddToCollection($input: AddToCollectionInput!) { addToCollection(input: $input) { collection { id itemCount } gallery { id itemCount } undoToken } }`);
const CreateCollection = graphql(`mutation CreateCollection($input: CreateCollectionInput!) { createCollection(input: $input) { collection { id name } undoToken } }`);

interface CollectDialogProps {
  readonly ids: readonly string[];
  readonly onClose: () => void;
}

const atOnce = 1000;

export function CollectDialog({ ids, onClose }: CollectDialogProps) {
  const client = useClient();
  const [{ data }] = useQuery({ query: OwnCollections, requestPolicy: "cache-and-network" });
  const [name, setName] = useState("");
  const failed = (reason: string) => showToast({ text: t("edit.failed", { reason }), tone: "bad" });

  const add = async (id: string, collection: string, before: readonly (string | null)[] = [], from = 0) => {
    onClose();
    const tokens: (string | null)[] = [...before];
    for (let start = from; start < ids.length; start += atOnce) {
      const result = await client.mutation(AddToCollection, { input: { id, mediaIds: ids.slice(start, start + atOnce) } }).toPromise();
      if (result.error) return failed(problemText(result.error));
      tokens.push(result.data?.addToCollection.undoToken ?? null);
    }
    offerUndo(client, t("collections.added", { count: ids.length, name: collection }), tokens);
  };
  const create = async (event: FormEvent) => {
    event.preventDefault();
    const input = { name: name.trim(), mediaIds: ids.slice(0, atOnce) };
    const result = await client.mutation(CreateCollection, { input }).toPromise();
    if (result.error) return failed(problemText(result.error));
    const made = result.data?.createCollection.collection;
    if (made) await add(made.id, made.name, [result.data?.createCollection.undoToken ?? null], atOnce);
  };
  return (
    <Dialog title={t("collections.add")} closeLabel={t("dialog.close")} onClose={onClose}>
      <ul className={styles.list}>
        {[...(data?.collections.nodes.filter((collection) => !collection.isSmart) ?? []), ...(data?.galleries.nodes ?? [])].map((collection) => (
          <li key={collection.id}>
            <button type="button" className={classNames(row.row, row.apart)} onClick={() => void add(collection.id, collection.name)}>
              {collection.name}
              <span className={styles.note}>{t("library.counts", { count: collection.itemCount })}</span>
            </button>
          </li>
        ))}
      </ul>
      <form className={styles.fresh} onSubmit={(event) => void create(event)}>
        <Field label={t("collections.new")} name="collection" required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
        <Button type="submit" look="primary">
          {t("edit.save")}
        </Button>
      </form>
    </Dialog>
  );
}
