//! An archive of pictures: one page large, the others in a strip below. Pages are asked for some at a time.

import { useState } from "react";
import { useQuery } from "urql";
import { Failed, Loading } from "@/components/states";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { BackIcon, NextIcon } from "@/ui/more-icons";
import styles from "./archive-viewer.module.css";
import { ImageViewer } from "./image-viewer";

const ArchivePages = graphql(`
  query ArchivePages($id: ID!, $first: Int!, $after: String) {
    node(id: $id) {
      __typename
      id
      ... on Image {
        pages(first: $first, after: $after) {
          totalCount
          pageInfo { hasNextPage endCursor }
          nodes { position name picture { url srcset { url width } } }
        }
      }
    }
  }
`);

const batch = 48;

export function ArchiveViewer({ id, title }: { readonly id: string; readonly title: string }) {
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null]);
  const [place, setPlace] = useState(0);
  const after = cursors.at(-1) ?? null;
  const [{ data, error }, retry] = useQuery({ query: ArchivePages, variables: { id, first: batch, after } });
  const pages = data?.node?.__typename === "Image" ? data.node.pages : null;
  if (error && !pages) return <Failed error={error} onRetry={() => retry({ requestPolicy: "network-only" })} />;
  if (!pages) return <Loading />;
  const page = pages.nodes[Math.min(place, pages.nodes.length - 1)];
  if (!page) return null;

  const next = pages.pageInfo.hasNextPage ? pages.pageInfo.endCursor : null;
  const step = (direction: 1 | -1) => {
    const to = place + direction;
    if (to >= 0 && to < pages.nodes.length) {
      setPlace(to);
    } else if (direction === 1 && next !== null) {
      setCursors([...cursors, next]);
      setPlace(0);
    } else if (direction === -1 && cursors.length > 1) {
      setCursors(cursors.slice(0, -1));
      setPlace(batch - 1);
    }
  };
  const name = t("media.page", { number: page.position + 1, count: pages.totalCount ?? 0 });
  return (
    <section className={styles.archive} aria-label={t("media.pages")}>
      <ImageViewer
        key={page.position}
        title={`${title}: ${name}`}
        originalUrl={null}
        pictureUrl={page.picture?.srcset.at(-1)?.url ?? page.picture?.url ?? null}
        width={null}
        height={null}
        onStep={step}
      />
      <div className={styles.steps}>
        <Button look="quiet" icon={<BackIcon />} aria-label={t("media.previousPage")} onClick={() => step(-1)} />
        <span aria-live="polite">{name}</span>
        <Button look="quiet" icon={<NextIcon />} aria-label={t("media.nextPage")} onClick={() => step(1)} />
      </div>
      <ol className={styles.strip}>
        {pages.nodes.map((one, index) => (
          <li key={one.position}>
            <button
              type="button"
              aria-label={t("media.page", { number: one.position + 1, count: pages.totalCount ?? 0 })}
              aria-current={one.position === page.position}
              title={one.name}
              onClick={() => setPlace(index)}
            >
              {one.picture && <img src={one.picture.url} alt="" loading="lazy" />}
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
