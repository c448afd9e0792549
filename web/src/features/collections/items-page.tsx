//! One collection or gallery: its items in their order, which is changed by dragging or by the buttons below each.

import "@/lib/page-messages";
import { useState } from "react";
import { type CombinedError, useClient } from "urql";
import { Link, useLocation } from "wouter";
import { KindIcon } from "@/components/kind-icon";
import { Picture } from "@/components/media-tile";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { ShareDialog } from "@/components/share-dialog";
import { Failed, Loading, Missing, problemText } from "@/components/states";
import { offerUndo } from "@/components/undo";
import { More } from "@/components/windowed";
import { graphql } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { Empty } from "@/ui/empty";
import { CloseIcon, CollectionIcon, TrashIcon } from "@/ui/icons";
import { BackIcon, NextIcon, ShareIcon } from "@/ui/more-icons";
import { Notice } from "@/ui/notice";
import { showToast } from "@/ui/toast";
import { CollectionDialog } from "./collection-dialog";
import styles from "./collections-page.module.css";
import { neighborAfterMove } from "./order";
import { useOrderedItems } from "./use-ordered-items";

const MoveItems = graphql(`mutation MoveItems($input: MoveInCollectionInput!) { moveInCollection(input: $input) { collection { id } gallery { id } undoToken } }`);
const RemoveItems = graphql(`
  mutation RemoveItems($input: RemoveFromCollectionInput!) {
    removeFromCollection(input: $input) { collection { id itemCount } gallery { id itemCount } undoToken }
  }
`);
const DeleteOrdered = graphql(`mutation DeleteOrdered($input: DeleteCollectionInput!) { deleteCollection(input: $input) { undoToken } }`);

interface ItemsPageProps {
  readonly kind: "collection" | "gallery";
  readonly id: string;
}

export function ItemsPage({ kind, id }: ItemsPageProps) {
  const client = useClient();
  const canEdit = useCanEdit();
  const [, navigate] = useLocation();
  const [isSharing, setIsSharing] = useState(false);
  const [isEditing, setIsEditing] = useState(false);
  const [dragged, setDragged] = useState<number | null>(null);
  const [over, setOver] = useState<number | null>(null);
  const isGallery = kind === "gallery";
  const { found, items, isLoading, error, again, more } = useOrderedItems(id, isGallery);
  usePageTitle(found?.name ?? t(isGallery ? "nav.galleries" : "nav.collections"));
  if (error && !found) return <Failed error={error} onRetry={() => void again()} />;
  if (isLoading) return <Loading />;
  if (!found) return <Missing />;
  const isOrdered = canEdit && !("isSmart" in found && found.isSmart);
  const failed = (problem: CombinedError) => showToast({ text: t("edit.failed", { reason: problemText(problem) }), tone: "bad" });

  const move = async (from: number, to: number) => {
    const media = items[from]?.media;
    const afterId = neighborAfterMove(items.map((item) => item.media.id), from, to);
    if (!media || afterId === undefined) return;
    const { error: problem, data: done } = await client.mutation(MoveItems, { input: { id, mediaIds: [media.id], afterId } }).toPromise();
    if (problem) return failed(problem);
    void again();
    offerUndo(client, t("collections.moved"), [done?.moveInCollection.undoToken], () => void again());
  };
  const remove = async (mediaId: string) => {
    const { error: problem, data: done } = await client.mutation(RemoveItems, { input: { id, mediaIds: [mediaId] } }).toPromise();
    if (problem) return failed(problem);
    void again();
    offerUndo(client, t("collections.removed"), [done?.removeFromCollection.undoToken], () => void again());
  };
  const discard = async () => {
    const { error: problem, data: done } = await client.mutation(DeleteOrdered, { input: { id } }).toPromise();
    if (problem) return failed(problem);
    navigate(isGallery ? paths.galleries() : paths.collections());
    offerUndo(client, t("collections.deleted", { name: found.name }), [done?.deleteCollection.undoToken]);
  };

  return (
    <>
      <PageHead title={found.name} note={t("library.counts", { count: found.itemCount })}>
        {canEdit && (
          <>
            <Button icon={<ShareIcon />} onClick={() => setIsSharing(true)}>
              {t("share.open")}
            </Button>
            <Button onClick={() => setIsEditing(true)}>{t("edit.open")}</Button>
            <Button icon={<TrashIcon />} onClick={() => void discard()}>
              {t(isGallery ? "galleries.delete" : "collections.delete")}
            </Button>
          </>
        )}
      </PageHead>
      {isEditing && <CollectionDialog id={id} name={found.name} description={found.description} onClose={() => setIsEditing(false)} />}
      {isSharing && <ShareDialog title={found.name} target={{ collectionId: id }} onClose={() => setIsSharing(false)} />}
      {found.description && <p className={styles.about}>{found.description}</p>}
      {items.length === 0 && <Empty title={t("collections.empty")} icon={<CollectionIcon />} />}
      <ol className={styles.items}>
        {items.map(({ media }, index) => (
          // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- the buttons below do the same by keyboard
          <li
            key={media.id}
            className={classNames(styles.item, over === index && styles.over)}
            draggable={isOrdered}
            onDragStart={() => setDragged(index)}
            onDragOver={(event) => {
              if (dragged === null) return;
              event.preventDefault();
              setOver(index);
            }}
            onDragEnd={() => {
              setDragged(null);
              setOver(null);
            }}
            onDrop={(event) => {
              event.preventDefault();
              if (dragged !== null) void move(dragged, index);
              setOver(null);
            }}
          >
            <Link href={paths.media(media.id)}>
              <span className={styles.cover}>
                {media.thumbnail === null && <KindIcon type={media.__typename} />}
                <Picture thumbnail={media.thumbnail} width={220} isHeld={false} isEager={false} />
              </span>
              <span className={styles.title}>{media.title}</span>
            </Link>
            {isOrdered && (
              <span className={styles.moves}>
                <Button look="quiet" icon={<BackIcon />} aria-label={t("collections.earlier", { title: media.title })} onClick={() => void move(index, index - 1)} />
                <Button look="quiet" icon={<NextIcon />} aria-label={t("collections.later", { title: media.title })} onClick={() => void move(index, index + 1)} />
                <Button look="quiet" icon={<CloseIcon />} aria-label={t("collections.remove", { title: media.title })} onClick={() => void remove(media.id)} />
              </span>
            )}
          </li>
        ))}
      </ol>
      {error && <Notice tone="bad">{problemText(error)}</Notice>}
      <More onMore={more} />
    </>
  );
}
