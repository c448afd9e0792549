//! The centered card of the pages outside the shell.

import type { FormEvent, ReactNode } from "react";
import { t } from "@/lib/messages";
import styles from "./entry-card.module.css";

interface EntryCardProps {
  readonly title: string;
  readonly step?: string;
  /** Makes the card a form. */
  readonly onSubmit?: (event: FormEvent) => void;
  readonly children: ReactNode;
}

export function EntryCard({ title, step, onSubmit, children }: EntryCardProps) {
  const content = (
    <>
      <div>
        <p className={styles.brand}>{step === undefined ? t("app.name") : step}</p>
        <h1 className={styles.title}>{title}</h1>
      </div>
      {children}
    </>
  );
  return (
    <main className={styles.screen}>
      {onSubmit === undefined ? (
        <div className={styles.card}>{content}</div>
      ) : (
        <form className={styles.card} onSubmit={onSubmit}>
          {content}
        </form>
      )}
    </main>
  );
}
