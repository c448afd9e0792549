//! Short messages at the edge of the window: what was done, with a way back. A store outside React, so that everybody can show one.

import { useEffect, useSyncExternalStore } from "react";
import { Button } from "./button";
import { classNames } from "./class-names";
import styles from "./toast.module.css";

/** What a toast says. */
export interface Toast {
  readonly text: string;
  readonly tone?: "plain" | "bad";
  readonly action?: { readonly label: string; readonly run: () => void };
}

interface Shown extends Toast {
  readonly id: number;
}

const shownMs = 10_000;
const shownAtMost = 3;

let toasts: readonly Shown[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

/** Shows a toast; the oldest gives way when there are too many. */
export function showToast(toast: Toast): void {
  lastId += 1;
  change([...toasts, { ...toast, id: lastId }].slice(-shownAtMost));
}

/** Where toasts appear; one in the app. */
export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div className={styles.toasts} role="status">
      {shown.map((toast) => (
        <ToastCard key={toast.id} toast={toast} />
      ))}
    </div>
  );
}

function ToastCard({ toast }: { readonly toast: Shown }) {
  // A timer outside React takes it away.
  useEffect(() => {
    const timer = setTimeout(() => dismiss(toast.id), shownMs);
    return () => clearTimeout(timer);
  }, [toast.id]);
  const { action } = toast;
  return (
    <div className={classNames(styles.toast, toast.tone === "bad" && styles.bad)}>
      <span>{toast.text}</span>
      {action && (
        <Button
          look="quiet"
          onClick={() => {
            dismiss(toast.id);
            action.run();
          }}
        >
          {action.label}
        </Button>
      )}
    </div>
  );
}

function dismiss(id: number): void {
  change(toasts.filter((toast) => toast.id !== id));
}

function change(next: readonly Shown[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
