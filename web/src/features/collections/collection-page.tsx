//! One collection: its items in their order, which is changed by dragging or by the buttons below each.

import "@/lib/page-messages";
import { useState } from "react";
import { type CombinedError, useClient, useQuery } from "urql";
import { Link, useLocation } from "wouter";
import type { PageProps } from "@/components/feature";
import { Picture } from "@/components/media-tile";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { Failed, Loading, Missing, problemText } from "@/components/states";
import { offerUndo } from "@/components/undo";
import { graphql } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { Empty } from "@/ui/empty";
import { CloseIcon, CollectionIcon, TrashIcon } from "@/ui/icons";
import { BackIcon, NextIcon } from "@/ui/more-icons";
import { showToast } from "@/ui/toast";
import styles from "./collections-page.module.css";

const CollectionItems = graphql(`
  query CollectionItems($id: ID!, $first: Int!) {
    collection(id: $id) {
      id
      name
      description
      isSmart
      itemCount
      items(first: $first) { nodes { position media { __typename id title thumbnail { url thumbhash srcset { url width } } } } }
    }
  }
`);

const MoveInCollection = graphql(`mutation MoveInCollection($input: MoveInCollectionInput!) { moveInCollection(input: $input) { collection { id } undoToken } }`);
const RemoveFromCollection = graphql(`
  mutation RemoveFromCollection($input: RemoveFromCollectionInput!) { removeFromCollection(input: $input) { collection { id itemCount } undoToken } }
`);
const DeleteCollection = graphql(`mutation DeleteCollection($input: DeleteCollectionInput!) { deleteCollection(input: $input) { undoToken } }`);

const step = 100;
const most = 200;

export function Page({ params }: PageProps) {
  const id = params.id ?? "";
  const client = useClient();
  const canEdit = useCanEdit();
  const [, navigate] = useLocation();
  const [first, setFirst] = useState(step);
  const [dragged, setDragged] = useState<number | null>(null);
  const [over, setOver] = useState<number | null>(null);
  const [{ data, error }, refetch] = useQuery({ query: CollectionItems, variables: { id, first }, requestPolicy: "cache-and-network" });
  const again = () => refetch({ requestPolicy: "network-only" });
  const collection = data?.collection;
  usePageTitle(collection?.name ?? t("nav.collections"));
  if (error && !data) return <Failed error={error} onRetry={again} />;
  if (!data) return <Loading />;
  if (!collection) return <Missing />;
  const items = collection.items.nodes;
  const isOrdered = canEdit && !collection.isSmart;
  const failed = (problem: CombinedError) => showToast({ text: t("edit.failed", { reason: problemText(problem) }), tone: "bad" });

  /** Puts an item right before the one that is at a place now. */
  const move = async (from: number, to: number) => {
    const media = items[from]?.media;
    if (!media || from === to || to < 0 || to > items.length) return;
    const afterId = items[to > from ? to : to - 1]?.media.id ?? null;
    const { error: problem, data: done } = await client.mutation(MoveInCollection, { input: { id, mediaIds: [media.id], afterId } }).toPromise();
    if (problem) return failed(problem);
    again();
    offerUndo(client, t("collections.moved"), [done?.moveInCollection.undoToken], again);
  };
  const remove = async (mediaId: string) => {
    const { error: problem, data: done } = await client.mutation(RemoveFromCollection, { input: { id, mediaIds: [mediaId] } }).toPromise();
    if (problem) return failed(problem);
    again();
    offerUndo(client, t("collections.removed"), [done?.removeFromCollection.undoToken], again);
  };
  const discard = async () => {
    const { error: problem, data: done } = await client.mutation(DeleteCollection, { input: { id } }).toPromise();
    if (problem) return failed(problem);
    navigate(paths.collections());
    offerUndo(client, t("collections.deleted", { name: collection.name }), [done?.deleteCollection.undoToken]);
  };

  return (
    <>
      <PageHead title={collection.name} note={t("library.counts", { count: collection.itemCount })}>
        {canEdit && (
          <Button icon={<TrashIcon />} onClick={() => void discard()}>
            {t("collections.delete")}
          </Button>
        )}
      </PageHead>
      {collection.description && <p>{collection.description}</p>}
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
      {collection.itemCount > items.length && first < most && <Button onClick={() => setFirst(first + step)}>{t("organize.more")}</Button>}
    </>
  );
}
