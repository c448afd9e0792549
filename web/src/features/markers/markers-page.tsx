//! The wall of markers: each with the picture of its moment, leading right there.

import "@/lib/page-messages";
import { useQuery } from "urql";
import { Link, useLocation, useSearch } from "wouter";
import { EntityPicker } from "@/components/entity-picker";
import { KindIcon } from "@/components/kind-icon";
import { Picture } from "@/components/media-tile";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { SpriteFrame } from "@/components/sprite-frame";
import { ListSearch, WindowBody, type WindowPlace, Windows } from "@/components/windowed";
import { graphql, type ResultOf } from "@/data/graphql";
import { formatDuration } from "@/lib/format";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
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
  const go = (change: Partial<WallSearch>) => {
    const next = { ...search, ...change };
    const query = new URLSearchParams({ ...(next.text ? { q: next.text } : {}), ...(next.tagId ? { tag: next.tagId } : {}) }).toString();
    navigate(query === "" ? paths.markers() : `${paths.markers()}?${query}`, { replace: true });
  };
  return (
    <>
      <PageHead title={t("nav.markers")}>
        <ListSearch label={t("markers.search")} value={search.text} onChange={(text) => go({ text })} />
        <span className={styles.picker}>
          <EntityPicker kind="tags" label={t("markers.tag")} ids={search.tagId === "" ? [] : [search.tagId]} onChange={(ids) => go({ tagId: ids[0] ?? "" })} isSingle isUnlabeled />
        </span>
      </PageHead>
      <Windows key={`${search.text} ${search.tagId}`}>{(place) => <Window search={search} {...place} />}</Windows>
    </>
  );
}

function Window({ search, ...place }: WindowPlace & { readonly search: WallSearch }) {
  const { after } = place;
  const { text, tagId } = search;
  const [{ data, error }, retry] = useQuery({
    query: MarkerWall,
    variables: { first: pageSize, ...(after === null ? {} : { after }), ...(text === "" ? {} : { search: text }), ...(tagId === "" ? {} : { tagId }) },
    requestPolicy: "cache-and-network",
  });
  const isWhole = text === "" && tagId === "";
  return (
    <WindowBody data={data?.markers} error={error} onRetry={() => retry({ requestPolicy: "network-only" })} pageInfo={({ pageInfo }) => pageInfo} {...place}>
      {({ nodes, totalCount }) =>
        totalCount === 0 ? (
          <Empty title={t(isWhole ? "markers.none.title" : "library.noMatch.title")} icon={<BookmarkIcon />}>
            {isWhole && <p>{t("markers.none.text")}</p>}
          </Empty>
        ) : (
          <ul className={styles.wall}>
            {nodes.map((marker) => (
              <MarkerCard key={marker.id} marker={marker} />
            ))}
          </ul>
        )
      }
    </WindowBody>
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
