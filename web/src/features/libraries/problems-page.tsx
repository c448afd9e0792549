//! The files a scan could not handle, with code and reason: a scan never hides what it skipped.

import "@/lib/page-messages";
import { useQuery } from "urql";
import { Link } from "wouter";
import { useNow } from "@/components/clock";
import type { PageProps } from "@/components/feature";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { Failed, Loading, Missing } from "@/components/states";
import { graphql } from "@/data/graphql";
import { formatAgo } from "@/lib/format";
import { currentLocale, sentence, t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Empty } from "@/ui/empty";
import { BackIcon } from "@/ui/more-icons";
import styles from "./problems-page.module.css";

const ScanFailures = graphql(`
  query ScanFailures($libraryId: ID!, $first: Int) {
    library: node(id: $libraryId) { __typename id ... on Library { name } }
    scanFailures(libraryId: $libraryId, first: $first) { totalCount nodes { id path code reason lastAt } }
  }
`);

const shownAtMost = 200;

export function Page({ params }: PageProps) {
  const libraryId = params.id ?? "";
  const now = useNow();
  const [{ data, error }, retry] = useQuery({
    query: ScanFailures,
    variables: { libraryId, first: shownAtMost },
    requestPolicy: "cache-and-network",
  });
  const library = data?.library;
  const title = library?.__typename === "Library" ? t("problems.title", { name: library.name }) : null;
  usePageTitle(title);
  if (error && !data) return <Failed error={error} onRetry={() => retry({ requestPolicy: "network-only" })} />;
  if (!data) return <Loading />;
  if (title === null) return <Missing />;
  const { totalCount, nodes } = data.scanFailures;
  return (
    <div className={styles.page}>
      <Link className={styles.back} href={paths.libraries()}>
        <BackIcon />
        {t("nav.libraries")}
      </Link>
      <PageHead title={title} />
      {totalCount === 0 ? (
        <Empty title={t("problems.none.title")}>
          <p>{t("problems.none.text")}</p>
        </Empty>
      ) : (
        <>
          <p className={styles.note}>
            {t("problems.count", { count: totalCount })} {nodes.length < totalCount && t("problems.shown", { count: nodes.length })}
          </p>
          <ul className={styles.list}>
            {nodes.map((failure) => (
              <li key={failure.id} className={styles.failure}>
                <p className={styles.path}>{failure.path}</p>
                <p>{sentence(failure.reason)}</p>
                <p className={styles.note}>
                  <code>{failure.code}</code> · {formatAgo(failure.lastAt, now, currentLocale())}
                </p>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
