//! The one shape of a page or area that has nothing to show: what is the case, why, and what to do about it.

import type { ReactNode } from "react";
import styles from "./empty.module.css";

interface EmptyProps {
  readonly title: string;
  readonly icon?: ReactNode;
  readonly isAlert?: boolean;
  /** Explanation and actions. */
  readonly children?: ReactNode;
}

export function Empty({ title, icon, isAlert = false, children }: EmptyProps) {
  return (
    <div className={styles.empty} role={isAlert ? "alert" : undefined}>
      {icon !== undefined && <div className={styles.icon}>{icon}</div>}
      <h2 className={styles.title}>{title}</h2>
      {children}
    </div>
  );
}
