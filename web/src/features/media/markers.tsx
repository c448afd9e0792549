//! Places and stretches that somebody marked: the list, and the small form for a new one.

import { type FormEvent, useState } from "react";
import { useClient } from "urql";
import { problemText } from "@/components/states";
import { offerUndo } from "@/components/undo";
import { type FragmentOf, graphql, readFragment } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { formatDuration } from "@/lib/format";
import { t } from "@/lib/messages";
import { formatTimecode } from "@/lib/playing";
import { Button } from "@/ui/button";
import { CloseIcon } from "@/ui/icons";
import { EditIcon } from "@/ui/more-icons";
import row from "@/ui/row-button.module.css";
import { showToast } from "@/ui/toast";
import { MarkerDialog } from "./marker-dialog";
import styles from "./markers.module.css";
import type { Range } from "./player/timeline";

export const MarkersFragment = graphql(`fragment Markers on Marker { id title start end }`);

const CreateMarker = graphql(`mutation CreateMarker($input: CreateMarkerInput!) { createMarker(input: $input) { marker { id title start end } undoToken } }`);
const DeleteMarker = graphql(`mutation DeleteMarker($input: DeleteMarkerInput!) { deleteMarker(input: $input) { deletedId undoToken } }`);

interface MarkersProps {
  readonly mediaId: string;
  readonly markers: readonly FragmentOf<typeof MarkersFragment>[];
  /** The chosen stretch: a new marker takes it where it is complete. */
  readonly range: Range;
  /** The moment a new marker is made for, or null. */
  readonly time: number | null;
  readonly onClose: () => void;
  readonly onSeek: (seconds: number) => void;
  readonly onChanged: () => void;
}

export function Markers({ mediaId, range, time, onClose, onSeek, onChanged, ...props }: MarkersProps) {
  const client = useClient();
  const canEdit = useCanEdit();
  const [editedId, setEditedId] = useState<string | null>(null);
  const markers = props.markers.map((marker) => readFragment(MarkersFragment, marker));
  const remove = async (id: string) => {
    const { data, error } = await client.mutation(DeleteMarker, { input: { id } }).toPromise();
    if (error) return showToast({ text: t("edit.failed", { reason: problemText(error) }), tone: "bad" });
    onChanged();
    offerUndo(client, t("markers.deleted"), [data?.deleteMarker.undoToken], onChanged);
  };
  const edited = markers.find(({ id }) => id === editedId);
  if (markers.length === 0 && time === null) return null;
  return (
    <section className={styles.markers} aria-label={t("markers.title")}>
      <h2>{t("markers.title")}</h2>
      {time !== null && <MarkerForm mediaId={mediaId} range={range} time={time} onClose={onClose} onChanged={onChanged} />}
      <ol>
        {markers.map((marker) => (
          <li key={marker.id} className={styles.row}>
            <button type="button" className={row.row} onClick={() => onSeek(marker.start)}>
              <span className={styles.time}>
                {formatDuration(marker.start)}
                {marker.end !== null && ` – ${formatDuration(marker.end)}`}
              </span>
              {marker.title}
            </button>
            {canEdit && <Button look="quiet" icon={<EditIcon />} aria-label={t("organize.edit", { name: marker.title })} onClick={() => setEditedId(marker.id)} />}
            {canEdit && <Button look="quiet" icon={<CloseIcon />} aria-label={t("markers.delete", { title: marker.title })} onClick={() => void remove(marker.id)} />}
          </li>
        ))}
      </ol>
      {edited && <MarkerDialog key={edited.id} id={edited.id} title={edited.title} onChanged={onChanged} onClose={() => setEditedId(null)} />}
    </section>
  );
}

type MarkerFormProps = Pick<MarkersProps, "mediaId" | "range" | "onClose" | "onChanged"> & { readonly time: number };

function MarkerForm({ mediaId, range, time, onClose, onChanged }: MarkerFormProps) {
  const client = useClient();
  const [title, setTitle] = useState("");
  const isStretch = range.start !== null && range.end !== null;
  const start = isStretch ? (range.start ?? time) : time;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const input = { mediaId, title: title.trim(), start, ...(isStretch ? { end: range.end } : {}) };
    const { data, error } = await client.mutation(CreateMarker, { input }).toPromise();
    if (error) return showToast({ text: t("edit.failed", { reason: problemText(error) }), tone: "bad" });
    onClose();
    onChanged();
    offerUndo(client, t("markers.made"), [data?.createMarker.undoToken], onChanged);
  };
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)}>
      <span className={styles.time}>
        {formatTimecode(start)}
        {isStretch && range.end !== null && ` – ${formatTimecode(range.end)}`}
      </span>
      <input
        className={styles.input}
        aria-label={t("markers.name")}
        placeholder={t("markers.name")}
        required
        maxLength={200}
        // oxlint-disable-next-line jsx-a11y/no-autofocus -- the key or button that opened the form asks for this name
        autoFocus
        value={title}
        onChange={(event) => setTitle(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") onClose();
        }}
      />
      <Button type="submit" look="primary">
        {t("edit.save")}
      </Button>
    </form>
  );
}
