//! Tagging by names in paths.

import "@/lib/page-messages";
import { useState } from "react";
import { useClient } from "urql";
import { EntityPicker } from "@/components/entity-picker";
import { JobRowFragment } from "@/components/job-fragment";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { Denied } from "@/components/states";
import { graphql } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { t } from "@/lib/messages";
import { RuleChecks, RuleMatch, RuleRun } from "./rule-run";
import styles from "./rule-run.module.css";

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

export function Page() {
  usePageTitle(t("nav.autoTag"));
  const client = useClient();
  const canEdit = useCanEdit();
  const [libraryIds, setLibraryIds] = useState<readonly string[]>([]);
  const [wanted, setWanted] = useState({ tags: true, people: true, studios: true });
  if (!canEdit) return <Denied />;
  const input = { ...wanted, ...(libraryIds[0] === undefined ? {} : { libraryId: libraryIds[0] }) };
  return (
    <div className={styles.page}>
      <PageHead title={t("nav.autoTag")} />
      <p className={styles.note}>{t("autoTag.note")}</p>
      <div className={styles.choose}>
        <EntityPicker kind="library" label={t("field.library")} ids={libraryIds} onChange={setLibraryIds} isSingle isUnlabeled />
        <RuleChecks
          names={[
            { name: "tags", label: t("nav.tags") },
            { name: "people", label: t("nav.people") },
            { name: "studios", label: t("nav.studios") },
          ]}
          chosen={wanted}
          onChange={(name, isChosen) => setWanted({ ...wanted, [name]: isChosen })}
        />
      </div>
      <RuleRun
        key={JSON.stringify(input)}
        startText={t("autoTag.start")}
        onPreview={async (after) => {
          const { data, error } = await client.query(AutoTagPreview, { input, after }, { requestPolicy: "network-only" }).toPromise();
          return { value: data?.autoTagPreview, error };
        }}
        onStart={async () => {
          const { data, error } = await client.mutation(StartAutoTag, { input }).toPromise();
          return { value: data?.startAutoTag, error };
        }}
      >
        {({ media, tags, people, studio }) => (
          <RuleMatch key={media.id} media={media} gets={[...tags.map(({ name }) => `# ${name}`), ...people.map(({ name }) => name), ...(studio === null ? [] : [studio.name])]} />
        )}
      </RuleRun>
    </div>
  );
}
