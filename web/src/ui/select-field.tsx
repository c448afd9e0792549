//! A labeled choice among few.

import { type SelectHTMLAttributes, useId } from "react";
import styles from "./field.module.css";

type SelectFieldProps = Omit<SelectHTMLAttributes<HTMLSelectElement>, "id" | "className"> & {
  readonly label: string;
};

/** The options are its children. */
export function SelectField({ label, children, ...select }: SelectFieldProps) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      <select {...select} id={id} className={styles.input}>
        {children}
      </select>
    </div>
  );
}
