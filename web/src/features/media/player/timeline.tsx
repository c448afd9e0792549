//! The time bar: what is played and loaded, chapters, the chosen range, and the frame under the pointer.

import { type PointerEvent, useState } from "react";
import { formatDuration } from "@/lib/format";
import { t } from "@/lib/messages";
import { stretchAt } from "@/lib/playing";
import { classNames } from "@/ui/class-names";
import { SpriteFrame, type SpriteSheet } from "@/components/sprite-frame";
import styles from "./timeline.module.css";
import { Waveform } from "./waveform";

/** A chosen stretch; its ends may be open. */
export interface Range {
  readonly start: number | null;
  readonly end: number | null;
}

/** A chapter or marker on the bar. */
export interface Mark {
  readonly id: string;
  readonly title: string;
  readonly start: number;
}

interface TimelineProps {
  readonly time: number;
  readonly duration: number;
  readonly buffered: readonly (readonly [number, number])[];
  readonly chapters: readonly Mark[];
  readonly markers: readonly Mark[];
  readonly range: Range;
  readonly sprite: SpriteSheet | null;
  readonly waveformUrl: string | null;
  readonly onSeek: (seconds: number) => void;
}

export function Timeline(props: TimelineProps) {
  const { time, duration, range } = props;
  const [hover, setHover] = useState<number | null>(null);
  const place = (seconds: number) => `${(Math.min(seconds, duration) / Math.max(0.001, duration)) * 100}%`;
  const at = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * duration;
  };
  const chapter = stretchAt(props.chapters, hover ?? time);
  return (
    <div
      className={classNames(styles.timeline, props.waveformUrl !== null && styles.tall)}
      role="slider"
      tabIndex={0}
      aria-label={t("player.time")}
      aria-valuemin={0}
      aria-valuemax={Math.round(duration)}
      aria-valuenow={Math.round(time)}
      aria-valuetext={[t("player.timeOf", { time: formatDuration(time), duration: formatDuration(duration) }), chapter?.title].filter(Boolean).join(", ")}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        props.onSeek(at(event));
      }}
      onPointerMove={(event) => {
        setHover(at(event));
        if (event.buttons === 1) props.onSeek(at(event));
      }}
      onPointerLeave={() => setHover(null)}
    >
      {props.waveformUrl !== null && <Waveform url={props.waveformUrl} played={Math.min(1, time / Math.max(0.001, duration))} />}
      <span className={styles.bar}>
        {props.buffered.map(([start, end]) => (
          <span key={start} className={styles.loaded} style={{ insetInlineStart: place(start), inlineSize: `${((end - start) / Math.max(0.001, duration)) * 100}%` }} />
        ))}
        <span className={styles.played} style={{ inlineSize: place(time) }} />
        {props.chapters.map((mark) => mark.start > 0.5 && <span key={mark.id} className={styles.chapter} style={{ insetInlineStart: place(mark.start) }} />)}
        {props.markers.map((mark) => (
          <span key={mark.id} className={styles.marker} style={{ insetInlineStart: place(mark.start) }} title={mark.title} />
        ))}
        {(range.start !== null || range.end !== null) && (
          <span
            className={styles.range}
            style={{
              insetInlineStart: place(range.start ?? 0),
              inlineSize: `${(((range.end ?? duration) - (range.start ?? 0)) / Math.max(0.001, duration)) * 100}%`,
            }}
          />
        )}
      </span>
      <span className={styles.knob} style={{ insetInlineStart: place(time) }} />
      {hover !== null && duration > 0 && (
        <span className={styles.bubble} style={{ insetInlineStart: `clamp(5rem, ${place(hover)}, calc(100% - 5rem))` }}>
          {props.sprite && <SpriteFrame sprite={props.sprite} seconds={hover} width={160} />}
          <span className={styles.words}>
            {formatDuration(hover)} {chapter?.title}
          </span>
        </span>
      )}
    </div>
  );
}
