//! The libraries with their counts, scans and problems.

import "@/lib/page-messages";
import { useClient } from "urql";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { useLibraryFeed } from "@/components/use-library-feed";
import { t } from "@/lib/messages";
import { LibraryList, refreshLibraries } from "./library-list";

export function Page() {
  const client = useClient();
  usePageTitle(t("library.libraries"));
  useLibraryFeed((bundle) => {
    if (bundle.moved > 0 || bundle.isGap) void refreshLibraries(client);
  });
  return (
    <>
      <PageHead title={t("library.libraries")} />
      <LibraryList />
    </>
  );
}
