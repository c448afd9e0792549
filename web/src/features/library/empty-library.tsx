//! The grid's two kinds of nothing: no media at all, and none that fits the search.

import "@/lib/page-messages";
import { useState } from "react";
import { useQuery } from "urql";
import { Link, useLocation } from "wouter";
import { LibraryForm } from "@/components/library-form";
import { graphql } from "@/data/graphql";
import { useIsAdmin } from "@/data/session";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Empty } from "@/ui/empty";
import { FolderIcon, PlusIcon, SearchIcon } from "@/ui/icons";

const AnyLibrary = graphql(`query AnyLibrary { libraries(first: 1) { nodes { id } } }`);

export function EmptyLibrary({ isNarrowed }: { readonly isNarrowed: boolean }) {
  const isAdmin = useIsAdmin();
  const [isAdding, setIsAdding] = useState(false);
  const [{ data }, refetch] = useQuery({ query: AnyLibrary, requestPolicy: "cache-and-network" });
  const hasLibraries = (data?.libraries.nodes.length ?? 0) > 0;
  const [, navigate] = useLocation();
  if (isNarrowed) {
    return (
      <Empty title={t("library.noMatch.title")} icon={<SearchIcon />}>
        <p>{t("library.noMatch.text")}</p>
        <Button onClick={() => navigate(paths.library())}>{t("library.noMatch.clear")}</Button>
      </Empty>
    );
  }
  return (
    <Empty title={t("library.empty.title")} icon={<FolderIcon />}>
      <p>{t(hasLibraries ? "library.empty.filling" : isAdmin ? "library.empty.admin" : "library.empty.viewer")}</p>
      {isAdmin && hasLibraries && <Link href={paths.libraries()}>{t("nav.libraries")}</Link>}
      {isAdmin && data && !hasLibraries && (
        <Button look="primary" icon={<PlusIcon />} onClick={() => setIsAdding(true)}>
          {t("library.add")}
        </Button>
      )}
      {isAdding && (
        <Dialog title={t("library.add")} closeLabel={t("dialog.close")} onClose={() => setIsAdding(false)}>
          <LibraryForm
            onDone={() => {
              setIsAdding(false);
              refetch({ requestPolicy: "network-only" });
            }}
          />
        </Dialog>
      )}
    </Empty>
  );
}
