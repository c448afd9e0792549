//! Values of the fields that people defined: how they are shown, and how they are entered.

import { formatCount } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { Field } from "@/ui/field";
import type { CustomField } from "./custom-fields";
import styles from "./custom-values.module.css";
import type { MediaChange } from "./media-edit";

/** A value as the server gives it: one of the four is there. */
export interface CustomValue {
  readonly field: Pick<CustomField, "id" | "name" | "kind">;
  readonly text: string | null;
  readonly number: number | null;
  readonly date: string | null;
  readonly boolean: boolean | null;
}

/** A value in words. */
export function customText({ text, number, date, boolean }: CustomValue): string {
  if (boolean !== null) return t(boolean ? "filter.yes" : "filter.no");
  if (number !== null) return formatCount(number, currentLocale());
  return text ?? date ?? "";
}

/** Values by field as a form holds them; what is empty has no value. */
export type CustomDraft = Readonly<Record<string, string>>;

export function customDraft(values: readonly CustomValue[]): CustomDraft {
  return Object.fromEntries(values.map(({ field, text, number, date, boolean }) => [field.id, String(text ?? number ?? date ?? boolean ?? "")]));
}

/** What differs, as the server takes it: a field without a value is cleared. */
export function customChange(fields: readonly CustomField[], from: CustomDraft, to: CustomDraft): Pick<MediaChange, "fields"> {
  const changed = fields.filter(({ id }) => (from[id] ?? "") !== (to[id] ?? ""));
  if (changed.length === 0) return {};
  return { fields: changed.map(({ id, kind }) => ({ fieldId: id, ...valueOf(kind, to[id] ?? "") })) };
}

function valueOf(kind: CustomField["kind"], written: string) {
  if (written === "") return {};
  switch (kind) {
    case "NUMBER":
      return { number: Number(written) };
    case "DATE":
      return { date: written };
    case "BOOLEAN":
      return { boolean: written === "true" };
    case "TEXT":
    case "CHOICE":
      return { text: written };
  }
}

interface CustomInputsProps {
  readonly fields: readonly CustomField[];
  readonly draft: CustomDraft;
  readonly onChange: (draft: CustomDraft) => void;
  /** What no choice is called; "No value" by default. */
  readonly emptyLabel?: string;
}

/** An input for each field. */
export function CustomInputs({ fields, draft, onChange, emptyLabel = t("fields.noValue") }: CustomInputsProps) {
  return fields.map((field) => {
    const value = draft[field.id] ?? "";
    const set = (next: string) => onChange({ ...draft, [field.id]: next });
    if (field.kind === "CHOICE" || field.kind === "BOOLEAN") {
      const options =
        field.kind === "BOOLEAN"
          ? [{ value: "true", label: t("filter.yes") }, { value: "false", label: t("filter.no") }]
          : [...new Set([...field.choices, ...(value === "" ? [] : [value])])].map((choice) => ({ value: choice, label: choice }));
      return (
        <label key={field.id} className={styles.choice}>
          {field.name}
          <select value={value} onChange={(event) => set(event.target.value)}>
            <option value="">{emptyLabel}</option>
            {options.map((option) => (
              <option key={option.value} value={option.value}>
                {option.label}
              </option>
            ))}
          </select>
        </label>
      );
    }
    return (
      <Field
        key={field.id}
        label={field.name}
        name={field.id}
        type={field.kind === "NUMBER" ? "number" : field.kind === "DATE" ? "date" : "text"}
        {...(field.kind === "NUMBER" ? { step: "any" } : {})}
        hint={field.description ?? undefined}
        value={value}
        onChange={(event) => set(event.target.value)}
      />
    );
  });
}
