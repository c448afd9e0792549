//! A labeled text field with hint and error, both announced with it.

import { useId, type InputHTMLAttributes, type ReactNode } from "react";
import styles from "./field.module.css";

type FieldProps = Omit<InputHTMLAttributes<HTMLInputElement>, "id" | "className"> & {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly error?: string | undefined;
};

export function Field({ label, hint, error, ...input }: FieldProps) {
  const id = useId();
  const note = error ?? hint;
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      <input
        {...input}
        id={id}
        className={styles.input}
        aria-invalid={error !== undefined || undefined}
        aria-describedby={note === undefined ? undefined : `${id}-note`}
      />
      {note !== undefined && (
        <p id={`${id}-note`} className={error === undefined ? styles.hint : styles.error}>
          {note}
        </p>
      )}
    </div>
  );
}

/** What stands over a field that names itself, such as a picker. */
export function FieldName({ children }: { readonly children: ReactNode }) {
  return (
    <span className={styles.label} aria-hidden>
      {children}
    </span>
  );
}
