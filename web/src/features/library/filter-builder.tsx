//! The filter builder: conditions in groups, groups in groups. What is built is applied at once, so that the list behind it is the preview.

import "@/lib/filter-language";
import "@/lib/page-messages";
import { useState } from "react";
import { customChoices, fieldLabel, useCustomFields } from "@/components/custom-fields";
import { EntityPicker } from "@/components/entity-picker";
import { choiceText } from "@/components/filter-text";
import { customFacts, customName } from "@/lib/custom-filter";
import { addItem, type Condition, type Filter, type Group, type Join, joins, replaceItem } from "@/lib/filter";
import { choicesOf, type Field, fieldOf, fields, type Operator } from "@/lib/filter-fields";
import type { LibrarySearch } from "@/lib/library-search";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { CloseIcon, PlusIcon } from "@/ui/icons";
import styles from "./filter-builder.module.css";
import type { Go } from "./library-page";

interface FilterBuilderProps {
  readonly search: LibrarySearch;
  readonly onGo: Go;
  readonly onClose: () => void;
}

/** Groups within groups: more is hard to read on any screen. */
const deepest = 4;

export function FilterBuilder({ search, onGo, onClose }: FilterBuilderProps) {
  // Conditions still without a value live here; the address has the complete ones only.
  const [draft, setDraft] = useState<Group>(search.filter.items.length === 0 ? addItem(search.filter, freshCondition("tags")) : search.filter);
  const change = (next: Group) => {
    setDraft(next);
    onGo({ filter: { ...complete(next), join: "all" } }, true);
  };
  return (
    <Dialog title={t("filter.title")} closeLabel={t("dialog.close")} onClose={onClose} size="wide">
      <GroupEditor group={draft} depth={0} onChange={change} />
      <div className={styles.foot}>
        <Button onClick={() => change({ ...draft, items: [] })}>{t("filter.clear")}</Button>
        <Button look="primary" onClick={onClose}>
          {t("filter.done")}
        </Button>
      </div>
    </Dialog>
  );
}

/** The tree without what has no value yet. */
function complete(group: Group): Group {
  const items = group.items.flatMap((item): readonly Filter[] => {
    if (item.kind === "condition") return isComplete(item) ? [item] : [];
    const inner = complete(item);
    return inner.items.length > 0 ? [inner] : [];
  });
  return { ...group, items };
}

function isComplete(condition: Condition): boolean {
  const field = fieldOf(condition.field);
  const isEnough = condition.values.length >= (condition.operator === "between" ? 2 : 1);
  return field !== null && isEnough && condition.values.every((value) => field.isValid(value, condition.operator));
}

function freshCondition(name: Condition["field"]): Condition {
  const field = fieldOf(name);
  const operator = field?.operators[0] ?? "eq";
  return { kind: "condition", field: name, operator, values: field?.kind === "switch" ? ["true"] : [] };
}

interface GroupEditorProps {
  readonly group: Group;
  readonly depth: number;
  readonly onChange: (group: Group) => void;
  readonly onRemove?: () => void;
}

function GroupEditor({ group, depth, onChange, onRemove }: GroupEditorProps) {
  return (
    <fieldset className={styles.group}>
      <legend className={styles.legend}>
        {depth === 0 ? (
          t("filter.all")
        ) : (
          <select
            aria-label={t("filter.join")}
            value={group.join}
            onChange={(event) => onChange({ ...group, join: joins.find((join) => join === event.target.value) ?? group.join })}
          >
            {joins.map((join: Join) => (
              <option key={join} value={join}>
                {t(`filter.${join}`)}
              </option>
            ))}
          </select>
        )}
        {onRemove && <Button look="quiet" icon={<CloseIcon />} aria-label={t("filter.removeGroup")} onClick={onRemove} />}
      </legend>
      {group.items.map((item, index) =>
        item.kind === "group" ? (
          <GroupEditor
            // oxlint-disable-next-line react/no-array-index-key -- a part is its place in the group
            key={index}
            group={item}
            depth={depth + 1}
            onChange={(next) => onChange(replaceItem(group, index, next))}
            onRemove={() => onChange(replaceItem(group, index, null))}
          />
        ) : (
          <ConditionEditor
            // oxlint-disable-next-line react/no-array-index-key -- a part is its place in the group
            key={index}
            condition={item}
            onChange={(next) => onChange(replaceItem(group, index, next))}
            onRemove={() => onChange(replaceItem(group, index, null))}
          />
        ),
      )}
      <div className={styles.add}>
        <Button icon={<PlusIcon />} onClick={() => onChange(addItem(group, freshCondition("tags")))}>
          {t("filter.addCondition")}
        </Button>
        {depth < deepest && (
          <Button
            look="quiet"
            icon={<PlusIcon />}
            onClick={() => onChange(addItem(group, { kind: "group", join: "any", items: [freshCondition("tags")] }))}
          >
            {t("filter.addGroup")}
          </Button>
        )}
      </div>
    </fieldset>
  );
}

interface ConditionEditorProps {
  readonly condition: Condition;
  readonly onChange: (condition: Condition) => void;
  readonly onRemove: () => void;
}

function ConditionEditor({ condition, onChange, onRemove }: ConditionEditorProps) {
  const field = fieldOf(condition.field);
  const custom = useCustomFields();
  if (field === null) return null;
  return (
    <div className={styles.condition}>
      <select
        aria-label={t("filter.field")}
        value={condition.field}
        onChange={(event) => {
          const next = fieldOf(event.target.value);
          if (next) onChange(freshCondition(next.name));
        }}
      >
        {fields.map(({ name }) => (
          <option key={name} value={name}>
            {t(`field.${name}`)}
          </option>
        ))}
        {custom.map((known) => (
          <option key={known.id} value={customName(known)}>
            {known.name}
          </option>
        ))}
      </select>
      {field.kind !== "switch" && field.operators.length > 1 && (
        <select
          aria-label={t("filter.operator")}
          value={condition.operator}
          onChange={(event) => {
            const operator = field.operators.find((known) => known === event.target.value) ?? condition.operator;
            onChange({ ...condition, operator, values: valuesFor(operator, condition) });
          }}
        >
          {field.operators.map((operator) => (
            <option key={operator} value={operator}>
              {t(`operator.${operator}`)}
            </option>
          ))}
        </select>
      )}
      <ValueEditor
        field={field}
        label={fieldLabel(field.name, custom)}
        choices={field.name === "kind" || field.name === "resolution" ? choicesOf(field.name) : customChoices(field.name, custom)}
        condition={condition}
        onChange={(values) => onChange({ ...condition, values })}
      />
      <Button look="quiet" icon={<CloseIcon />} aria-label={t("filter.remove")} onClick={onRemove} />
    </div>
  );
}

/** What stays of the values under another comparison. */
function valuesFor(operator: Operator, condition: Condition): readonly string[] {
  if (operator === "isNull" || operator === "isEmpty") return ["true"];
  if (condition.operator === "isNull" || condition.operator === "isEmpty") return [];
  return operator === "between" ? condition.values.slice(0, 2) : condition.values.slice(0, fieldOf(condition.field)?.kind === "entity" ? undefined : 1);
}

interface ValueEditorProps {
  readonly field: Field;
  readonly label: string;
  /** What can be chosen, in a field of that kind. */
  readonly choices: readonly string[];
  readonly condition: Condition;
  readonly onChange: (values: readonly string[]) => void;
}

function ValueEditor({ field, label, choices, condition, onChange }: ValueEditorProps) {
  const { operator, values } = condition;
  if (field.kind === "switch" || operator === "isNull" || operator === "isEmpty") {
    return (
      <select aria-label={label} value={values[0] ?? "true"} onChange={(event) => onChange([event.target.value])}>
        <option value="true">{t("filter.yes")}</option>
        <option value="false">{t("filter.no")}</option>
      </select>
    );
  }
  if (field.kind === "choice") {
    return choices.map((value) => (
      <label key={value} className={styles.check}>
        <input
          type="checkbox"
          checked={values.includes(value)}
          onChange={(event) => onChange(event.target.checked ? [...values, value] : values.filter((other) => other !== value))}
        />
        {choiceText(value)}
      </label>
    ));
  }
  if (field.kind === "entity") {
    const kind = field.name === "tags" || field.name === "people" || field.name === "studio" ? field.name : "library";
    return <EntityPicker kind={kind} label={label} ids={values} onChange={onChange} />;
  }
  const inputs = operator === "between" ? [0, 1] : [0];
  return inputs.map((index) => (
    <ScalarInput
      key={index}
      field={field}
      label={inputs.length === 1 ? label : t(index === 0 ? "filter.from" : "filter.to", { field: label })}
      value={values[index] ?? ""}
      onChange={(value) => onChange(inputs.map((at) => (at === index ? value : (values[at] ?? ""))))}
    />
  ));
}

/** People think in minutes and megabytes, the server in seconds and bytes. */
const units = { seconds: 60, bytes: 1_000_000 } as const;

interface ScalarInputProps {
  readonly field: Field;
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function ScalarInput({ field, label, value, onChange }: ScalarInputProps) {
  const [isText, setText] = useState<string | null>(null);
  if (field.kind === "day" || field.kind === "text") {
    return <input className={styles.input} type={field.kind === "day" ? "date" : "text"} aria-label={label} value={value} onChange={(event) => onChange(event.target.value)} />;
  }
  const isWhole = customFacts(field.name) === null;
  const factor = field.kind === "seconds" || field.kind === "bytes" ? units[field.kind] : 1;
  const unit = field.kind === "seconds" ? t("unit.minutes") : field.kind === "bytes" ? t("unit.megabytes") : "";
  const shown = isText ?? (value === "" ? "" : String(Number(value) / factor));
  return (
    <span className={styles.scalar}>
      <input
        className={styles.input}
        type="number"
        min={isWhole ? 0 : undefined}
        max={field.name === "rating" ? 100 : undefined}
        step={field.name === "rating" ? 20 : "any"}
        aria-label={unit === "" ? label : `${label}, ${unit}`}
        value={shown}
        onBlur={() => setText(null)}
        onChange={(event) => {
          setText(event.target.value);
          const amount = Number(event.target.value) * factor;
          onChange(event.target.value === "" || !Number.isFinite(amount) ? "" : String(isWhole ? Math.round(amount) : amount));
        }}
      />
      {unit}
    </span>
  );
}
