//! A rule that changes many items: what it would do, item by item, and then the job that does it, with its way back.

import { type ReactNode, useState } from "react";
import { type CombinedError, useClient } from "urql";
import { Link } from "wouter";
import { JobRowFragment } from "@/components/job-fragment";
import { problemText } from "@/components/states";
import { offerUndo } from "@/components/undo";
import { type FragmentOf, readFragment } from "@/data/graphql";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { Notice } from "@/ui/notice";
import styles from "./rule-run.module.css";

/** Some thousand items looked at, and those that would change. */
export interface RulePreview<Match> {
  readonly lookedAtCount: number;
  readonly matches: readonly Match[];
  /** Where to go on; null at the end. */
  readonly next: string | null;
}

/** An answer, or why there is none. */
export interface Answer<Value> {
  readonly value: Value | undefined;
  readonly error: CombinedError | undefined;
}

/** What began. */
export interface RuleStart {
  readonly job: FragmentOf<typeof JobRowFragment>;
  readonly undoToken: string;
}

interface RuleRunProps<Match> {
  /** What the button that does it is called. */
  readonly startText: string;
  readonly isReady?: boolean;
  readonly onPreview: (after: string | null) => Promise<Answer<RulePreview<Match>>>;
  readonly onStart: () => Promise<Answer<RuleStart>>;
  readonly children: (match: Match) => ReactNode;
}

/** Another rule must be given another key, for it would do something else than what is shown. */
export function RuleRun<Match>({ startText, isReady = true, onPreview, onStart, children }: RuleRunProps<Match>) {
  const client = useClient();
  const [found, setFound] = useState<RulePreview<Match> | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const look = async (before: RulePreview<Match> | null) => {
    setIsBusy(true);
    const { value, error } = await onPreview(before?.next ?? null);
    setIsBusy(false);
    setProblem(error ? problemText(error) : null);
    if (value === undefined) return;
    const { matches, lookedAtCount, next } = value;
    setFound({ matches: [...(before?.matches ?? []), ...matches], lookedAtCount: (before?.lookedAtCount ?? 0) + lookedAtCount, next });
  };
  const start = async () => {
    const { value, error } = await onStart();
    setProblem(error ? problemText(error) : null);
    if (value === undefined) return;
    setFound(null);
    offerUndo(client, readFragment(JobRowFragment, value.job).title, [value.undoToken]);
  };
  return (
    <>
      <div className={styles.choose}>
        <Button isBusy={isBusy} aria-disabled={!isReady} onClick={() => isReady && void look(null)}>
          {t("bulk.look")}
        </Button>
        {found !== null && found.matches.length > 0 && (
          <Button look="primary" onClick={() => void start()}>
            {startText}
          </Button>
        )}
      </div>
      {problem !== null && <Notice tone="bad">{problem}</Notice>}
      {found !== null && (
        <section aria-label={t("autoTag.preview")} className={styles.preview}>
          <p role="status">{t("autoTag.found", { count: found.matches.length, looked: found.lookedAtCount })}</p>
          <ul className={styles.preview}>{found.matches.map(children)}</ul>
          {found.next !== null && (
            <Button isBusy={isBusy} onClick={() => void look(found)}>
              {t("autoTag.further")}
            </Button>
          )}
        </section>
      )}
    </>
  );
}

interface RuleMatchProps {
  readonly media: { readonly id: string; readonly title: string; readonly files: readonly { readonly path: string }[] };
  /** What it gets. */
  readonly gets: readonly string[];
}

/** An item that would change. */
export function RuleMatch({ media, gets }: RuleMatchProps) {
  return (
    <li className={styles.match}>
      <span>
        <Link href={paths.media(media.id)}>{media.title}</Link>
        <span className={styles.path}>{media.files[0]?.path}</span>
      </span>
      <span className={styles.names}>
        {gets.map((name) => (
          <span key={name} className={styles.name}>
            {name}
          </span>
        ))}
      </span>
    </li>
  );
}

interface RuleChecksProps<Name extends string> {
  readonly names: readonly { readonly name: Name; readonly label: string }[];
  readonly chosen: Readonly<Record<Name, boolean>>;
  readonly onChange: (name: Name, isChosen: boolean) => void;
}

/** What a rule may do, to be ticked. */
export function RuleChecks<Name extends string>({ names, chosen, onChange }: RuleChecksProps<Name>) {
  return names.map(({ name, label }) => (
    <label key={name} className={styles.check}>
      <input type="checkbox" checked={chosen[name]} onChange={(event) => onChange(name, event.target.checked)} />
      {label}
    </label>
  ));
}
