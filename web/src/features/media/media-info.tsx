//! What an item is: title, rating, heart, tags, people; editable in place by those who may.

import { lazy, Suspense, useEffect, useState } from "react";
import { useClient } from "urql";
import { Link } from "wouter";
import { customText } from "@/components/custom-values";
import { useEditMedia } from "@/components/media-edit";
import { StarRating } from "@/components/star-rating";
import { problemText } from "@/components/states";
import { TrashFiles } from "@/components/trash-files";
import { type FragmentOf, graphql, readFragment } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { addItem, type Condition, noFilter } from "@/lib/filter";
import { reportContent } from "@/lib/first-content";
import { formatDateTime } from "@/lib/format";
import { formatLibrarySearch, wholeLibrary } from "@/lib/library-search";
import { currentLocale, t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { type Fact, FactList } from "@/ui/fact-list";
import { HeartIcon, TrashIcon } from "@/ui/icons";
import { EditIcon, ShareIcon } from "@/ui/more-icons";
import { showToast } from "@/ui/toast";
import styles from "./media-info.module.css";

const ShareDialog = lazy(async () => ({ default: (await import("@/components/share-dialog")).ShareDialog }));
const EditForm = lazy(async () => ({ default: (await import("./edit-form")).EditForm }));

export const MediaInfoFragment = graphql(`
  fragment MediaInfo on Media {
    id
    title
    description
    date
    rating
    isFavorite
    addedAt
    viewCount
    lastViewedAt
    library { id name }
    tags(first: 50) { nodes { id name color } }
    people(first: 50) { nodes { id name } }
    studio { id name }
    files { id status }
    customFields { field { id name kind } text number date boolean }
  }
`);

interface MediaInfoProps {
  readonly media: FragmentOf<typeof MediaInfoFragment>;
  readonly summary: string;
}

export function MediaInfo({ summary, ...props }: MediaInfoProps) {
  const media = readFragment(MediaInfoFragment, props.media);
  const client = useClient();
  const canEdit = useCanEdit();
  const edit = useEditMedia();
  const [isEditing, setIsEditing] = useState(false);
  const [isSharing, setIsSharing] = useState(false);
  useEffect(reportContent, []);
  const locale = currentLocale();
  const facts: readonly Fact[] = [
    [t("media.date"), media.date ?? ""],
    [t("media.added"), formatDateTime(media.addedAt, locale)],
    [t("field.viewCount"), media.viewCount > 0 ? String(media.viewCount) : ""],
    [t("library.sort.viewed"), formatDateTime(media.lastViewedAt, locale)],
    [t("field.library"), media.library?.name ?? ""],
    ...media.customFields.map((value) => [value.field.name, customText(value)] as const),
  ];
  const trash = async () => {
    const fileIds = media.files.filter((file) => file.status === "PRESENT").map((file) => file.id);
    const { data, error } = await client.mutation(TrashFiles, { input: { fileIds } }).toPromise();
    const reason = error ? problemText(error) : data?.trashFiles.failures[0]?.message;
    if (reason) showToast({ text: t("select.trashFailed", { reason }), tone: "bad" });
    else showToast({ text: t("select.trashed", { count: fileIds.length }) });
  };
  return (
    <section className={styles.info} aria-label={t("media.about")}>
      <h1 className={styles.title}>{media.title}</h1>
      <p className={styles.summary}>{summary}</p>
      <div className={styles.actions}>
        <StarRating rating={media.rating} canEdit={canEdit} onRate={(rating) => void edit(media.id, { rating }, { rating: media.rating })} />
        <Button
          icon={<HeartIcon />}
          aria-pressed={media.isFavorite}
          aria-disabled={!canEdit}
          onClick={() => canEdit && void edit(media.id, { isFavorite: !media.isFavorite })}
        >
          {t(media.isFavorite ? "media.favorite" : "edit.favorite")}
        </Button>
        {canEdit && (
          <>
            <Button icon={<EditIcon />} aria-expanded={isEditing} onClick={() => setIsEditing(!isEditing)}>
              {t("edit.open")}
            </Button>
            <Button icon={<ShareIcon />} onClick={() => setIsSharing(true)}>
              {t("share.open")}
            </Button>
            <Button icon={<TrashIcon />} onClick={() => void trash()}>
              {t("edit.trash")}
            </Button>
          </>
        )}
      </div>
      {isEditing && (
        <Suspense>
          <EditForm media={props.media} onDone={() => setIsEditing(false)} />
        </Suspense>
      )}
      {isSharing && (
        <Suspense>
          <ShareDialog title={media.title} target={{ mediaId: media.id }} onClose={() => setIsSharing(false)} />
        </Suspense>
      )}
      {media.description && <p className={styles.description}>{media.description}</p>}
      <ul className={styles.chips}>
        {media.tags.nodes.map((tag) => (
          <Chip key={tag.id} field="tags" id={tag.id} name={`# ${tag.name}`} />
        ))}
        {media.people.nodes.map((person) => (
          <Chip key={person.id} field="people" id={person.id} name={person.name} />
        ))}
        {media.studio && <Chip field="studio" id={media.studio.id} name={media.studio.name} />}
      </ul>
      <FactList facts={facts} />
    </section>
  );
}

/** Leads to all media that have it. */
function Chip({ field, id, name }: { readonly field: Condition["field"]; readonly id: string; readonly name: string }) {
  const filter = addItem(noFilter, { kind: "condition", field, operator: "anyOf", values: [id] });
  return (
    <li>
      <Link className={styles.chip} href={paths.library(formatLibrarySearch({ ...wholeLibrary, filter }))}>
        {name}
      </Link>
    </li>
  );
}
