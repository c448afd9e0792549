//! Tagging by names in paths: what it would do, item by item, and then the job that does it.

import "@/lib/page-messages";
import { useState } from "react";
import { useClient } from "urql";
import { Link } from "wouter";
import { EntityPicker } from "@/components/entity-picker";
import { JobRowFragment } from "@/components/job-fragment";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { Denied, problemText } from "@/components/states";
import { offerUndo } from "@/components/undo";
import { graphql, readFragment, type ResultOf } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { Notice } from "@/ui/notice";
import styles from "./auto-tag-page.module.css";

const AutoTagPreview = graphql(`
  query AutoTagPreview($after: ID, $input: StartAutoTagInput!) {
    autoTagPreview(first: 100, after: $after, input: $input) {
      lookedAtCount
      next
      matches { media { __typename id title files { id path } } tags { id name } people { id name } studio { id name } }
    }
  }
`);

const StartAutoTag = graphql(`mutation StartAutoTag($input: StartAutoTagInput!) { startAutoTag(input: $input) { job { ...JobRow } undoToken } }`, [JobRowFragment]);

type Preview = ResultOf<typeof AutoTagPreview>["autoTagPreview"];

/** What was found so far. */
interface Found {
  readonly matches: Preview["matches"];
  readonly lookedAt: number;
  readonly next: string | null;
}

const names = ["tags", "people", "studios"] as const;
const labels = { tags: "nav.tags", people: "nav.people", studios: "nav.studios" } as const;

export function Page() {
  usePageTitle(t("nav.autoTag"));
  const client = useClient();
  const canEdit = useCanEdit();
  const [libraryIds, setLibraryIds] = useState<readonly string[]>([]);
  const [wanted, setWanted] = useState({ tags: true, people: true, studios: true });
  const [found, setFound] = useState<Found | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  if (!canEdit) return <Denied />;
  const input = { ...wanted, ...(libraryIds[0] === undefined ? {} : { libraryId: libraryIds[0] }) };
  const look = async (before: Found | null) => {
    setIsBusy(true);
    const after = before?.next == null ? {} : { after: before.next };
    const { data, error } = await client.query(AutoTagPreview, { input, ...after }, { requestPolicy: "network-only" }).toPromise();
    setIsBusy(false);
    setProblem(error ? problemText(error) : null);
    if (!data) return;
    const { matches, lookedAtCount, next } = data.autoTagPreview;
    setFound({ matches: [...(before?.matches ?? []), ...matches], lookedAt: (before?.lookedAt ?? 0) + lookedAtCount, next });
  };
  const start = async () => {
    const { data, error } = await client.mutation(StartAutoTag, { input }).toPromise();
    setProblem(error ? problemText(error) : null);
    if (!data) return;
    setFound(null);
    offerUndo(client, readFragment(JobRowFragment, data.startAutoTag.job).title, [data.startAutoTag.undoToken]);
  };
  // Another choice would do something else than what is shown.
  const change = (next: Partial<typeof wanted>) => {
    setWanted({ ...wanted, ...next });
    setFound(null);
  };
  return (
    <div className={styles.page}>
      <PageHead title={t("nav.autoTag")} />
      <p className={styles.note}>{t("autoTag.note")}</p>
      <div className={styles.choose}>
        <EntityPicker
          kind="library"
          label={t("field.library")}
          ids={libraryIds}
          onChange={(ids) => {
            setLibraryIds(ids);
            setFound(null);
          }}
          isSingle
        />
        {names.map((name) => (
          <label key={name} className={styles.check}>
            <input type="checkbox" checked={wanted[name]} onChange={(event) => change({ [name]: event.target.checked })} />
            {t(labels[name])}
          </label>
        ))}
      </div>
      <div className={styles.choose}>
        <Button isBusy={isBusy} onClick={() => void look(null)}>
          {t("bulk.look")}
        </Button>
        {found !== null && found.matches.length > 0 && (
          <Button look="primary" onClick={() => void start()}>
            {t("autoTag.start")}
          </Button>
        )}
      </div>
      {problem !== null && <Notice tone="bad">{problem}</Notice>}
      {found !== null && (
        <section aria-label={t("autoTag.preview")} className={styles.preview}>
          <p role="status">{t("autoTag.found", { count: found.matches.length, looked: found.lookedAt })}</p>
          <ul className={styles.list}>
            {found.matches.map(({ media, tags, people, studio }) => (
              <li key={media.id} className={styles.match}>
                <span>
                  <Link href={paths.media(media.id)}>{media.title}</Link>
                  <span className={styles.path}>{media.files[0]?.path}</span>
                </span>
                <span className={styles.names}>
                  {[...tags.map(({ id, name }) => ({ id, name: `# ${name}` })), ...people, ...(studio === null ? [] : [studio])].map(({ id, name }) => (
                    <span key={id} className={styles.name}>
                      {name}
                    </span>
                  ))}
                </span>
              </li>
            ))}
          </ul>
          {found.next !== null && (
            <Button isBusy={isBusy} onClick={() => void look(found)}>
              {t("autoTag.further")}
            </Button>
          )}
        </section>
      )}
    </div>
  );
}
