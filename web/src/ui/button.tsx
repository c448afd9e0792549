//! The button: native, with a look and a busy state that keeps its focus.

import type { ButtonHTMLAttributes, ReactNode } from "react";
import styles from "./button.module.css";
import { classNames } from "./class-names";

type ButtonProps = Omit<ButtonHTMLAttributes<HTMLButtonElement>, "className" | "disabled"> & {
  readonly look?: "plain" | "primary" | "quiet";
  /** Shown as busy; presses do nothing, but the button keeps focus, which `disabled` would drop. */
  readonly isBusy?: boolean;
  readonly icon?: ReactNode;
};

export function Button({ look = "plain", isBusy = false, icon, children, onClick, type = "button", ...rest }: ButtonProps) {
  return (
    <button
      {...rest}
      // oxlint-disable-next-line react/button-has-type -- the type is a prop with a safe default
      type={type}
      className={classNames(styles.button, styles[look])}
      aria-disabled={isBusy || undefined}
      onClick={(event) => {
        if (isBusy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {icon}
      {children}
    </button>
  );
}
