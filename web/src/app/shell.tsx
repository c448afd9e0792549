//! The frame around every page: navigation, job tray, account, the word on lost connections, and what is open over it.

import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { Link, useLocation, useRoute } from "wouter";
import type { NavEntry } from "@/components/feature";
import { useConnection } from "@/data/connection";
import { useCanEdit, useIsAdmin } from "@/data/session";
import { actionFor, takesText } from "@/lib/keys";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { classNames } from "@/ui/class-names";
import { LogoIcon, MoreIcon, SearchIcon } from "@/ui/icons";
import { Toasts } from "@/ui/toast";
import { useHasContent } from "@/ui/use-has-content";
import { features } from "./features";
import styles from "./shell.module.css";

const JobPill = lazy(async () => ({ default: (await import("./job-pill")).JobPill }));
const Uploads = lazy(async () => ({ default: (await import("./uploads")).Uploads }));
const Palette = lazy(async () => ({ default: (await import("./palette")).Palette }));
const KeyHelp = lazy(async () => ({ default: (await import("./key-help")).KeyHelp }));
const AccountMenu = lazy(async () => ({ default: (await import("./account-menu")).AccountMenu }));

export type Overlay = "palette" | "help" | null;

/** The navigation as this account sees it. */
export function useNav(): readonly NavEntry[] {
  const isAdmin = useIsAdmin();
  const canEdit = useCanEdit();
  return features.flatMap((feature) => feature.nav).filter(({ isFor }) => isFor === undefined || isAdmin || (isFor === "editor" && canEdit));
}

export function Shell({ children }: { readonly children: ReactNode }) {
  const nav = useNav();
  const [overlay, setOverlay] = useState<Overlay>(null);
  const [isMoreOpen, setIsMoreOpen] = useState(false);
  const [location] = useLocation();
  // Going somewhere closes the phone's menu.
  const [seen, setSeen] = useState(location);
  if (seen !== location) {
    setSeen(location);
    setIsMoreOpen(false);
  }

  // Shortcuts belong to the document.
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const action = actionFor("global", event);
      if (action === "undo" && !takesText(event.target)) {
        event.preventDefault();
        void import("@/components/undo").then(({ undoLast }) => undoLast());
      }
      if (action === "palette" || (action === "help" && !takesText(event.target))) {
        event.preventDefault();
        setOverlay(action);
      }
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  return (
    <div className={styles.frame}>
      <a className={styles.skip} href="#content">
        {t("app.skip")}
      </a>
      <Header onOverlay={setOverlay} />
      <nav className={classNames(styles.nav, isMoreOpen && styles.open)} aria-label={t("nav.main")}>
        {nav.map((entry) => (
          <NavLink key={entry.path} entry={entry} />
        ))}
        <button type="button" className={classNames(styles.link, styles.more)} aria-expanded={isMoreOpen} onClick={() => setIsMoreOpen(!isMoreOpen)}>
          <MoreIcon />
          <span>{t("nav.more")}</span>
        </button>
      </nav>
      <ConnectionWord />
      <main id="content" className={styles.main} tabIndex={-1}>
        {children}
      </main>
      <Toasts />
      <Suspense>
        {overlay === "palette" && <Palette nav={nav} onClose={() => setOverlay(null)} onHelp={() => setOverlay("help")} />}
        {overlay === "help" && <KeyHelp onClose={() => setOverlay(null)} />}
      </Suspense>
    </div>
  );
}

function Header({ onOverlay }: { readonly onOverlay: (overlay: Overlay) => void }) {
  const canEdit = useCanEdit();
  return (
    <header className={styles.header}>
      <Link href={paths.library()} className={styles.logo}>
        <LogoIcon />
        <span>{t("app.name")}</span>
      </Link>
      <AfterContent>{canEdit && <Uploads />}</AfterContent>
      <AfterContent>
        <JobPill />
      </AfterContent>
      <button type="button" className={styles.palette} onClick={() => onOverlay("palette")} aria-keyshortcuts="Control+Shift+P">
        <SearchIcon />
        <span>{t("nav.palette")}</span>
      </button>
      <AfterContent fallback={<span className={styles.account} />}>
        <AccountMenu onHelp={() => onOverlay("help")} />
      </AfterContent>
    </header>
  );
}

/** Loads what only decorates the frame once the page's content is there. Each such part waits for itself, and so gets a task of its own. */
function AfterContent({ children, fallback = null }: { readonly children: ReactNode; readonly fallback?: ReactNode }) {
  return useHasContent() ? <Suspense fallback={fallback}>{children}</Suspense> : fallback;
}

function NavLink({ entry: { path, label, icon: Icon, isMain } }: { readonly entry: NavEntry }) {
  const [isHere] = useRoute(path === "/" ? path : `${path}/*?`);
  return (
    <Link
      href={path}
      className={classNames(styles.link, isHere && styles.here, !isMain && styles.minor)}
      aria-current={isHere ? "page" : undefined}
      title={t(label)}
    >
      <Icon />
      <span>{t(label)}</span>
    </Link>
  );
}

/** Says it only when something is missing, and a moment late, so that a short hiccup says nothing. */
function ConnectionWord() {
  const { status } = useConnection();
  return (
    <div role="status" className={styles.word}>
      {(status === "offline" || status === "paused") && (
        <p className={styles.connection}>{t(status === "offline" ? "connection.offline" : "connection.paused")}</p>
      )}
    </div>
  );
}
