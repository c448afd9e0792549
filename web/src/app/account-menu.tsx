//! The account's menu: who is signed in, theme, help, the playground, the way out.

import "@/lib/page-messages";
import { useId } from "react";
import { Link } from "wouter";
import { signOut, useSession } from "@/data/session";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { classNames } from "@/ui/class-names";
import row from "@/ui/row-button.module.css";
import styles from "./account-menu.module.css";

export function AccountMenu({ onHelp }: { readonly onHelp: () => void }) {
  const session = useSession();
  const id = useId();
  if (session.kind !== "known" || session.viewer === null) return null;
  const { name } = session.viewer;
  return (
    <>
      <button type="button" className={styles.button} popoverTarget={id} aria-label={t("nav.account", { name })} title={t("nav.account", { name })}>
        {name.slice(0, 1).toUpperCase()}
      </button>
      <div id={id} popover="auto" className={styles.menu}>
        <p className={styles.name}>{t("nav.account", { name })}</p>
        <Link href={paths.settings()} className={classNames(row.row, row.apart)} onClick={() => document.getElementById(id)?.hidePopover()}>
          {t("nav.settings")}
        </Link>
        <button
          type="button"
          className={classNames(row.row, row.apart)}
          onClick={() => {
            document.getElementById(id)?.hidePopover();
            onHelp();
          }}
        >
          {t("nav.help")} <kbd>?</kbd>
        </button>
        {/* Another document: the router must not take it. */}
        <a className={classNames(row.row, row.apart)} href={paths.playground()}>
          {t("nav.playground")}
        </a>
        <button type="button" className={classNames(row.row, row.apart)} onClick={() => void signOut()}>
          {t("nav.signOut")}
        </button>
      </div>
    </>
  );
}
