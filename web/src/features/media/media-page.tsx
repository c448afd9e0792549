//! The page of one item: stage above; what it is, its files and what is like it below.

import "@/lib/page-messages";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useClient, useQuery } from "urql";
import { useLocation, useSearch } from "wouter";
import type { PageProps } from "@/components/feature";
import { kindText } from "@/components/kind-icon";
import { usePageTitle } from "@/components/page-title";
import { Failed, Loading, Missing } from "@/components/states";
import { graphql } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { browserCapabilities } from "@/lib/capabilities";
import { formatBytes, formatDuration, formatResolution } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { momentOf, paths } from "@/lib/paths";
import { isShowableImage } from "@/lib/playability";
import { Button } from "@/ui/button";
import { BackIcon, NextIcon } from "@/ui/more-icons";
import { ArchiveViewer } from "./archive-viewer";
import { Chapters, ChaptersFragment } from "./chapters";
import { Clips } from "./clips";
import { FileFacts, FileFactsFragment } from "./file-facts";
import { ImageViewer } from "./image-viewer";
import { Markers, MarkersFragment } from "./markers";
import { MediaInfo, MediaInfoFragment } from "./media-info";
import styles from "./media-page.module.css";
import { type CaptionTrack, Player, type PlayerHandle } from "./player/player";
import type { Range } from "./player/timeline";
import { Renditions } from "./renditions";
import { Similar } from "./similar";
import { pictureSubtitles, useBurnedSubtitles } from "./use-burned-subtitles";
import { useNeighbors } from "./use-neighbors";

const MediaDetails = graphql(
  `
    query MediaDetails($id: ID!, $capabilities: PlaybackCapabilities) {
      node(id: $id) {
        __typename
        id
        ... on Media {
          title
          thumbnail { url srcset { url width } }
          files {
            id path size container chapters { id title start }
            streams { __typename id index language title ... on SubtitleStream { isText } }
            ...FileFacts ...Chapters
          }
          ...MediaInfo
        }
        ... on Video {
          duration width height frameRate resumePosition codecs
          sprite { url columns rows interval tileWidth tileHeight }
          playback(capabilities: $capabilities) { method reason hlsUrl directUrl }
          subtitles { id language label url }
          markers(first: 100) { nodes { id title start ...Markers } }
        }
        ... on Audio { markers(first: 100) { nodes { id title start ...Markers } } duration resumePosition codecs waveform { dataUrl } playback(capabilities: $capabilities) { method reason hlsUrl directUrl } }
        ... on Image { width height files { id url } }
      }
    }
  `,
  [FileFactsFragment, ChaptersFragment, MediaInfoFragment, MarkersFragment],
);

const SaveProgress = graphql(`
  mutation SaveProgress($input: SaveProgressInput!) {
    saveProgress(input: $input) { media { id ... on Video { resumePosition } ... on Audio { resumePosition } viewCount lastViewedAt } }
  }
`);

const RecordView = graphql(`
  mutation RecordView($input: RecordViewInput!) { recordView(input: $input) { media { id viewCount lastViewedAt } } }
`);

/** Nearer to the beginning or the end than this, a film starts at its beginning. */
const resumeFrom = 10;
const resumeUntil = 0.95;

export function Page({ params }: PageProps) {
  // Another item is another page: player, range and renewals begin anew.
  return <MediaPage key={params.id} id={params.id ?? ""} />;
}

function MediaPage({ id }: { readonly id: string }) {
  const client = useClient();
  const [, navigate] = useLocation();
  const [capabilities] = useState(browserCapabilities);
  const variables = useMemo(() => ({ id, capabilities }), [id, capabilities]);
  const [{ data, error }, retry] = useQuery({ query: MediaDetails, variables, requestPolicy: "cache-and-network" });
  const player = useRef<PlayerHandle>(null);
  const [range, setRange] = useState<Range>({ start: null, end: null });
  const canEdit = useCanEdit();
  // The moment that a new marker is being made for.
  const [marking, setMarking] = useState<number | null>(null);
  const [isTheater, setIsTheater] = useState(false);
  // A reload means new addresses, which a running player takes only when it is made anew.
  const [attempt, setAttempt] = useState(0);
  const { burned, burn } = useBurnedSubtitles(id, capabilities, player);
  const neighbors = useNeighbors();
  const moment = momentOf(useSearch());
  const media = data?.node;
  const isMedia = media?.__typename === "Video" || media?.__typename === "Audio" || media?.__typename === "Image";
  usePageTitle(isMedia ? media.title : null);

  const open = useCallback(
    (neighbor: { readonly id: string; readonly index: number } | null) => {
      if (neighbor) navigate(paths.media(neighbor.id), { replace: true, state: { list: neighbors.list, index: neighbor.index } });
    },
    [navigate, neighbors.list],
  );
  // Paging through the list by keys, which belong to the document.
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!event.shiftKey || (event.key !== "ArrowRight" && event.key !== "ArrowLeft")) return;
      if (event.target instanceof Element && event.target.closest("input, textarea, select, dialog")) return;
      event.preventDefault();
      open(event.key === "ArrowRight" ? neighbors.next : neighbors.previous);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [neighbors, open]);

  const onProgress = useCallback(
    (position: number) => {
      // The place is kept in the background; the player never waits for it, and a lost one costs ten seconds.
      void client.mutation(SaveProgress, { input: { id, position } }).toPromise();
    },
    [client, id],
  );

  const onWatched = useCallback(
    (watched: number) => {
      // The server decides from which share on it counts.
      void client.mutation(RecordView, { input: { id, watched } }).toPromise();
    },
    [client, id],
  );

  const reload = () => retry({ requestPolicy: "network-only" });
  if (error && !data) return <Failed error={error} onRetry={reload} />;
  if (!data) return <Loading />;
  if (!isMedia) return <Missing />;

  const markers = media.__typename === "Image" ? [] : media.markers.nodes;
  const locale = currentLocale();
  const duration = media.__typename === "Image" ? null : media.duration;
  const resolution = media.__typename === "Audio" ? "" : formatResolution(media.width, media.height);
  const size = media.files.reduce((sum, file) => sum + file.size, 0);
  const [first] = media.files;
  const codecs = media.__typename === "Image" ? "" : [first?.container, ...media.codecs].filter(Boolean).join(", ");
  const chapters = (first?.chapters ?? []).map((chapter, index) => ({ ...chapter, title: chapter.title || t("media.chapter", { number: index + 1 }) }));
  const captions = media.__typename !== "Video" ? [] : media.subtitles.flatMap((subtitle): CaptionTrack[] => {
    if (subtitle.url === null) return [];
    return [{ id: subtitle.id, url: subtitle.url, language: subtitle.language ?? "und", label: subtitle.label }];
  });
  const stored = media.__typename === "Image" ? null : media.resumePosition;
  const resumeAt = moment ?? (stored != null && stored > resumeFrom && duration && stored < duration * resumeUntil ? stored : null);
  const playback = media.__typename === "Image" ? null : (burned?.playback ?? media.playback);
  const picture = media.thumbnail?.srcset.at(-1)?.url ?? media.thumbnail?.url ?? null;

  return (
    <article className={styles.page} data-theater={isTheater}>
      <div className={styles.top}>
        <button type="button" className={styles.back} onClick={() => (neighbors.list === null ? navigate(paths.library()) : history.back())}>
          <BackIcon />
          {t("media.back")}
        </button>
        {neighbors.list !== null && (
          <span className={styles.pager}>
            <Button look="quiet" icon={<BackIcon />} aria-label={t("media.previous")} aria-disabled={neighbors.previous === null} onClick={() => open(neighbors.previous)} />
            <Button look="quiet" icon={<NextIcon />} aria-label={t("media.next")} aria-disabled={neighbors.next === null} onClick={() => open(neighbors.next)} />
          </span>
        )}
      </div>
      {media.__typename === "Image" && first?.container === "zip" ? (
        <ArchiveViewer id={media.id} title={media.title} />
      ) : media.__typename === "Image" ? (
        <ImageViewer
          title={media.title}
          originalUrl={first && isShowableImage(first) ? (media.files[0]?.url ?? null) : null}
          pictureUrl={picture}
          width={media.width}
          height={media.height}
          {...(neighbors.list === null ? {} : { onStep: (direction: 1 | -1) => open(direction === 1 ? neighbors.next : neighbors.previous) })}
        />
      ) : playback === null ? (
        <div className={styles.nothing}>{t("media.noUrl")}</div>
      ) : (
        <Player
          key={`${attempt} ${burned?.index} ${burned?.at}`}
          handle={player}
          title={media.title}
          kind={media.__typename}
          source={{ directUrl: playback.directUrl, hlsUrl: playback.hlsUrl, isDirect: playback.method === "DIRECT" }}
          method={playback.method}
          reason={playback.reason}
          codecs={codecs}
          posterUrl={picture}
          sprite={media.__typename === "Video" ? media.sprite : null}
          waveformUrl={media.__typename === "Audio" ? (media.waveform?.dataUrl ?? null) : null}
          frameRate={media.__typename === "Video" ? media.frameRate : null}
          chapters={chapters}
          markers={markers}
          {...(canEdit ? { onMarker: setMarking } : {})}
          captions={captions}
          pictureSubtitles={media.__typename === "Video" ? pictureSubtitles(first?.streams ?? []) : []}
          burned={burned?.index ?? null}
          onBurn={(index) => void burn(index)}
          resumeAt={burned?.at ?? resumeAt}
          isResuming={burned?.isPlaying ?? false}
          range={range}
          onRange={setRange}
          onReload={() => {
            reload();
            setAttempt(attempt + 1);
          }}
          onProgress={onProgress}
          onWatched={onWatched}
          isTheater={isTheater}
          onTheater={() => setIsTheater(!isTheater)}
          atEnd={
            neighbors.next && (
              <div className={styles.end}>
                <Button look="primary" onClick={() => open(neighbors.next)}>
                  {t("media.playNext")}
                </Button>
              </div>
            )
          }
        />
      )}
      <div className={styles.columns}>
        <MediaInfo
          media={media}
          summary={[kindText(media.__typename), formatDuration(duration), resolution, formatBytes(size, locale)].filter(Boolean).join(" · ")}
        />
        <div className={styles.side}>
          {media.__typename === "Video" && (
            <Clips mediaId={media.id} range={range} onRange={setRange} onSeek={(seconds) => player.current?.seek(seconds)} />
          )}
          {media.__typename === "Video" && <Renditions mediaId={media.id} onMade={reload} />}
          {media.__typename !== "Image" && (
            <Markers
              mediaId={media.id}
              markers={media.markers.nodes}
              range={range}
              time={marking}
              onClose={() => setMarking(null)}
              onSeek={(seconds) => player.current?.seek(seconds)}
              onChanged={reload}
            />
          )}
          {first && <Chapters file={first} onSeek={(seconds) => player.current?.seek(seconds)} />}
          <section aria-label={t("media.files", { count: media.files.length })} className={styles.files}>
            <h2>{t("media.files", { count: media.files.length })}</h2>
            {media.files.map((file) => (
              <FileFacts key={file.id} file={file} />
            ))}
          </section>
        </div>
      </div>
      <Similar id={media.id} />
    </article>
  );
}
