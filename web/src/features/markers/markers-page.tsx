//! The wall of markers: each with the picture of its moment, leading right there.

import "@/lib/page-messages";
import { useState } from "react";
import { useQuery } from "urql";
import { Link, useLocation, useSearch } from "wouter";
import { EntityPicker } from "@/components/entity-picker";
import { KindIcon } from "@/components/kind-icon";
import { Picture } from "@/components/media-tile";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { SpriteFrame } from "@/components/sprite-frame";
import { Failed, Loading } from "@/components/states";
import { graphql, type ResultOf } from "@/data/graphql";
import { formatDuration } from "@/lib/format";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { BookmarkIcon } from "@/ui/icons";
import styles from "./markers-page.module.css";

const MarkerWall = graphql(`
  query MarkerWall($first: Int!, $after: String, $search: String, $tagId: ID) {
    markers(first: $first, after: $after, search: $search, tagId: $tagId) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        id
        title
        start
        end
        tags(first: 6) { nodes { id name } }
        media {
          __typename
          id
          title
          thumbnail { url thumbhash srcset { url width } }
          ... on Video { sprite { url columns rows interval tileWidth tileHeight } }
        }
      }
    }
  }
`);

type Marker = ResultOf<typeof MarkerWall>["markers"]["nodes"][number];

const pageSize = 60;

/** What the address says. */
interface WallSearch {
  readonly text: string;
  readonly tagId: string;
}

export function Page() {
  usePageTitle(t("nav.markers"));
  const [, navigate] = useLocation();
  const parameters = new URLSearchParams(useSearch());
  const search: WallSearch = { text: parameters.get("q") ?? "", tagId: parameters.get("tag") ?? "" };
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null]);
  const go = (change: Partial<WallSearch>) => {
    const next = { ...search, ...change };
    const query = new URLSearchParams({ ...(next.text ? { q: next.text } : {}), ...(next.tagId ? { tag: next.tagId } : {}) }).toString();
    setCursors([null]);
    navigate(query === "" ? paths.markers() : `${paths.markers()}?${query}`, { replace: true });
  };
  return (
    <>
      <PageHead title={t("nav.markers")}>
        <input
          className={styles.search}
          type="search"
          aria-label={t("markers.search")}
          placeholder={t("markers.search")}
          value={search.text}
          onChange={(event) => go({ text: event.target.value })}
        />
        <span className={styles.picker}>
          <EntityPicker kind="tags" label={t("markers.tag")} ids={search.tagId === "" ? [] : [search.tagId]} onChange={(ids) => go({ tagId: ids[0] ?? "" })} isSingle />
        </span>
      </PageHead>
      {cursors.map((after, index) => (
        <Window
          key={`${search.text} ${search.tagId} ${after}`}
          search={search}
          after={after}
          onMore={index === cursors.length - 1 ? (next) => setCursors([...cursors, next]) : null}
        />
      ))}
    </>
  );
}

interface WindowProps {
  readonly search: WallSearch;
  readonly after: string | null;
  /** Given to the last window alone. */
  readonly onMore: ((cursor: string) => void) | null;
}

function Window({ search, after, onMore }: WindowProps) {
  const { text, tagId } = search;
  const [{ data, error }, retry] = useQuery({
    query: MarkerWall,
    variables: { first: pageSize, ...(after === null ? {} : { after }), ...(text === "" ? {} : { search: text }), ...(tagId === "" ? {} : { tagId }) },
    requestPolicy: "cache-and-network",
  });
  if (error && !data) return <Failed error={error} onRetry={() => retry({ requestPolicy: "network-only" })} />;
  if (!data) return <Loading />;
  const { nodes, pageInfo, totalCount } = data.markers;
  if (totalCount === 0) {
    const isWhole = text === "" && tagId === "";
    return (
      <Empty title={t(isWhole ? "markers.none.title" : "library.noMatch.title")} icon={<BookmarkIcon />}>
        {isWhole && <p>{t("markers.none.text")}</p>}
      </Empty>
    );
  }
  const next = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  return (
    <>
      <ul className={styles.wall}>
        {nodes.map((marker) => (
          <MarkerCard key={marker.id} marker={marker} />
        ))}
      </ul>
      {next !== null && onMore !== null && (
        <p className={styles.more}>
          <Button onClick={() => onMore(next)}>{t("organize.more")}</Button>
        </p>
      )}
    </>
  );
}

function MarkerCard({ marker }: { readonly marker: Marker }) {
  const { media } = marker;
  if (media === null) return null;
  const sprite = media.__typename === "Video" ? media.sprite : null;
  return (
    <li>
      <Link className={styles.card} href={paths.mediaAt(media.id, marker.start)}>
        <span className={styles.picture}>
          {sprite ? (
            <SpriteFrame sprite={sprite} seconds={marker.start} width={null} />
          ) : media.thumbnail ? (
            <Picture thumbnail={media.thumbnail} width={240} isHeld={false} isEager={false} />
          ) : (
            <KindIcon type={media.__typename} />
          )}
          <span className={styles.time}>
            {formatDuration(marker.start)}
            {marker.end !== null && ` – ${formatDuration(marker.end)}`}
          </span>
        </span>
        <span className={styles.title}>{marker.title}</span>
        <span className={styles.note}>{media.title}</span>
        {marker.tags.nodes.length > 0 && <span className={styles.note}>{marker.tags.nodes.map((tag) => `# ${tag.name}`).join(" ")}</span>}
      </Link>
    </li>
  );
}
