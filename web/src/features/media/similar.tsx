//! What looks or sounds like the item.

import { useQuery } from "urql";
import { Link } from "wouter";
import { Picture } from "@/components/media-tile";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import styles from "./similar.module.css";

const SimilarMedia = graphql(`
  query SimilarMedia($id: ID!) {
    node(id: $id) {
      __typename
      id
      ... on Media { similar(first: 12) { nodes { __typename id title thumbnail { url thumbhash srcset { url width } } } } }
    }
  }
`);

export function Similar({ id }: { readonly id: string }) {
  const [{ data }] = useQuery({ query: SimilarMedia, variables: { id } });
  const nodes = data?.node && "similar" in data.node ? data.node.similar.nodes : [];
  if (nodes.length === 0) return null;
  return (
    <section className={styles.similar} aria-label={t("media.similar")}>
      <h2>{t("media.similar")}</h2>
      <ul className={styles.list}>
        {nodes.map((media) => (
          <li key={media.id}>
            <Link href={paths.media(media.id)} className={styles.link}>
              <span className={styles.picture}>
                <Picture thumbnail={media.thumbnail} width={180} isHeld={false} isEager={false} />
              </span>
              <span className={styles.title}>{media.title}</span>
            </Link>
          </li>
        ))}
      </ul>
      <Link className={styles.more} href={paths.duplicates()}>
        {t("nav.duplicates")}
      </Link>
    </section>
  );
}
