//! A short message in the flow of the page, announced when it appears.

import type { ReactNode } from "react";
import { classNames } from "./class-names";
import styles from "./notice.module.css";

interface NoticeProps {
  readonly tone: "bad" | "warn" | "info";
  readonly children: ReactNode;
}

export function Notice({ tone, children }: NoticeProps) {
  return (
    <div className={classNames(styles.notice, styles[tone])} role={tone === "bad" ? "alert" : "status"}>
      {children}
    </div>
  );
}
