//! A modal dialog on the native element: focus, Escape and the inert page behind it come from the browser.

import { useEffect, useId, useRef, type ReactNode } from "react";
import { Button } from "./button";
import { classNames } from "./class-names";
import styles from "./dialog.module.css";
import { CloseIcon } from "./icons";

interface DialogProps {
  readonly title: string;
  readonly closeLabel: string;
  readonly onClose: () => void;
  readonly size?: "plain" | "wide";
  readonly children: ReactNode;
}

/** Open as long as it is rendered. */
export function Dialog({ title, closeLabel, onClose, size = "plain", children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  // `showModal` is the only way to a modal dialog; an `open` attribute makes a plain one.
  useEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    // The browser would begin with the close button.
    dialog?.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={element} className={classNames(styles.dialog, styles[size])} aria-labelledby={titleId} onCancel={onClose}>
      <div className={styles.head}>
        <h2 id={titleId}>{title}</h2>
        <Button look="quiet" aria-label={closeLabel} icon={<CloseIcon />} onClick={onClose} />
      </div>
      {children}
    </dialog>
  );
}
