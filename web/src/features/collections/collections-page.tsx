//! All collections as cards with their first pictures.

import "@/lib/page-messages";
import { useClient, useQuery } from "urql";
import { Link, useLocation } from "wouter";
import cards from "@/components/cards.module.css";
import { CreateButton } from "@/components/create-button";
import { KindIcon } from "@/components/kind-icon";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { Picture } from "@/components/media-tile";
import { problemText } from "@/components/states";
import { WindowBody, type WindowPlace, Windows } from "@/components/windowed";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Empty } from "@/ui/empty";
import { CollectionIcon } from "@/ui/icons";
import styles from "./collections-page.module.css";

const Collections = graphql(`
  query Collections($first: Int!, $after: String) {
    collections(first: $first, after: $after, sort: [{ field: NAME, direction: ASC }]) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes { id name isSmart itemCount items(first: 4) { nodes { media { __typename id thumbnail { url thumbhash srcset { url width } } } } } }
    }
  }
`);

const NewCollection = graphql(`mutation NewCollection($input: CreateCollectionInput!) { createCollection(input: $input) { collection { id } } }`);

const pageSize = 48;

export function Page() {
  usePageTitle(t("nav.collections"));
  const client = useClient();
  const [, navigate] = useLocation();
  const [{ data }] = useQuery({ query: Collections, variables: { first: pageSize } });
  const create = async (name: string) => {
    const result = await client.mutation(NewCollection, { input: { name } }).toPromise();
    if (result.error) return problemText(result.error);
    const made = result.data?.createCollection.collection;
    if (made) navigate(paths.collection(made.id));
    return null;
  };
  return (
    <>
      <PageHead title={t("nav.collections")} note={data && String(data.collections.totalCount)}>
        <CreateButton title={t("collections.new")} onCreate={create} />
      </PageHead>
      <Windows>{(place) => <Window {...place} />}</Windows>
    </>
  );
}

function Window(place: WindowPlace) {
  const { after } = place;
  const [{ data, error }, refetch] = useQuery({
    query: Collections,
    variables: { first: pageSize, ...(after === null ? {} : { after }) },
    requestPolicy: "cache-and-network",
  });
  return (
    <WindowBody {...place} data={data?.collections} error={error} onRetry={() => refetch({ requestPolicy: "network-only" })} pageInfo={({ pageInfo }) => pageInfo}>
      {({ nodes, totalCount }) =>
        totalCount === 0 ? (
          <Empty title={t("collections.none.title")} icon={<CollectionIcon />}>
            <p>{t("collections.none.text")}</p>
          </Empty>
        ) : (
          <ul className={cards.cards}>
            {nodes.map((collection) => (
              <li key={collection.id}>
                <Link className={styles.card} href={paths.collection(collection.id)}>
                  <span className={styles.covers}>
                    {[0, 1, 2, 3].map((index) => {
                      const media = collection.items.nodes[index]?.media;
                      return (
                        <span key={index} className={styles.cover}>
                          {media?.thumbnail === null && <KindIcon type={media.__typename} />}
                          <Picture thumbnail={media?.thumbnail ?? null} width={140} isHeld={false} isEager={false} />
                        </span>
                      );
                    })}
                  </span>
                  <span className={styles.name}>{collection.name}</span>
                  <span className={styles.note}>
                    {t("library.counts", { count: collection.itemCount })}
                    {collection.isSmart && ` · ${t("collections.smart")}`}
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        )
      }
    </WindowBody>
  );
}
