//! The settings of a plugin as one form: what changed is saved together, and what is wrong is said where it is.

import { type FormEvent, type ReactNode, useId, useState } from "react";
import { useClient } from "urql";
import { problemText } from "@/components/states";
import { offerUndo } from "@/components/undo";
import { problemOf } from "@/data/errors";
import { graphql } from "@/data/graphql";
import { formatBytes } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Notice } from "@/ui/notice";
import { type Draft, draftOf, rangeOf, type SettingFacts, valueOf } from "./setting-facts";
import styles from "./settings.module.css";

const UpdateSettings = graphql(`
  mutation UpdateSettings($input: UpdateSettingsInput!) { updateSettings(input: $input) { needsRestart undoToken settings { key } } }
`);

interface SettingGroupProps {
  readonly section: string;
  readonly description: string | null;
  readonly settings: readonly SettingFacts[];
  readonly onChanged: () => void;
}

type Faults = Readonly<Record<string, string>>;

export function SettingGroup({ section, description, settings, onChanged }: SettingGroupProps) {
  const client = useClient();
  const titleId = useId();
  const [drafts, setDrafts] = useState<Readonly<Record<string, Draft>>>({});
  const [faults, setFaults] = useState<Faults>({});
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const changed = settings.filter((setting) => {
    const draft = drafts[setting.key];
    return draft !== undefined && draft !== draftOf(setting, setting.nextValue);
  });
  const discard = () => {
    setDrafts({});
    setFaults({});
    setProblem(null);
  };
  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (changed.length === 0 || isBusy) return;
    const values = changed.map((setting) => ({ key: setting.key, value: valueOf(setting, drafts[setting.key] ?? "") }));
    setIsBusy(true);
    const { data, error } = await client.mutation(UpdateSettings, { input: { values } }).toPromise();
    setIsBusy(false);
    if (error) {
      const found: Record<string, string> = {};
      for (const fault of problemOf(error).fields) {
        const index = Number(/^input\.values\[(\d+)\]/.exec(fault.path)?.[1] ?? Number.NaN);
        const key = values[index]?.key;
        if (key !== undefined) found[key] = fault.message;
      }
      setFaults(found);
      setProblem(Object.keys(found).length === 0 ? problemText(error) : null);
      return;
    }
    discard();
    onChanged();
    const token = data?.updateSettings.undoToken;
    if (token) offerUndo(client, t("setup.saved", { count: changed.length }), [token], onChanged);
  };
  return (
    <form noValidate className={styles.group} aria-labelledby={titleId} onSubmit={(event) => void save(event)}>
      <header>
        <h2 id={titleId} className={styles.title}>
          {section}
        </h2>
        <p className={styles.note} lang="en">
          {description ?? t("setup.ofServer")}
        </p>
      </header>
      {settings.map((setting) => (
        <SettingRow
          key={setting.key}
          setting={setting}
          draft={drafts[setting.key] ?? draftOf(setting, setting.nextValue)}
          fault={faults[setting.key] ?? null}
          onChange={(draft) => setDrafts({ ...drafts, [setting.key]: draft })}
        />
      ))}
      {problem !== null && <Notice tone="bad">{problem}</Notice>}
      {changed.length > 0 && (
        <p className={styles.save}>
          <Button type="submit" look="primary" isBusy={isBusy}>
            {t("edit.save")}
          </Button>
          <Button onClick={discard}>{t("setup.discard")}</Button>
          <span className={styles.note}>{t("setup.unsaved", { count: changed.length })}</span>
        </p>
      )}
    </form>
  );
}

interface SettingRowProps {
  readonly setting: SettingFacts;
  readonly draft: Draft;
  readonly fault: string | null;
  readonly onChange: (draft: Draft) => void;
}

function SettingRow({ setting, draft, fault, onChange }: SettingRowProps) {
  const id = useId();
  const noteId = `${id}-note`;
  const name = setting.key.slice(setting.section.length + 1);
  return (
    <div className={styles.row}>
      <div className={styles.text}>
        <label htmlFor={id} className={styles.name}>
          {name}
        </label>
        <p className={styles.note} lang="en">
          <Prose text={setting.description} />
        </p>
      </div>
      <div className={styles.control}>
        <Control id={id} noteId={noteId} setting={setting} draft={draft} hasFault={fault !== null} onChange={onChange} />
        <p id={noteId} className={fault === null ? styles.note : styles.fault}>
          <Prose text={fault ?? notes(setting).join(" · ")} />
        </p>
      </div>
    </div>
  );
}

interface ControlProps {
  readonly id: string;
  readonly noteId: string;
  readonly setting: SettingFacts;
  readonly draft: Draft;
  readonly hasFault: boolean;
  readonly onChange: (draft: Draft) => void;
}

function Control({ id, noteId, setting, draft, hasFault, onChange }: ControlProps): ReactNode {
  const shared = { id, disabled: !setting.isEditable, "aria-describedby": noteId, "aria-invalid": hasFault || undefined };
  const { least, most } = rangeOf(setting);
  switch (setting.kind) {
    case "BOOLEAN":
      return <input {...shared} type="checkbox" checked={draft === true} onChange={(event) => onChange(event.target.checked)} />;
    case "CHOICE":
      return (
        <select {...shared} value={String(draft)} onChange={(event) => onChange(event.target.value)}>
          {setting.choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      );
    case "LIST":
      return <textarea {...shared} rows={Math.max(2, String(draft).split("\n").length)} value={String(draft)} onChange={(event) => onChange(event.target.value)} />;
    case "INTEGER":
    case "NUMBER":
      return (
        <input
          {...shared}
          type="number"
          inputMode={setting.kind === "INTEGER" ? "numeric" : "decimal"}
          step={setting.kind === "INTEGER" ? 1 : "any"}
          min={least ?? undefined}
          max={most ?? undefined}
          value={String(draft)}
          onChange={(event) => onChange(event.target.value)}
        />
      );
    default:
      return <input {...shared} type="text" spellCheck={false} autoComplete="off" value={setting.isSecret ? "" : String(draft)} onChange={(event) => onChange(event.target.value)} />;
  }
}

/** What is worth knowing beside the value: limits, who said it, and what is still to come. */
function notes(setting: SettingFacts): string[] {
  const { least, most } = rangeOf(setting);
  const shown = (value: unknown) => spoken(setting, value);
  const limits =
    least !== null && most !== null
      ? t("setup.range", { least: String(least), most: String(most) })
      : least !== null
        ? t("setup.atLeast", { least: String(least) })
        : most !== null
          ? t("setup.atMost", { most: String(most) })
          : "";
  const source = t(`setup.source.${setting.source}`, { variable: setting.variable });
  const pending = setting.isPending ? t("setup.untilThen", { value: shown(setting.value) }) : "";
  const usual = setting.source === "DEFAULT" && !setting.isPending ? "" : t("setup.usual", { value: shown(setting.default) });
  const hidden = setting.isSecret ? t("setup.secret") : !setting.isEditable && setting.source === "DEFAULT" ? t("setup.outside", { variable: setting.variable }) : "";
  return [setting.kind === "INTEGER" ? sizeNote(setting) : "", limits, setting.isPending ? "" : source, pending, usual, hidden].filter(Boolean);
}

function sizeNote(setting: SettingFacts): string {
  return setting.key.endsWith("_bytes") && typeof setting.nextValue === "number" && setting.nextValue > 0 ? formatBytes(setting.nextValue, currentLocale()) : "";
}

function spoken(setting: SettingFacts, value: unknown): string {
  if (value === true || value === false) return t(value ? "setup.on" : "setup.off");
  if (value === null || (Array.isArray(value) && value.length === 0)) return t("setup.nothing");
  if (Array.isArray(value)) return value.join(", ");
  return setting.key.endsWith("_bytes") && typeof value === "number" ? formatBytes(value, currentLocale()) : String(value);
}

/** A sentence whose words in backticks are code. */
function Prose({ text }: { readonly text: string }) {
  return text.split("`").map((part, index) => {
    const key = `${index} ${part}`;
    return index % 2 === 1 ? <code key={key}>{part}</code> : <span key={key}>{part}</span>;
  });
}
