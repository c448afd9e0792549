//! Copies of the database: making one, fetching one, deleting one.

import { useCallback, useState } from "react";
import { useClient, useQuery } from "urql";
import { JobProgress } from "@/components/job-progress";
import { Failed, Loading, problemText } from "@/components/states";
import { graphql } from "@/data/graphql";
import { formatBytes, formatDateTime } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { Dialog } from "@/ui/dialog";
import { Notice } from "@/ui/notice";
import { showToast } from "@/ui/toast";
import styles from "./admin-page.module.css";
import { Table } from "./table";

const Backups = graphql(`query Backups { system { backups { name size createdAt reason downloadUrl } plugins { name isEnabled } } }`);
const StartBackup = graphql(`mutation StartBackup { startBackup { name job { id } } }`);
const DeleteBackup = graphql(`mutation DeleteBackup($input: DeleteBackupInput!) { deleteBackup(input: $input) { name } }`);

export function BackupsSection() {
  const client = useClient();
  const locale = currentLocale();
  const [{ data, error }, refetch] = useQuery({ query: Backups, requestPolicy: "cache-and-network" });
  const [job, setJob] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [leaving, setLeaving] = useState<string | null>(null);
  const again = useCallback(() => refetch({ requestPolicy: "network-only" }), [refetch]);
  const onOver = useCallback(() => {
    setJob(null);
    again();
  }, [again]);
  if (error && !data) return <Failed error={error} onRetry={again} />;
  if (!data) return <Loading />;
  const { backups, plugins } = data.system;
  if (backups === null) {
    const isOn = plugins.some((plugin) => plugin.name === "backup" && plugin.isEnabled);
    return (
      <Notice tone="info">
        {t(isOn ? "backups.elsewhere" : "backups.off")} {isOn && <code>pg_dump --format=custom</code>}
      </Notice>
    );
  }
  const start = async () => {
    const result = await client.mutation(StartBackup, {}).toPromise();
    setProblem(result.error ? problemText(result.error) : null);
    setJob(result.data?.startBackup.job.id ?? null);
  };
  const remove = async (name: string) => {
    const result = await client.mutation(DeleteBackup, { input: { name } }).toPromise();
    setLeaving(null);
    showToast(result.error ? { text: problemText(result.error), tone: "bad" } : { text: t("backups.deleted") });
    again();
  };
  return (
    <>
      <p className={styles.hint}>{t("backups.hint")}</p>
      <p className={styles.actions}>
        <Button look="primary" isBusy={job !== null} onClick={() => void start()}>
          {t("backups.start")}
        </Button>
      </p>
      {job !== null && <JobProgress id={job} onOver={onOver} />}
      {problem !== null && <Notice tone="bad">{problem}</Notice>}
      {backups.length === 0 ? (
        <p className={styles.note}>{t("backups.none")}</p>
      ) : (
        <Table label={t("admin.backups")} head={[t("admin.when"), t("admin.reason"), t("backups.size"), t("backups.name"), ""]} numbers={[2]} minor={[1, 3]}>
          {backups.map((backup) => {
            const when = formatDateTime(backup.createdAt, locale);
            return (
              <tr key={backup.name}>
                <td className={styles.exact}>{when}</td>
                <td className={classNames(styles.exact, styles.minor)}>{t(`backups.reason.${backup.reason}`)}</td>
                <td className={styles.number}>{formatBytes(backup.size, locale)}</td>
                <td className={classNames(styles.long, styles.minor)}>{backup.name}</td>
                <td>
                  <span className={styles.buttons}>
                    <a href={backup.downloadUrl} download={backup.name} aria-label={t("backups.fetchOf", { when })}>
                      {t("backups.fetch")}
                    </a>
                    <Button aria-label={t("backups.deleteOf", { when })} onClick={() => setLeaving(backup.name)}>
                      {t("backups.delete")}
                    </Button>
                  </span>
                </td>
              </tr>
            );
          })}
        </Table>
      )}
      {leaving !== null && (
        <Dialog title={t("backups.deleteTitle")} closeLabel={t("dialog.close")} onClose={() => setLeaving(null)}>
          <div className={styles.form}>
            <p>{t("backups.deleteText", { name: leaving })}</p>
            <Button look="primary" onClick={() => void remove(leaving)}>
              {t("backups.deleteSure")}
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
