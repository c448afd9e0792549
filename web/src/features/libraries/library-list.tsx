//! The libraries: what each holds, whether it can be reached, its scan and its problems.

import { useState } from "react";
import { type Client, useClient, useMutation, useQuery } from "urql";
import { Link } from "wouter";
import { useNow } from "@/components/clock";
import { LibraryForm, StartScan } from "@/components/library-form";
import { Failed, problemText } from "@/components/states";
import { type FragmentOf, graphql, readFragment } from "@/data/graphql";
import { useCanEdit, useIsAdmin } from "@/data/session";
import { formatAgo, formatBytes, formatDuration } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Empty } from "@/ui/empty";
import { FolderIcon, PlusIcon, WarnIcon } from "@/ui/icons";
import { GearIcon, ScanIcon } from "@/ui/more-icons";
import { Notice } from "@/ui/notice";
import { LibraryDialog } from "./library-dialog";
import styles from "./library-list.module.css";

const LibraryCardFragment = graphql(`
  fragment LibraryCard on Library { id name paths kind mediaCount totalSize totalDuration lastScannedAt isOnline }
`);

const Libraries = graphql(`query Libraries { libraries { nodes { id ...LibraryCard } } }`, [LibraryCardFragment]);

const ScanFailureCount = graphql(`
  query ScanFailureCount($libraryId: ID!) { scanFailures(libraryId: $libraryId, first: 1) { totalCount } }
`);

/** Asks the server for the counts again. */
export async function refreshLibraries(client: Client): Promise<void> {
  await client.query(Libraries, {}, { requestPolicy: "network-only" }).toPromise();
}

/** Whether there is any library, as far as the page has been told. */
export function useHasLibraries(): boolean {
  const [{ data }] = useQuery({ query: Libraries, requestPolicy: "cache-only" });
  return (data?.libraries.nodes.length ?? 0) > 0;
}

export function LibraryList() {
  const isAdmin = useIsAdmin();
  const [isAdding, setIsAdding] = useState(false);
  const [{ data, error }, retry] = useQuery({ query: Libraries });
  if (error && !data) return <Failed error={error} onRetry={() => retry({ requestPolicy: "network-only" })} />;
  const isEmpty = data?.libraries.nodes.length === 0;
  const add = isAdmin && (
    <Button look={isEmpty ? "primary" : "plain"} icon={<PlusIcon />} onClick={() => setIsAdding(true)}>
      {t("library.add")}
    </Button>
  );
  return (
    <section aria-label={t("library.libraries")} className={styles.libraries} aria-busy={!data}>
      {isEmpty ? (
        <Empty title={t("library.empty.title")} icon={<FolderIcon />}>
          <p>{t(isAdmin ? "library.empty.admin" : "library.empty.viewer")}</p>
          {add}
        </Empty>
      ) : (
        <ul className={styles.list}>
          {data?.libraries.nodes.map((library) => (
            <LibraryCard key={library.id} library={library} />
          ))}
          {add && <li className={styles.add}>{add}</li>}
        </ul>
      )}
      {isAdding && (
        <Dialog title={t("library.add")} closeLabel={t("dialog.close")} onClose={() => setIsAdding(false)}>
          <LibraryForm onDone={() => setIsAdding(false)} />
        </Dialog>
      )}
    </section>
  );
}

function LibraryCard(props: { readonly library: FragmentOf<typeof LibraryCardFragment> }) {
  const library = readFragment(LibraryCardFragment, props.library);
  const client = useClient();
  const canEdit = useCanEdit();
  const isAdmin = useIsAdmin();
  const [isEditing, setIsEditing] = useState(false);
  const now = useNow();
  const locale = currentLocale();
  const [scan, startScan] = useMutation(StartScan);
  const facts = [
    t("library.counts", { count: library.mediaCount }),
    formatBytes(library.totalSize, locale),
    library.totalDuration > 0 ? formatDuration(library.totalDuration) : "",
  ];
  return (
    <li className={styles.card}>
      <FolderIcon />
      <div className={styles.text}>
        <h2 className={styles.name} title={library.paths.join("\n")}>
          {library.name}
          {!library.isOnline && (
            <span className={styles.offline} title={t("library.offlineHint")}>
              {t("library.offline")}
            </span>
          )}
        </h2>
        <p className={styles.facts}>{facts.filter(Boolean).join(" · ")}</p>
        <p className={styles.facts}>
          {library.lastScannedAt
            ? t("library.scanned", { when: formatAgo(library.lastScannedAt, now, locale) })
            : t("library.neverScanned")}
          <ProblemLink libraryId={library.id} />
        </p>
        {scan.error && <Notice tone="bad">{problemText(scan.error)}</Notice>}
      </div>
      {canEdit && (
        <div className={styles.actions}>
          <Button
            icon={<ScanIcon />}
            isBusy={scan.fetching}
            aria-label={t("library.scanOf", { name: library.name })}
            onClick={() => void startScan({ input: { libraryId: library.id } })}
          >
            {t("library.scan")}
          </Button>
          {isAdmin && <Button look="quiet" icon={<GearIcon />} aria-label={t("organize.edit", { name: library.name })} onClick={() => setIsEditing(true)} />}
        </div>
      )}
      {isEditing && <LibraryDialog id={library.id} name={library.name} onChanged={() => void refreshLibraries(client)} onClose={() => setIsEditing(false)} />}
    </li>
  );
}

/** Asks by itself, not the route, since a library does not know its problems: they are the scan plugin's root field. */
function ProblemLink({ libraryId }: { readonly libraryId: string }) {
  const [{ data }] = useQuery({ query: ScanFailureCount, variables: { libraryId } });
  const count = data?.scanFailures.totalCount ?? 0;
  if (count === 0) return null;
  return (
    <Link className={styles.problems} href={paths.failures(libraryId)}>
      <WarnIcon />
      {t("library.problems", { count })}
    </Link>
  );
}
