//! Changes a marker: what is there, where it begins and ends, its tags.

import { type FormEvent, useState } from "react";
import { type CombinedError, useClient, useQuery } from "urql";
import { EntityPicker } from "@/components/entity-picker";
import { Failed, Loading, Missing, problemText } from "@/components/states";
import { offerUndo } from "@/components/undo";
import { graphql, type ResultOf } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, NamedField } from "@/ui/field";
import { Notice } from "@/ui/notice";
import styles from "./markers.module.css";

const UpdateMarker = graphql(`
  mutation UpdateMarker($input: UpdateMarkerInput!) {
    updateMarker(input: $input) { marker { id title start end tags(first: 200) { nodes { id } } } undoToken }
  }
`);

const MarkerFacts = graphql(`query MarkerFacts($id: ID!) { node(id: $id) { __typename id ... on Marker { title start end tags(first: 200) { nodes { id } } } } }`);

type Marker = Extract<NonNullable<ResultOf<typeof MarkerFacts>["node"]>, { readonly __typename: "Marker" }>;

interface MarkerDialogProps {
  readonly id: string;
  readonly title: string;
  readonly onChanged: () => void;
  readonly onClose: () => void;
}

export function MarkerDialog({ id, title, ...then }: MarkerDialogProps) {
  const [{ data, error }, refetch] = useQuery({ query: MarkerFacts, variables: { id }, requestPolicy: "network-only" });
  const marker = data?.node?.__typename === "Marker" ? data.node : null;
  return (
    <Dialog title={t("organize.edit", { name: title })} closeLabel={t("dialog.close")} onClose={then.onClose}>
      {marker !== null && <MarkerForm marker={marker} {...then} />}
      {marker === null && (error ? <Failed error={error} onRetry={() => refetch({ requestPolicy: "network-only" })} /> : data ? <Missing /> : <Loading />)}
    </Dialog>
  );
}

function MarkerForm({ marker, onChanged, onClose }: Pick<MarkerDialogProps, "onChanged" | "onClose"> & { readonly marker: Marker }) {
  const client = useClient();
  const [draft, setDraft] = useState(() => ({
    title: marker.title,
    start: String(marker.start),
    end: String(marker.end ?? ""),
    tagIds: marker.tags.nodes.map((tag): string => tag.id),
  }));
  const set = (change: Partial<typeof draft>) => setDraft({ ...draft, ...change });
  const [error, setError] = useState<CombinedError | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isBusy) return;
    setIsBusy(true);
    const times = { start: Number(draft.start), end: draft.end === "" ? null : Number(draft.end) };
    const { data, error: problem } = await client.mutation(UpdateMarker, { input: { id: marker.id, title: draft.title.trim(), ...times, tagIds: draft.tagIds } }).toPromise();
    setIsBusy(false);
    setError(problem ?? null);
    if (problem) return;
    onClose();
    onChanged();
    offerUndo(client, t("edit.saved"), [data?.updateMarker.undoToken], onChanged);
  };
  const moment = (name: "start" | "end") => (
    <Field
      label={t(`markers.${name}`)}
      name={name}
      type="number"
      min={0}
      step="any"
      required={name === "start"}
      hint={name === "end" ? t("markers.endHint") : undefined}
      value={draft[name]}
      onChange={(event) => set({ [name]: event.target.value })}
    />
  );
  return (
    <form className={styles.fields} onSubmit={(event) => void submit(event)}>
      <Field label={t("markers.name")} name="title" required maxLength={200} value={draft.title} onChange={(event) => set({ title: event.target.value })} />
      <div className={styles.pair}>
        {moment("start")}
        {moment("end")}
      </div>
      <NamedField name={t("nav.tags")}>
        <EntityPicker kind="tags" label={t("nav.tags")} ids={draft.tagIds} onChange={(tagIds) => set({ tagIds: [...tagIds] })} />
      </NamedField>
      {error !== null && <Notice tone="bad">{problemText(error)}</Notice>}
      <Button type="submit" look="primary" isBusy={isBusy}>
        {t("edit.save")}
      </Button>
    </form>
  );
}
