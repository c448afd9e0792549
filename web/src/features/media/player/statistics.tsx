//! What the player knows of itself, over the picture.

import { useEffect, useState } from "react";
import { formatBitRate } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { loadedAhead } from "@/lib/playing";
import type { EngineState, PlayerEngine } from "./engine";
import styles from "./statistics.module.css";
import type { MediaState } from "./use-media-state";

interface StatisticsProps {
  readonly engine: PlayerEngine;
  readonly engineState: EngineState;
  readonly state: MediaState;
  readonly method: string;
  readonly reason: string | null;
  readonly codecs: string;
}

export function Statistics({ engine, engineState, state, method, reason, codecs }: StatisticsProps) {
  const [frames, setFrames] = useState({ total: 0, dropped: 0 });
  // The element counts frames by itself.
  useEffect(() => {
    const timer = setInterval(() => {
      const quality = engine.video.getVideoPlaybackQuality();
      setFrames({ total: quality.totalVideoFrames, dropped: quality.droppedVideoFrames });
    }, 500);
    return () => clearInterval(timer);
  }, [engine]);
  const locale = currentLocale();
  const figures = engine.figures();
  const facts: readonly (readonly [string, string])[] = [
    [t("stats.source"), engineState.mode === "hls" ? `HLS · ${figures.level}` : t("stats.original")],
    [t("stats.method"), [method, reason].filter(Boolean).join(": ")],
    [t("stats.codecs"), codecs],
    [t("stats.picture"), state.width > 0 ? `${state.width} × ${state.height}` : ""],
    [t("stats.frames"), `${frames.total}, ${t("stats.dropped", { count: frames.dropped })}`],
    [t("stats.buffer"), `${loadedAhead(state.buffered, state.time).toFixed(1)} s`],
    [t("stats.bandwidth"), figures.bandwidth === null ? "" : formatBitRate(figures.bandwidth, locale)],
    [t("stats.speed"), `${state.rate}×`],
  ];
  return (
    <dl className={styles.statistics}>
      {facts
        .filter(([, value]) => value !== "")
        .map(([label, value]) => (
          <div key={label} className={styles.fact}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
