//! The bar of the player: time, buttons, and the menu of qualities, sounds, captions and speeds.

import { type ReactNode, useId } from "react";
import { formatDuration } from "@/lib/format";
import { type Action, keysOf, keyText } from "@/lib/keys";
import { t } from "@/lib/messages";
import { formatTimecode, speeds } from "@/lib/playing";
import {
  CaptionsIcon, FullscreenIcon, GearIcon, LoopIcon, MuteIcon, PauseIcon, PipIcon, PlayIcon, SheetIcon, SkipBackIcon, SkipIcon, TheaterIcon, VolumeIcon,
} from "@/ui/more-icons";
import styles from "./controls.module.css";
import type { Choice, EngineState, PlayerSource } from "./engine";
import type { CaptionTrack } from "./player";
import type { SpriteSheet } from "@/components/sprite-frame";
import { type Mark, type Range, Timeline } from "./timeline";
import type { MediaState } from "./use-media-state";

interface ControlsProps {
  readonly state: MediaState;
  readonly engineState: EngineState;
  readonly source: PlayerSource;
  readonly kind: "Video" | "Audio";
  readonly chapters: readonly Mark[];
  readonly markers: readonly Mark[];
  readonly sprite: SpriteSheet | null;
  readonly waveformUrl: string | null;
  readonly captions: readonly CaptionTrack[];
  readonly hasCaptions: boolean;
  readonly pictureSubtitles: readonly Choice[];
  readonly burned: number | null;
  readonly onBurn: (index: number | null) => void;
  readonly range: Range;
  readonly isLooping: boolean;
  readonly isTheater: boolean;
  readonly onAct: (action: Action<"player">) => void;
  readonly onSeek: (seconds: number) => void;
  readonly onVolume: (volume: number) => void;
  readonly onRate: (rate: number) => void;
  readonly onQuality: (id: number) => void;
  readonly onSound: (id: number) => void;
  readonly onMode: (mode: "direct" | "hls") => void;
  readonly onCaption: (index: number) => void;
}

export function Controls(props: ControlsProps) {
  const { state, range, onAct } = props;
  const volume = state.isMuted ? 0 : state.volume;
  return (
    <div className={styles.controls} role="group" aria-label={t("player.controls")}>
      <Timeline
        time={state.time}
        duration={state.duration}
        buffered={state.buffered}
        chapters={props.chapters}
        markers={props.markers}
        range={range}
        sprite={props.sprite}
        waveformUrl={props.waveformUrl}
        onSeek={props.onSeek}
      />
      <div className={styles.row}>
        <Key action="play" icon={state.isPaused ? <PlayIcon /> : <PauseIcon />} label={t(state.isPaused ? "player.play" : "player.pause")} onAct={onAct} />
        {props.chapters.length > 1 && <Key action="previousChapter" icon={<SkipBackIcon />} label={t("keys.player.previousChapter")} onAct={onAct} isWide />}
        {props.chapters.length > 1 && <Key action="nextChapter" icon={<SkipIcon />} label={t("keys.player.nextChapter")} onAct={onAct} isWide />}
        <Key action="mute" icon={volume === 0 ? <MuteIcon /> : <VolumeIcon />} label={t("keys.player.mute")} isOn={volume === 0} onAct={onAct} />
        <input
          className={styles.volume}
          type="range"
          min={0}
          max={1}
          step={0.05}
          value={volume}
          aria-label={t("player.volume")}
          onChange={(event) => props.onVolume(Number(event.target.value))}
        />
        <span className={styles.time}>
          {formatDuration(state.time)} / {formatDuration(state.duration)}
        </span>
        {(range.start !== null || range.end !== null) && (
          <span className={styles.range}>
            {range.start === null ? "…" : formatTimecode(range.start)} – {range.end === null ? "…" : formatTimecode(range.end)}
            <Key action="loop" icon={<LoopIcon />} label={t("keys.player.loop")} isOn={props.isLooping} onAct={onAct} />
          </span>
        )}
        <span className={styles.space} />
        {props.captions.length > 0 && <Key action="captions" icon={<CaptionsIcon />} label={t("keys.player.captions")} isOn={props.hasCaptions} onAct={onAct} />}
        {props.sprite && <Key action="sheet" icon={<SheetIcon />} label={t("keys.player.sheet")} onAct={onAct} />}
        <Settings {...props} />
        {props.kind === "Video" && (
          <>
            <Key action="pictureInPicture" icon={<PipIcon />} label={t("keys.player.pictureInPicture")} onAct={onAct} isWide />
            <Key action="theater" icon={<TheaterIcon />} label={t("keys.player.theater")} isOn={props.isTheater} onAct={onAct} isWide />
          </>
        )}
        <Key action="fullscreen" icon={<FullscreenIcon />} label={t("keys.player.fullscreen")} onAct={onAct} />
      </div>
    </div>
  );
}

interface KeyProps {
  readonly action: Action<"player">;
  readonly icon: ReactNode;
  readonly label: string;
  readonly isOn?: boolean;
  /** Left out where the window is narrow. */
  readonly isWide?: boolean;
  readonly onAct: (action: Action<"player">) => void;
}

/** A button that does what its key does. */
function Key({ action, icon, label, isOn, isWide = false, onAct }: KeyProps) {
  const [key = ""] = keysOf("player", action);
  return (
    <button
      type="button"
      className={isWide ? styles.wide : styles.button}
      aria-label={label}
      aria-pressed={isOn}
      aria-keyshortcuts={key === " " ? "Space" : key || undefined}
      title={key === "" ? label : `${label} (${key === " " ? t("player.space") : keyText(key)})`}
      onClick={() => onAct(action)}
    >
      {icon}
    </button>
  );
}

function Settings(props: ControlsProps) {
  const id = useId();
  const { engineState, source, state } = props;
  const hasBoth = source.directUrl !== null && source.hlsUrl !== null;
  const quality = engineState.mode === "direct" ? "direct" : String(engineState.quality);
  return (
    <>
      <button type="button" className={styles.button} popoverTarget={id} aria-label={t("player.settings")} title={t("player.settings")}>
        <GearIcon />
      </button>
      <div id={id} popover="auto" className={styles.menu}>
        {(hasBoth || engineState.qualities.length > 1) && (
          <label className={styles.choice}>
            {t("player.quality")}
            <select
              value={quality}
              onChange={(event) => {
                const { value } = event.target;
                if (value === "direct") return props.onMode("direct");
                if (engineState.mode === "direct") props.onMode("hls");
                props.onQuality(Number(value));
              }}
            >
              {source.directUrl !== null && <option value="direct">{t("stats.original")}</option>}
              {source.hlsUrl !== null && <option value="-1">{t("player.auto")}</option>}
              {engineState.qualities.map((level) => (
                <option key={level.id} value={level.id}>
                  {level.label}
                </option>
              ))}
            </select>
          </label>
        )}
        {engineState.sounds.length > 1 && (
          <label className={styles.choice}>
            {t("player.sound")}
            <select value={engineState.sound} onChange={(event) => props.onSound(Number(event.target.value))}>
              {engineState.sounds.map((sound) => (
                <option key={sound.id} value={sound.id}>
                  {sound.label}
                </option>
              ))}
            </select>
          </label>
        )}
        {props.captions.length > 0 && (
          <label className={styles.choice}>
            {t("keys.player.captions")}
            <select defaultValue="-1" onChange={(event) => props.onCaption(Number(event.target.value))}>
              <option value="-1">{t("player.off")}</option>
              {props.captions.map((track, index) => (
                <option key={track.id} value={index}>
                  {track.label}
                </option>
              ))}
            </select>
          </label>
        )}
        {props.pictureSubtitles.length > 0 && (
          <label className={styles.choice}>
            {t("player.burned")}
            <select value={props.burned ?? ""} onChange={(event) => props.onBurn(event.target.value === "" ? null : Number(event.target.value))}>
              <option value="">{t("player.off")}</option>
              {props.pictureSubtitles.map(({ id: stream, label }) => (
                <option key={stream} value={stream}>
                  {label}
                </option>
              ))}
            </select>
          </label>
        )}
        <label className={styles.choice}>
          {t("stats.speed")}
          <select value={state.rate} onChange={(event) => props.onRate(Number(event.target.value))}>
            {speeds.map((speed) => (
              <option key={speed} value={speed}>
                {speed}×
              </option>
            ))}
          </select>
        </label>
        <button type="button" className={styles.entry} onClick={() => props.onAct("statistics")}>
          {t("keys.player.statistics")} <kbd>{keyText(keysOf("player", "statistics")[0] ?? "")}</kbd>
        </button>
      </div>
    </>
  );
}
