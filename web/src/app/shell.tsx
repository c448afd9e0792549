//! The frame around every page: navigation, job pill, account, and the word on lost connections.

import { type ReactNode, useState } from "react";
import { Link, useRoute } from "wouter";
import { useConnection } from "@/data/connection";
import { signOut, useSession } from "@/data/session";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { applyTheme, storedTheme, themes } from "@/ui/theme";
import { features } from "./features";
import { JobPill } from "./job-pill";
import styles from "./shell.module.css";

export function Shell({ children }: { readonly children: ReactNode }) {
  return (
    <>
      <a className={styles.skip} href="#content">
        {t("app.skip")}
      </a>
      <header className={styles.header}>
        <Link href={paths.library()} className={styles.logo}>
          {t("app.name")}
        </Link>
        <nav className={styles.nav} aria-label={t("nav.main")}>
          {features
            .flatMap((feature) => feature.nav)
            .map(({ path, label, icon: Icon }) => (
              <NavLink key={path} path={path}>
                <Icon />
                <span>{t(label)}</span>
              </NavLink>
            ))}
        </nav>
        <JobPill />
        <Account />
      </header>
      <ConnectionWord />
      <main id="content" className={styles.main} tabIndex={-1}>
        {children}
      </main>
      <footer className={styles.footer}>
        {/* Another document: the router must not take it. */}
        <a href={paths.playground()}>{t("nav.playground")}</a>
        <ThemeChoice />
      </footer>
    </>
  );
}

function NavLink({ path, children }: { readonly path: string; readonly children: ReactNode }) {
  const [isHere] = useRoute(path);
  return (
    <Link href={path} className={classNames(styles.link, isHere && styles.here)} aria-current={isHere ? "page" : undefined}>
      {children}
    </Link>
  );
}

function Account() {
  const session = useSession();
  if (session.kind !== "known" || session.viewer === null) return null;
  return (
    <div className={styles.account}>
      <span className={styles.name} title={t("nav.account", { name: session.viewer.name })}>
        {session.viewer.name}
      </span>
      <Button look="quiet" onClick={() => void signOut()}>
        {t("nav.signOut")}
      </Button>
    </div>
  );
}

/** Says it only when something is missing, and a moment late, so that a short hiccup says nothing. */
function ConnectionWord() {
  const { status } = useConnection();
  return (
    <div role="status">
      {(status === "offline" || status === "paused") && (
        <p className={styles.connection}>{t(status === "offline" ? "connection.offline" : "connection.paused")}</p>
      )}
    </div>
  );
}

function ThemeChoice() {
  const [theme, setTheme] = useState(storedTheme);
  return (
    <label className={styles.theme}>
      {t("theme.label")}
      <select
        value={theme}
        onChange={(event) => {
          const chosen = themes.find((candidate) => candidate === event.target.value) ?? "system";
          applyTheme(chosen);
          setTheme(chosen);
        }}
      >
        {themes.map((candidate) => (
          <option key={candidate} value={candidate}>
            {t(`theme.${candidate}`)}
          </option>
        ))}
      </select>
    </label>
  );
}
