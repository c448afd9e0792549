//! What file names say, by a pattern: titles, days, people and fields, seen before they are written.

import "@/lib/page-messages";
import { useState } from "react";
import { useClient } from "urql";
import { EntityPicker } from "@/components/entity-picker";
import { JobRowFragment } from "@/components/job-fragment";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { Denied } from "@/components/states";
import { graphql, type ResultOf } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { t } from "@/lib/messages";
import { Field } from "@/ui/field";
import { RuleChecks, RuleMatch, RuleRun } from "./rule-run";
import styles from "./rule-run.module.css";

const NameRulePreview = graphql(`
  query NameRulePreview($after: ID, $input: StartNameRuleInput!) {
    nameRulePreview(first: 100, after: $after, input: $input) {
      lookedAtCount
      next
      matches { media { __typename id title files { id path } } title date studio people tags fields { field text } }
    }
  }
`);

const StartNameRule = graphql(`mutation StartNameRule($input: StartNameRuleInput!) { startNameRule(input: $input) { job { ...JobRow } undoToken } }`, [JobRowFragment]);

type Match = ResultOf<typeof NameRulePreview>["nameRulePreview"]["matches"][number];

/** To begin with, and to show what a pattern looks like. */
const usual = "{studio}/{date} - {title}";

export function Page() {
  usePageTitle(t("nav.nameRules"));
  const client = useClient();
  const canEdit = useCanEdit();
  const [pattern, setPattern] = useState(usual);
  const [libraryIds, setLibraryIds] = useState<readonly string[]>([]);
  const [wanted, setWanted] = useState({ createMissing: true, replace: false });
  if (!canEdit) return <Denied />;
  const input = { pattern: pattern.trim(), ...wanted, ...(libraryIds[0] === undefined ? {} : { libraryId: libraryIds[0] }) };
  return (
    <div className={styles.page}>
      <PageHead title={t("nav.nameRules")} />
      <p className={styles.note}>{t("nameRules.note")}</p>
      <Field
        label={t("nameRules.pattern")}
        hint={t("nameRules.hint", { places: "{title} {date} {year} {studio} {people} {tags} {skip} {field:NAME}" })}
        name="pattern"
        required
        spellCheck={false}
        autoComplete="off"
        value={pattern}
        onChange={(event) => setPattern(event.target.value)}
      />
      <div className={styles.choose}>
        <EntityPicker kind="library" label={t("field.library")} ids={libraryIds} onChange={setLibraryIds} isSingle isUnlabeled />
        <RuleChecks
          names={[
            { name: "createMissing", label: t("nameRules.createMissing") },
            { name: "replace", label: t("nameRules.replace") },
          ]}
          chosen={wanted}
          onChange={(name, isChosen) => setWanted({ ...wanted, [name]: isChosen })}
        />
      </div>
      <RuleRun
        key={JSON.stringify(input)}
        startText={t("nameRules.start")}
        isReady={input.pattern !== ""}
        onPreview={async (after) => {
          const { data, error } = await client.query(NameRulePreview, { input, after }, { requestPolicy: "network-only" }).toPromise();
          return { value: data?.nameRulePreview, error };
        }}
        onStart={async () => {
          const { data, error } = await client.mutation(StartNameRule, { input }).toPromise();
          return { value: data?.startNameRule, error };
        }}
      >
        {(match) => <RuleMatch key={match.media.id} media={match.media} gets={gotBy(match)} />}
      </RuleRun>
    </div>
  );
}

/** What an item gets, each with a word for what it is. */
function gotBy({ title, date, studio, people, tags, fields }: Match): readonly string[] {
  const facts = [
    [t("library.sort.title"), title],
    [t("library.sort.date"), date],
    [t("media.studio"), studio],
    ...fields.map(({ field, text }) => [field, text] as const),
  ] as const;
  return [...facts.flatMap(([label, value]) => (value === null ? [] : [`${label}: ${value}`])), ...people, ...tags.map((tag) => `# ${tag}`)];
}
