//! Reviews duplicates: groups with the best item first, to be merged, trashed or told apart for good. Everything can be undone.

import "@/lib/page-messages";
import { useState } from "react";
import { useClient, useQuery } from "urql";
import { useLocation, useSearch } from "wouter";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { Failed, Loading } from "@/components/states";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { TwinsIcon } from "@/ui/icons";
import { DuplicateGroup, DuplicateGroupFragment } from "./duplicate-group";
import styles from "./duplicates-page.module.css";

const Duplicates = graphql(
  `
    query Duplicates($first: Int!, $after: String, $maxDistance: Int!) {
      duplicates(first: $first, after: $after, maxDistance: $maxDistance) {
        totalCount
        pageInfo { hasNextPage endCursor }
        edges { cursor node { ...DuplicateGroup } }
      }
    }
  `,
  [DuplicateGroupFragment],
);

const IndexSimilar = graphql(`mutation IndexSimilar($input: IndexSimilarInput!) { indexSimilar(input: $input) { job { id status } } }`);

const pageSize = 12;
const distances = [0, 2, 4, 6, 8, 10] as const;
const usualDistance = 6;

export function Page() {
  usePageTitle(t("nav.duplicates"));
  const client = useClient();
  const [path, navigate] = useLocation();
  const asked = Number(new URLSearchParams(useSearch()).get("distance") ?? usualDistance);
  const maxDistance = distances.find((distance) => distance === asked) ?? usualDistance;
  const [trail, setTrail] = useState<readonly (string | null)[]>([null]);
  const after = trail.at(-1) ?? null;
  const [{ data, error }, refetch] = useQuery({
    query: Duplicates,
    variables: { first: pageSize, maxDistance, ...(after === null ? {} : { after }) },
    requestPolicy: "cache-and-network",
  });
  const again = () => refetch({ requestPolicy: "network-only" });
  const connection = data?.duplicates;
  return (
    <>
      <PageHead title={t("nav.duplicates")} note={connection && t("duplicates.count", { count: connection.totalCount })}>
        <label className={styles.distance}>
          {t("duplicates.distance")}
          <select
            value={maxDistance}
            onChange={(event) => {
              setTrail([null]);
              navigate(Number(event.target.value) === usualDistance ? path : `${path}?distance=${event.target.value}`, { replace: true });
            }}
          >
            {distances.map((distance) => (
              <option key={distance} value={distance}>
                {distance === 0 ? t("duplicates.equal") : t("duplicates.upTo", { count: distance })}
              </option>
            ))}
          </select>
        </label>
        <Button onClick={() => void client.mutation(IndexSimilar, { input: {} }).toPromise()}>{t("duplicates.compare")}</Button>
      </PageHead>
      {error && !data && <Failed error={error} onRetry={again} />}
      {!data && !error && <Loading />}
      {connection?.edges.length === 0 && (
        <Empty title={t("duplicates.none.title")} icon={<TwinsIcon />}>
          <p>{t("duplicates.none.text")}</p>
        </Empty>
      )}
      <ul className={styles.groups}>
        {connection?.edges.map(({ cursor, node }) => (
          <DuplicateGroup key={cursor} group={node} onChanged={again} />
        ))}
      </ul>
      {connection && (trail.length > 1 || connection.pageInfo.hasNextPage) && (
        <p className={styles.pages}>
          <Button aria-disabled={trail.length === 1} onClick={() => trail.length > 1 && setTrail(trail.slice(0, -1))}>
            {t("page.previous")}
          </Button>
          <Button
            aria-disabled={!connection.pageInfo.hasNextPage}
            onClick={() => connection.pageInfo.hasNextPage && setTrail([...trail, connection.pageInfo.endCursor])}
          >
            {t("page.next")}
          </Button>
        </p>
      )}
    </>
  );
}
