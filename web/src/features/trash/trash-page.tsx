//! Files in the trash, the latest first.

import "@/lib/page-messages";
import { useState } from "react";
import { useClient, useQuery } from "urql";
import { useNow } from "@/components/clock";
import { Picture } from "@/components/media-tile";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { Failed, Loading, problemText } from "@/components/states";
import { graphql } from "@/data/graphql";
import { formatAgo, formatBytes } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Empty } from "@/ui/empty";
import { TrashIcon } from "@/ui/icons";
import { RestoreIcon } from "@/ui/more-icons";
import { showToast } from "@/ui/toast";
import styles from "./trash-page.module.css";

const Trash = graphql(`
  query Trash($first: Int!, $after: String) {
    trash(first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      edges { cursor node { path size trashedAt file { id } media { __typename id title thumbnail { url thumbhash srcset { url width } } } } }
    }
  }
`);

const RestoreFiles = graphql(`mutation RestoreFiles($input: RestoreFilesInput!) { restoreFiles(input: $input) { files { id status } failures { code message } } }`);
const EmptyTrash = graphql(`mutation EmptyTrash($input: EmptyTrashInput!) { emptyTrash(input: $input) { job { id status } } }`);

const pageSize = 50;

export function Page() {
  usePageTitle(t("nav.trash"));
  const client = useClient();
  const now = useNow();
  const locale = currentLocale();
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null]);
  const [isAsking, setIsAsking] = useState(false);
  const after = cursors.at(-1) ?? null;
  const [{ data, error }, refetch] = useQuery({
    query: Trash,
    variables: { first: pageSize, ...(after === null ? {} : { after }) },
    requestPolicy: "cache-and-network",
  });
  const again = () => refetch({ requestPolicy: "network-only" });
  const restore = async (fileIds: string[]) => {
    const result = await client.mutation(RestoreFiles, { input: { fileIds } }).toPromise();
    const reason = result.error ? problemText(result.error) : result.data?.restoreFiles.failures[0]?.message;
    const count = result.data?.restoreFiles.files.length ?? 0;
    if (reason) showToast({ text: t("trash.notRestored", { reason }), tone: "bad" });
    else showToast({ text: t("trash.restored", { count }) });
    again();
  };
  const empty = async () => {
    setIsAsking(false);
    const result = await client.mutation(EmptyTrash, { input: {} }).toPromise();
    showToast(result.error ? { text: problemText(result.error), tone: "bad" } : { text: t("trash.emptying") });
    again();
  };
  const connection = data?.trash;
  const files = connection?.edges.flatMap(({ node }) => node.file?.id ?? []) ?? [];
  return (
    <>
      <PageHead title={t("nav.trash")} note={connection && t("trash.count", { count: connection.totalCount })}>
        {files.length > 0 && <Button onClick={() => void restore(files)}>{t("trash.restoreShown", { count: files.length })}</Button>}
        {connection && connection.totalCount > 0 && (
          <Button icon={<TrashIcon />} onClick={() => setIsAsking(true)}>
            {t("trash.empty")}
          </Button>
        )}
      </PageHead>
      {error && !data && <Failed error={error} onRetry={again} />}
      {!data && !error && <Loading />}
      {connection?.totalCount === 0 && (
        <Empty title={t("trash.none.title")} icon={<TrashIcon />}>
          <p>{t("trash.none.text")}</p>
        </Empty>
      )}
      <ul className={styles.list}>
        {connection?.edges.map(({ cursor, node }) => (
          <li key={cursor} className={styles.row}>
            <span className={styles.picture}>
              <Picture thumbnail={node.media?.thumbnail ?? null} width={96} isHeld={false} isEager={false} />
            </span>
            <span className={styles.text}>
              <strong>{node.media?.title ?? node.path}</strong>
              <span className={styles.note}>{node.path}</span>
            </span>
            <span className={styles.note}>{formatBytes(node.size, locale)}</span>
            <span className={styles.note}>{formatAgo(node.trashedAt, now, locale)}</span>
            {node.file && (
              <Button icon={<RestoreIcon />} aria-label={t("trash.restoreOf", { path: node.path })} onClick={() => node.file && void restore([node.file.id])}>
                {t("trash.restore")}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {connection && (cursors.length > 1 || connection.pageInfo.hasNextPage) && (
        <p className={styles.pages}>
          <Button aria-disabled={cursors.length === 1} onClick={() => cursors.length > 1 && setCursors(cursors.slice(0, -1))}>
            {t("page.previous")}
          </Button>
          <Button
            aria-disabled={!connection.pageInfo.hasNextPage}
            onClick={() => connection.pageInfo.hasNextPage && setCursors([...cursors, connection.pageInfo.endCursor])}
          >
            {t("page.next")}
          </Button>
        </p>
      )}
      {isAsking && (
        <Dialog title={t("trash.empty")} closeLabel={t("dialog.close")} onClose={() => setIsAsking(false)}>
          <p>{t("trash.sure", { count: connection?.totalCount ?? 0 })}</p>
          <p className={styles.pages}>
            <Button onClick={() => setIsAsking(false)}>{t("edit.cancel")}</Button>
            <Button look="primary" onClick={() => void empty()}>
              {t("trash.empty")}
            </Button>
          </p>
        </Dialog>
      )}
    </>
  );
}
