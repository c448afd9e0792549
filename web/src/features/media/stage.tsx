//! Shows the original file: video, audio or picture by the browser's own means, and says exactly what failed when it does not.

import { useState } from "react";
import { KindIcon, type MediaType } from "@/components/kind-icon";
import { type FragmentOf, graphql, readFragment } from "@/data/graphql";
import { t } from "@/lib/messages";
import { extension, fileName, isShowableImage } from "@/lib/playability";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { Empty } from "@/ui/empty";
import { WarnIcon } from "@/ui/icons";
import { DownloadIcon } from "@/ui/more-icons";
import { failureText, type PlayFailure } from "./play-failure";
import styles from "./stage.module.css";

export const StageFileFragment = graphql(`
  fragment StageFile on MediaFile { id path size container url streams { __typename id codec } }
`);

interface StageProps {
  readonly type: MediaType;
  readonly title: string;
  readonly file: FragmentOf<typeof StageFileFragment>;
  /** Told the playing element, and null when it is gone. */
  readonly onPlayer: (element: HTMLMediaElement | null) => void;
  /** Asks for the item again, which brings a fresh signed address. */
  readonly onReload: () => void;
}

export function Stage({ type, title, onPlayer, onReload, ...props }: StageProps) {
  const file = readFragment(StageFileFragment, props.file);
  // A new answer carries a new signature for the same bytes; taking it would restart what is playing.
  const [url, setUrl] = useState(file.url);
  const [failure, setFailure] = useState<PlayFailure | null>(null);
  const [renewal, setRenewal] = useState<"unused" | "asked" | "used">("unused");

  // An expired address is renewed once by itself; after that the reader is told.
  if (renewal === "asked" && file.url !== url) {
    setRenewal("used");
    setUrl(file.url);
    setFailure(null);
  }
  const fail = async (error: MediaError | null, failedUrl: string) => {
    const found = await diagnose(error, failedUrl);
    setFailure(found);
    if (found === "expired" && renewal === "unused") {
      setRenewal("asked");
      onReload();
    }
  };

  if (url === null) return <Shade type={type}>{t("media.noUrl")}</Shade>;
  if (failure !== null) {
    const what = `${fileName(file.path)} (${[file.container ?? extension(file.path), ...codecs(file.streams)].filter(Boolean).join(", ")})`;
    return (
      <div className={styles.stage}>
        <Empty title={t("media.play.failed")} icon={<WarnIcon />} isAlert>
          <p>{failureText(failure, what)}</p>
          <div className={styles.actions}>
            <Button
              onClick={() => {
                onReload();
                setUrl(file.url);
                setFailure(null);
              }}
            >
              {t("media.play.again")}
            </Button>
            <a className={styles.download} href={file.url ?? url} download={fileName(file.path)}>
              <DownloadIcon />
              {t("media.download")}
            </a>
          </div>
        </Empty>
      </div>
    );
  }

  if (type === "Video") {
    return (
      <div className={styles.stage}>
        <video
          ref={onPlayer}
          className={styles.video}
          src={url}
          controls
          playsInline
          preload="metadata"
          aria-label={title}
          onError={(event) => void fail(event.currentTarget.error, url)}
        />
      </div>
    );
  }
  if (type === "Audio") {
    return (
      <div className={classNames(styles.stage, styles.sound)}>
        <span className={styles.icon}>
          <KindIcon type="Audio" />
        </span>
        <audio
          ref={onPlayer}
          className={styles.audio}
          src={url}
          controls
          preload="metadata"
          aria-label={title}
          onError={(event) => void fail(event.currentTarget.error, url)}
        />
      </div>
    );
  }
  if (!isShowableImage(file)) return <Shade type={type}>{t("media.imageFailed")}</Shade>;
  return (
    <div className={styles.stage}>
      <img className={styles.image} src={url} alt={title} onError={() => void fail(null, url)} />
    </div>
  );
}

/** Finds out whether the address or the bytes are to blame: a media element only says that something failed. */
async function diagnose(error: MediaError | null, url: string): Promise<PlayFailure> {
  if (error?.code === MediaError.MEDIA_ERR_DECODE) return "decode";
  try {
    const response = await fetch(url, { headers: { range: "bytes=0-0" }, cache: "no-store" });
    await response.body?.cancel();
    if (response.status === 401 || response.status === 403 || response.status === 404 || response.status === 410) return "expired";
    return response.ok ? "unsupported" : "network";
  } catch {
    return "network";
  }
}

function codecs(streams: readonly { readonly codec: string | null }[]): string[] {
  return [...new Set(streams.flatMap((stream) => stream.codec ?? []))];
}

function Shade({ type, children }: { readonly type: MediaType; readonly children: string }) {
  return (
    <div className={classNames(styles.stage, styles.sound)}>
      <span className={styles.icon}>
        <KindIcon type={type} />
      </span>
      <p>{children}</p>
    </div>
  );
}
