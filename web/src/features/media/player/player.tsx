//! Plays a video or a sound: the element, our controls over it, and the keyboard.

import { type ReactNode, useCallback, useEffect, useEffectEvent, useImperativeHandle, useMemo, useRef, useState, useSyncExternalStore, type Ref } from "react";
import type { Action } from "@/lib/keys";
import { t } from "@/lib/messages";
import { frameStep, neighborStart, nextSpeed } from "@/lib/playing";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { Empty } from "@/ui/empty";
import { WarnIcon } from "@/ui/icons";
import { showToast } from "@/ui/toast";
import { ContactSheet } from "./contact-sheet";
import { Controls } from "./controls";
import { seekTo, setRate, setVolume, showCaptions, showsCaptions, toggleMuted } from "./element";
import { type Choice, PlayerEngine, type PlayerSource } from "./engine";
import styles from "./player.module.css";
import type { SpriteSheet } from "@/components/sprite-frame";
import { Statistics } from "./statistics";
import type { Mark, Range } from "./timeline";
import { useMediaState } from "./use-media-state";
import { usePlayerKeys } from "./use-player-keys";

/** A side-car of captions. */
export interface CaptionTrack {
  readonly id: string;
  readonly url: string;
  readonly language: string;
  readonly label: string;
}

/** What the page may ask of the player. */
export interface PlayerHandle {
  readonly seek: (seconds: number) => void;
  readonly time: () => number;
  readonly isPlaying: () => boolean;
}

interface PlayerProps {
  readonly title: string;
  readonly kind: "Video" | "Audio";
  readonly source: PlayerSource;
  readonly method: string;
  readonly reason: string | null;
  readonly codecs: string;
  readonly posterUrl: string | null;
  readonly sprite: SpriteSheet | null;
  readonly waveformUrl: string | null;
  readonly frameRate: number | null;
  readonly chapters: readonly Mark[];
  readonly markers: readonly Mark[];
  readonly captions: readonly CaptionTrack[];
  /** Subtitles that are pictures, by the index of their stream; the server draws the chosen one into the film. */
  readonly pictureSubtitles: readonly Choice[];
  readonly burned: number | null;
  readonly onBurn: (index: number | null) => void;
  readonly resumeAt: number | null;
  /** Whether it goes on by itself, as what it stands in for did. */
  readonly isResuming: boolean;
  readonly range: Range;
  readonly onRange: (range: Range) => void;
  /** Asks for fresh addresses. */
  readonly onReload: () => void;
  readonly onMarker?: (seconds: number) => void;
  /** Told the position now and then, and when it matters: on pause, at the end, when the page hides. */
  readonly onProgress?: (seconds: number) => void;
  /** Told once a sitting is over, with the seconds that were really watched. */
  readonly onWatched?: (seconds: number) => void;
  readonly isTheater: boolean;
  readonly onTheater: () => void;
  /** Shown when the end is reached. */
  readonly atEnd?: ReactNode;
  readonly handle?: Ref<PlayerHandle>;
}

const hideAfterMs = 2600;
const progressEveryMs = 10_000;

export function Player(props: PlayerProps) {
  const { source, range, onRange, chapters, kind } = props;
  const box = useRef<HTMLDivElement>(null);
  const [video, setVideo] = useState<HTMLVideoElement | null>(null);
  const [panel, setPanel] = useState<"none" | "sheet">("none");
  const [hasStatistics, setHasStatistics] = useState(false);
  const [isLooping, setIsLooping] = useState(false);
  const [isIdle, setIsIdle] = useState(false);
  const [hasCaptions, setHasCaptions] = useState(false);
  const state = useMediaState(video);

  // Fresh answers carry fresh signatures for the same bytes; taking them would restart what is playing.
  const [first] = useState(source);
  const engine = useMemo(() => (video === null ? null : new PlayerEngine(video, first)), [first, video]);
  const engineState = useSyncExternalStore(engine?.subscribe ?? neverChanges, engine?.state ?? noEngine);
  const start = useEffectEvent(() => engine?.start(props.resumeAt ?? 0, props.isResuming));
  // The engine feeds the element, outside React.
  useEffect(() => {
    start();
    return () => engine?.destroy();
  }, [engine]);

  const seek = useCallback((seconds: number) => seekTo(video, seconds), [video]);
  useImperativeHandle(props.handle, () => ({ seek, time: () => video?.currentTime ?? 0, isPlaying: () => video?.paused === false }), [seek, video]);

  const report = useEffectEvent(() => {
    if (video && video.currentTime > 0) props.onProgress?.(video.currentTime);
  });
  const finish = useEffectEvent((watched: number) => {
    if (watched > 1) props.onWatched?.(watched);
  });
  const loopBack = useEffectEvent(() => {
    if (isLooping && range.end !== null && video && video.currentTime >= range.end) seek(range.start ?? 0);
  });
  // The position, as the element has it.
  useEffect(() => {
    if (!video) return;
    let watched = 0;
    let last = video.currentTime;
    const advance = () => {
      const step = video.currentTime - last;
      last = video.currentTime;
      // A seek is no watching.
      if (!video.paused && step > 0 && step < 2) watched += step;
      loopBack();
    };
    const over = () => {
      report();
      finish(watched);
      watched = 0;
    };
    const timer = setInterval(() => !video.paused && report(), progressEveryMs);
    const hide = () => document.visibilityState === "hidden" && report();
    const pause = () => !video.ended && report();
    video.addEventListener("pause", pause);
    video.addEventListener("ended", over);
    video.addEventListener("timeupdate", advance);
    document.addEventListener("visibilitychange", hide);
    window.addEventListener("pagehide", over);
    return () => {
      over();
      clearInterval(timer);
      video.removeEventListener("pause", pause);
      video.removeEventListener("ended", over);
      video.removeEventListener("timeupdate", advance);
      document.removeEventListener("visibilitychange", hide);
      window.removeEventListener("pagehide", over);
    };
  }, [video]);

  // Keys and screens of the system know what plays.
  useEffect(() => {
    if (!video || !("mediaSession" in navigator)) return;
    navigator.mediaSession.metadata = new MediaMetadata({ title: props.title, ...(props.posterUrl ? { artwork: [{ src: props.posterUrl }] } : {}) });
    navigator.mediaSession.setActionHandler("seekbackward", () => seek(video.currentTime - 10));
    navigator.mediaSession.setActionHandler("seekforward", () => seek(video.currentTime + 10));
    return () => {
      navigator.mediaSession.metadata = null;
    };
  }, [video, props.title, props.posterUrl, seek]);

  const togglePlay = () => {
    if (!video) return;
    if (video.paused) video.play().catch(() => showToast({ text: t("player.notStarted"), tone: "bad" }));
    else video.pause();
  };
  const toggleCaptions = () => {
    showCaptions(video, showsCaptions(video) ? -1 : 0);
    setHasCaptions(showsCaptions(video));
  };
  const toggleFullscreen = () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void box.current?.requestFullscreen();
  };
  const togglePip = () => {
    if (!video || kind === "Audio" || !document.pictureInPictureEnabled) return;
    if (document.pictureInPictureElement) void document.exitPictureInPicture();
    else video.requestPictureInPicture().catch(() => showToast({ text: t("player.noPip"), tone: "bad" }));
  };
  const mark = (side: "start" | "end") => {
    const time = video?.currentTime ?? 0;
    const next = { ...range, [side]: time };
    // An end before its start begins a new range.
    const isUpsideDown = next.start !== null && next.end !== null && next.end <= next.start;
    onRange(isUpsideDown ? { start: side === "start" ? time : null, end: side === "end" ? time : null } : next);
  };
  const jumpChapter = (direction: 1 | -1) => {
    const start = neighborStart(chapters, video?.currentTime ?? 0, direction);
    if (start !== null) seek(start);
  };
  const step = (direction: 1 | -1) => {
    if (!video) return;
    video.pause();
    seek(frameStep(video.currentTime, props.frameRate ?? 25, direction));
  };

  const act = (action: Action<"player">): boolean => {
    if (!video) return false;
    const at = video.currentTime;
    setIsIdle(false);
    if (action.startsWith("percent")) {
      seek((state.duration * Number(action.slice(-1))) / 10);
      return true;
    }
    const acts: Partial<Record<Action<"player">, () => void>> = {
      play: togglePlay,
      rewind: () => seek(at - 10),
      forward: () => seek(at + 10),
      back5: () => seek(at - 5),
      ahead5: () => seek(at + 5),
      louder: () => setVolume(video, video.volume + 0.05),
      quieter: () => setVolume(video, video.volume - 0.05),
      frameBack: () => step(-1),
      frameAhead: () => step(1),
      slower: () => setRate(video, nextSpeed(video.playbackRate, -1)),
      faster: () => setRate(video, nextSpeed(video.playbackRate, 1)),
      mute: () => toggleMuted(video),
      fullscreen: toggleFullscreen,
      captions: toggleCaptions,
      pictureInPicture: togglePip,
      theater: props.onTheater,
      previousChapter: () => jumpChapter(-1),
      nextChapter: () => jumpChapter(1),
      markIn: () => mark("start"),
      markOut: () => mark("end"),
      clearRange: () => onRange({ start: null, end: null }),
      loop: () => setIsLooping(!isLooping),
      statistics: () => setHasStatistics(!hasStatistics),
      ...(props.sprite ? { sheet: () => setPanel(panel === "sheet" ? "none" : "sheet") } : {}),
      ...(props.onMarker ? { marker: () => props.onMarker?.(at) } : {}),
    };
    const run = acts[action];
    run?.();
    return run !== undefined;
  };
  usePlayerKeys(act);

  // Controls go away while nothing but the film moves.
  const wake = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const stir = () => {
    setIsIdle(false);
    clearTimeout(wake.current);
    wake.current = setTimeout(() => setIsIdle(true), hideAfterMs);
  };

  const { failure } = engineState;
  return (
    <div
      ref={box}
      className={classNames(styles.player, kind === "Audio" && styles.sound, isIdle && !state.isPaused && kind === "Video" && styles.idle)}
      onPointerMove={stir}
      onFocus={stir}
      data-player={engineState.mode}
    >
      {/* oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions -- the keys are the page's own */}
      <video
        ref={setVideo}
        className={styles.video}
        {...(props.posterUrl && kind === "Video" ? { poster: props.posterUrl } : {})}
        playsInline
        preload="metadata"
        aria-label={props.title}
        onClick={togglePlay}
        onDoubleClick={toggleFullscreen}
      >
        {props.captions.map((track) => (
          <track key={track.id} kind="subtitles" src={track.url} srcLang={track.language} label={track.label} />
        ))}
      </video>
      {kind === "Audio" && props.posterUrl !== null && <img className={styles.cover} src={props.posterUrl} alt="" />}
      {state.isWaiting && failure === null && <span className={styles.waiting} role="status" aria-label={t("player.waiting")} />}
      {hasStatistics && engine && (
        <Statistics engine={engine} engineState={engineState} state={state} method={props.method} reason={props.reason} codecs={props.codecs} />
      )}
      {state.isEnded && props.atEnd}
      {failure !== null && (
        <div className={styles.failure}>
          <Empty title={t("media.play.failed")} icon={<WarnIcon />} isAlert>
            <p>{t(`media.play.${failure.kind}`, { what: props.codecs === "" ? props.title : `${props.title} (${props.codecs})` })}</p>
            {props.reason !== null && <p>{t("player.serverSays", { reason: props.reason })}</p>}
            {failure.detail !== "" && <p className={styles.detail}>{failure.detail}</p>}
            <div className={styles.choices}>
              <Button onClick={props.onReload}>{t("media.play.again")}</Button>
              {engineState.mode === "hls" && source.directUrl !== null && (
                <Button onClick={() => engine?.switchTo("direct")}>{t("player.playOriginal")}</Button>
              )}
              {source.directUrl !== null && (
                <a className={styles.download} href={source.directUrl} download>
                  {t("media.download")}
                </a>
              )}
            </div>
          </Empty>
        </div>
      )}
      {panel === "sheet" && props.sprite && (
        <ContactSheet
          sprite={props.sprite}
          duration={state.duration}
          onPick={(seconds) => {
            setPanel("none");
            seek(seconds);
          }}
          onClose={() => setPanel("none")}
        />
      )}
      <Controls
        state={state}
        engineState={engineState}
        source={source}
        kind={kind}
        chapters={chapters}
        markers={props.markers}
        sprite={props.sprite}
        waveformUrl={props.waveformUrl}
        captions={props.captions}
        pictureSubtitles={props.pictureSubtitles}
        burned={props.burned}
        onBurn={props.onBurn}
        hasCaptions={hasCaptions}
        range={range}
        isLooping={isLooping}
        isTheater={props.isTheater}
        onAct={act}
        onSeek={seek}
        onVolume={(volume) => setVolume(video, volume)}
        onRate={(rate) => setRate(video, rate)}
        onQuality={(id) => engine?.chooseQuality(id)}
        onSound={(id) => engine?.chooseSound(id)}
        onMode={(mode) => engine?.switchTo(mode)}
        onCaption={(index) => {
          showCaptions(video, index);
          setHasCaptions(showsCaptions(video));
        }}
      />
    </div>
  );
}

const noState = { mode: "none", qualities: [], quality: -1, sounds: [], sound: -1, failure: null } as const;
const noEngine = () => noState;
const neverChanges = () => () => {};
