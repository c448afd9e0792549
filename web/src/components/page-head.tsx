//! The head of a page: its title, what it counts, and its actions.

import { type ReactNode, useEffect } from "react";
import { reportContent } from "@/lib/first-content";
import styles from "./page-head.module.css";

interface PageHeadProps {
  readonly title: string;
  readonly note?: string | undefined;
  /** Actions of the whole page. */
  readonly children?: ReactNode;
}

export function PageHead({ title, note, children }: PageHeadProps) {
  // The frame's own decoration need not wait any longer.
  useEffect(reportContent, []);
  return (
    <header className={styles.head}>
      <h1 className={styles.title}>{title}</h1>
      {note !== undefined && <p className={styles.note}>{note}</p>}
      {children !== undefined && <div className={styles.actions}>{children}</div>}
    </header>
  );
}
