//! The page of one item: stage above, facts of the item and its files below.

import "@/lib/page-messages";
import { useCallback, useRef } from "react";
import { useQuery } from "urql";
import { Link } from "wouter";
import type { PageProps } from "@/components/feature";
import { kindText } from "@/components/kind-icon";
import { usePageTitle } from "@/components/page-title";
import { Failed, Loading, Missing } from "@/components/states";
import { graphql } from "@/data/graphql";
import { formatBytes, formatDateTime, formatDuration, formatResolution } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { BackIcon } from "@/ui/more-icons";
import { Chapters, ChaptersFragment } from "./chapters";
import { FileFacts, FileFactsFragment } from "./file-facts";
import styles from "./media-page.module.css";
import { Stage, StageFileFragment } from "./stage";

const MediaDetails = graphql(
  `
    query MediaDetails($id: ID!) {
      node(id: $id) {
        __typename
        id
        ... on Media {
          title
          description
          date
          addedAt
          tags(first: 20) { nodes { id name } }
          people(first: 20) { nodes { id name } }
          studio { id name }
          files { id size ...StageFile ...FileFacts ...Chapters }
        }
        ... on Video { duration width height }
        ... on Audio { duration }
        ... on Image { width height }
      }
    }
  `,
  [StageFileFragment, FileFactsFragment, ChaptersFragment],
);

export function Page({ params }: PageProps) {
  const [{ data, error }, retry] = useQuery({ query: MediaDetails, variables: { id: params.id ?? "" } });
  const player = useRef<HTMLMediaElement>(null);
  const onPlayer = useCallback((element: HTMLMediaElement | null) => {
    player.current = element;
  }, []);
  const seek = (seconds: number) => {
    if (player.current !== null) player.current.currentTime = seconds;
  };
  const media = data?.node;
  const isMedia = media?.__typename === "Video" || media?.__typename === "Audio" || media?.__typename === "Image";
  usePageTitle(isMedia ? media.title : null);
  const reload = () => retry({ requestPolicy: "network-only" });
  if (error && !data) return <Failed error={error} onRetry={reload} />;
  if (!data) return <Loading />;
  if (!isMedia) return <Missing />;

  const locale = currentLocale();
  const duration = media.__typename === "Image" ? null : media.duration;
  const resolution = media.__typename === "Audio" ? "" : formatResolution(media.width, media.height);
  const size = media.files.reduce((sum, file) => sum + file.size, 0);
  const [first] = media.files;
  const facts: readonly (readonly [string, string])[] = [
    [t("media.date"), media.date ?? ""],
    [t("media.added"), formatDateTime(media.addedAt, locale)],
    [t("media.studio"), media.studio?.name ?? ""],
    [t("media.people"), media.people.nodes.map((person) => person.name).join(", ")],
    [t("media.tags"), media.tags.nodes.map((tag) => tag.name).join(", ")],
  ];
  return (
    <article className={styles.page}>
      <Link className={styles.back} href={paths.library()}>
        <BackIcon />
        {t("media.back")}
      </Link>
      {first && <Stage key={media.id} type={media.__typename} title={media.title} file={first} onPlayer={onPlayer} onReload={reload} />}
      <header className={styles.head}>
        <h1 className={styles.title}>{media.title}</h1>
        <p className={styles.summary}>
          {[kindText(media.__typename), formatDuration(duration), resolution, formatBytes(size, locale)].filter(Boolean).join(" · ")}
        </p>
        {media.description && <p className={styles.description}>{media.description}</p>}
      </header>
      <div className={styles.columns}>
        <dl className={styles.facts}>
          {facts
            .filter(([, value]) => value !== "")
            .map(([label, value]) => (
              <div key={label}>
                <dt>{label}</dt>
                <dd>{value}</dd>
              </div>
            ))}
        </dl>
        {first && <Chapters file={first} onSeek={seek} />}
        <section aria-label={t("media.files", { count: media.files.length })} className={styles.files}>
          <h2>{t("media.files", { count: media.files.length })}</h2>
          {media.files.map((file) => (
            <FileFacts key={file.id} file={file} />
          ))}
        </section>
      </div>
    </article>
  );
}
