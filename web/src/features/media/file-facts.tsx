//! What is known of one file: where it lies, its container, every stream.

import { type FragmentOf, graphql, readFragment, type ResultOf } from "@/data/graphql";
import { formatBitRate, formatBytes, formatCount, formatDateTime, formatDuration, formatFrameRate } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { fileName } from "@/lib/playability";
import { type Fact, FactList } from "@/ui/fact-list";
import { DownloadIcon } from "@/ui/more-icons";
import styles from "./file-facts.module.css";

export const FileFactsFragment = graphql(`
  fragment FileFacts on MediaFile {
    id
    path
    size
    modifiedAt
    container
    duration
    bitRate
    fingerprint
    url
    streams {
      __typename
      id
      index
      codec
      codecString
      language
      title
      isDefault
      isForced
      bitRate
      ... on VideoStream { width height frameRate pixelFormat rotation hdr colorSpace }
      ... on AudioStream { channels channelLayout sampleRate }
      ... on SubtitleStream { isText }
    }
  }
`);

type Stream = ResultOf<typeof FileFactsFragment>["streams"][number];

export function FileFacts(props: { readonly file: FragmentOf<typeof FileFactsFragment> }) {
  const file = readFragment(FileFactsFragment, props.file);
  const locale = currentLocale();
  const facts: readonly Fact[] = [
    [t("media.path"), file.path],
    [t("media.size"), formatBytes(file.size, locale)],
    [t("media.container"), file.container ?? ""],
    [t("media.duration"), formatDuration(file.duration)],
    [t("media.bitRate"), formatBitRate(file.bitRate, locale)],
    [t("media.modified"), formatDateTime(file.modifiedAt, locale)],
    [t("media.fingerprint"), file.fingerprint ?? ""],
  ];
  return (
    <div className={styles.file}>
      <FactList facts={facts} />
      {file.streams.length > 0 && (
        <ol className={styles.streams} aria-label={t("media.streams")}>
          {file.streams.map((stream) => (
            <li key={stream.id} className={styles.stream}>
              <span className={styles.kind}>{t(streamKinds[stream.__typename])}</span>
              <span>{describeStream(stream, locale).filter(Boolean).join(" · ")}</span>
            </li>
          ))}
        </ol>
      )}
      {file.url !== null && (
        <a className={styles.download} href={file.url} download={fileName(file.path)}>
          <DownloadIcon />
          {t("media.download")}
        </a>
      )}
    </div>
  );
}

const streamKinds = {
  VideoStream: "media.stream.video",
  AudioStream: "media.stream.audio",
  SubtitleStream: "media.stream.subtitle",
  AttachmentStream: "media.stream.attachment",
  DataStream: "media.stream.data",
} as const;

function describeStream(stream: Stream, locale: string): (string | null)[] {
  const shared = [stream.codec, stream.codecString === stream.codec ? null : stream.codecString];
  const last = [formatBitRate(stream.bitRate, locale), stream.language, stream.title];
  switch (stream.__typename) {
    case "VideoStream":
      return [
        ...shared,
        stream.width && stream.height ? `${stream.width} × ${stream.height}` : null,
        formatFrameRate(stream.frameRate, locale),
        stream.pixelFormat,
        stream.colorSpace,
        stream.hdr === "NONE" ? null : stream.hdr,
        stream.rotation ? `${stream.rotation}°` : null,
        ...last,
      ];
    case "AudioStream":
      return [
        ...shared,
        stream.channelLayout ?? (stream.channels ? `${stream.channels} ch` : null),
        stream.sampleRate ? `${formatCount(stream.sampleRate, locale)} Hz` : null,
        ...last,
      ];
    case "SubtitleStream":
    case "AttachmentStream":
    case "DataStream":
      return [...shared, ...last];
  }
}
