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

interface NamedFieldProps {
  readonly name: string;
  readonly children: ReactNode;
}

/** A name over what tells it to screen readers by itself, such as a picker. */
export function NamedField({ name, children }: NamedFieldProps) {
  return (
    <div className={styles.field}>
      <span className={styles.label} aria-hidden>
        {name}
      </span>
      {children}
    </div>
  );
}
