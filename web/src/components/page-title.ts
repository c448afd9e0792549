//! The document's title follows the page, so that tabs, history and screen readers name it.

import { useEffect } from "react";
import { t } from "@/lib/messages";

/** Sets the title while the page is shown; null keeps the app's name alone, as while loading. */
export function usePageTitle(title: string | null): void {
  useEffect(() => {
    document.title = title === null ? t("app.name") : `${title} · ${t("app.name")}`;
  }, [title]);
}
