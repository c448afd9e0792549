//! The administration and its sections.

import "@/lib/page-messages";
import { Link } from "wouter";
import type { PageProps } from "@/components/feature";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { Denied } from "@/components/states";
import { useIsAdmin } from "@/data/session";
import { t } from "@/lib/messages";
import { adminSections, paths } from "@/lib/paths";
import { classNames } from "@/ui/class-names";
import styles from "./admin-page.module.css";
import { BackupsSection } from "./backups-section";
import { HardwareSection } from "./hardware-section";
import { OverviewSection } from "./overview-section";
import { PerformanceSection } from "./performance-section";
import { SessionsSection } from "./sessions-section";
import { SettingsSection } from "./settings-section";
import { ThumbnailsSection } from "./thumbnails-section";
import { UsersSection } from "./users-section";

const sections = {
  overview: OverviewSection,
  performance: PerformanceSection,
  users: UsersSection,
  sessions: SessionsSection,
  settings: SettingsSection,
  backups: BackupsSection,
  hardware: HardwareSection,
  thumbnails: ThumbnailsSection,
};

export function Page({ params }: PageProps) {
  const isAdmin = useIsAdmin();
  const section = adminSections.find((known) => known === params.section) ?? "overview";
  usePageTitle(`${t(`admin.${section}`)} · ${t("nav.admin")}`);
  if (!isAdmin) return <Denied />;
  const Section = sections[section];
  return (
    <>
      <PageHead title={t("nav.admin")} />
      <nav className={styles.tabs} aria-label={t("nav.admin")}>
        {adminSections.map((known) => (
          <Link
            key={known}
            href={paths.admin(known)}
            className={classNames(styles.tab, known === section && styles.here)}
            aria-current={known === section ? "page" : undefined}
          >
            {t(`admin.${known}`)}
          </Link>
        ))}
      </nav>
      <Section />
    </>
  );
}
