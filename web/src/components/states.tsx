//! The states every page shares: loading, failed, denied, missing.

import { useEffect } from "react";
import { CombinedError } from "urql";
import { Link } from "wouter";
import { problemOf } from "@/data/errors";
import { reportContent } from "@/lib/first-content";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { WarnIcon } from "@/ui/icons";
import spoken from "@/ui/spoken.module.css";
import styles from "./states.module.css";

/** Quiet at first, then a placeholder, and after ten seconds words. */
export function Loading() {
  return (
    <div className={styles.loading} role="status">
      <span className={spoken.spoken}>{t("app.loading")}</span>
      <span className={styles.bar} />
      <span className={styles.slow}>{t("app.slow")}</span>
    </div>
  );
}

interface FailedProps {
  readonly error: unknown;
  readonly onRetry: () => void;
}

/** What failed, with its code, and a way to try again; a refusal and a missing item say so instead. */
export function Failed({ error, onRetry }: FailedProps) {
  useEffect(reportContent, []);
  const problem = problemOf(error instanceof CombinedError ? error : new CombinedError({ networkError: new Error(String(error)) }));
  if (problem.kind === "denied") return <Denied />;
  if (problem.kind === "missing") return <Missing />;
  if (problem.code === "PLUGIN_OFF") {
    return (
      <Empty title={t("off.title")} icon={<WarnIcon />}>
        <p>{t("off.text")}</p>
      </Empty>
    );
  }
  return (
    <Empty title={t("error.title")} icon={<WarnIcon />} isAlert>
      <p>{problem.message ?? (problem.kind === "network" ? t("error.network") : t("error.unknown"))}</p>
      {problem.code !== null && <p className={styles.code}>{t("error.code", { code: problem.code })}</p>}
      <Button onClick={onRetry}>{t("error.retry")}</Button>
    </Empty>
  );
}

export function Denied() {
  return (
    <Empty title={t("denied.title")} icon={<WarnIcon />} isAlert>
      <p>{t("denied.text")}</p>
    </Empty>
  );
}

export function Missing() {
  useEffect(reportContent, []);
  return (
    <Empty title={t("missing.title")} icon={<WarnIcon />}>
      <p>{t("missing.text")}</p>
      <Link href={paths.library()}>{t("missing.back")}</Link>
    </Empty>
  );
}

/** The words for a failed action, for a notice beside its button. */
export function problemText(error: CombinedError): string {
  const problem = problemOf(error);
  return problem.message ?? (problem.kind === "network" ? t("error.network") : t("error.unknown"));
}
