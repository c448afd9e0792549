//! All galleries as cards with their covers; and a job that makes one of each folder with pictures.

import "@/lib/page-messages";
import { type FormEvent, useState } from "react";
import { useClient, useQuery } from "urql";
import { Link, useLocation, useSearch } from "wouter";
import cards from "@/components/cards.module.css";
import { EntityPicker } from "@/components/entity-picker";
import { JobRowFragment } from "@/components/job-fragment";
import { Picture } from "@/components/media-tile";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { problemText } from "@/components/states";
import { offerUndo } from "@/components/undo";
import { ListSearch, WindowBody, type WindowPlace, Windows } from "@/components/windowed";
import { graphql } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { Dialog } from "@/ui/dialog";
import { Empty } from "@/ui/empty";
import { Field, NamedField } from "@/ui/field";
import { FolderIcon, ImageIcon } from "@/ui/icons";
import { Notice } from "@/ui/notice";
import styles from "./collections-page.module.css";

const Galleries = graphql(`
  query Galleries($first: Int!, $after: String, $search: String) {
    galleries(first: $first, after: $after, search: $search, sort: [{ field: NAME, direction: ASC }]) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes { id name isFolder itemCount cover { __typename id thumbnail { url thumbhash srcset { url width } } } }
    }
  }
`);

const GalleriesOfFolders = graphql(
  `mutation GalleriesOfFolders($input: CreateFolderGalleriesInput!) { createFolderGalleries(input: $input) { job { ...JobRow } undoToken } }`,
  [JobRowFragment],
);

const pageSize = 48;

export function Page() {
  usePageTitle(t("nav.galleries"));
  const canEdit = useCanEdit();
  const [, navigate] = useLocation();
  const text = new URLSearchParams(useSearch()).get("q") ?? "";
  const [isMaking, setIsMaking] = useState(false);
  const search = (next: string) =>
    navigate(next === "" ? paths.galleries() : `${paths.galleries()}?${new URLSearchParams({ q: next }).toString()}`, { replace: true });
  return (
    <>
      <PageHead title={t("nav.galleries")}>
        <ListSearch label={t("organize.search")} value={text} onChange={search} />
        {canEdit && (
          <Button icon={<FolderIcon />} onClick={() => setIsMaking(true)}>
            {t("galleries.ofFolders")}
          </Button>
        )}
      </PageHead>
      <Windows key={text}>{(place) => <Window text={text} {...place} />}</Windows>
      {isMaking && <FolderDialog onClose={() => setIsMaking(false)} />}
    </>
  );
}

function Window({ text, ...place }: WindowPlace & { readonly text: string }) {
  const { after } = place;
  const [{ data, error }, retry] = useQuery({
    query: Galleries,
    variables: { first: pageSize, ...(text === "" ? {} : { search: text }), ...(after === null ? {} : { after }) },
    requestPolicy: "cache-and-network",
  });
  return (
    <WindowBody data={data?.galleries} error={error} onRetry={() => retry({ requestPolicy: "network-only" })} pageInfo={({ pageInfo }) => pageInfo} {...place}>
      {({ nodes, totalCount }) =>
        totalCount === 0 ? (
          <Empty title={t(text === "" ? "galleries.none.title" : "library.noMatch.title")} icon={<ImageIcon />}>
            {text === "" && <p>{t("galleries.none.text")}</p>}
          </Empty>
        ) : (
          <ul className={cards.cards}>
            {nodes.map((gallery) => (
              <li key={gallery.id}>
                <Link className={styles.card} href={paths.gallery(gallery.id)}>
                  <span className={classNames(styles.cover, styles.single)}>
                    <Picture thumbnail={gallery.cover?.thumbnail ?? null} width={240} isHeld={false} isEager={false} />
                  </span>
                  <span className={styles.name}>{gallery.name}</span>
                  <span className={styles.note}>
                    {t("galleries.pictures", { count: gallery.itemCount })}
                    {gallery.isFolder && ` · ${t("galleries.isFolder")}`}
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        )
      }
    </WindowBody>
  );
}

function FolderDialog({ onClose }: { readonly onClose: () => void }) {
  const client = useClient();
  const [libraryIds, setLibraryIds] = useState<readonly string[]>([]);
  const [least, setLeast] = useState("2");
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const input = { minPictures: Number(least), ...(libraryIds[0] === undefined ? {} : { libraryId: libraryIds[0] }) };
    const { data, error } = await client.mutation(GalleriesOfFolders, { input }).toPromise();
    if (error) return setProblem(problemText(error));
    onClose();
    offerUndo(client, t("galleries.started"), [data?.createFolderGalleries.undoToken]);
  };
  return (
    <Dialog title={t("galleries.ofFolders")} closeLabel={t("dialog.close")} onClose={onClose}>
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        <p>{t("galleries.ofFoldersHint")}</p>
        <NamedField name={t("field.library")}>
          <EntityPicker kind="library" label={t("field.library")} ids={libraryIds} onChange={setLibraryIds} isSingle />
        </NamedField>
        <Field
          label={t("galleries.least")}
          name="least"
          type="number"
          min={2}
          max={1000}
          required
          value={least}
          onChange={(event) => setLeast(event.target.value)}
        />
        {problem !== null && <Notice tone="bad">{problem}</Notice>}
        <Button type="submit" look="primary">
          {t("galleries.start")}
        </Button>
      </form>
    </Dialog>
  );
}
