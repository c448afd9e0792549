//! What a media element is doing, as a value that React can render.

import { useCallback, useMemo, useSyncExternalStore } from "react";

/** The element at a moment. */
export interface MediaState {
  readonly isPaused: boolean;
  readonly isEnded: boolean;
  readonly isWaiting: boolean;
  readonly time: number;
  readonly duration: number;
  readonly volume: number;
  readonly isMuted: boolean;
  readonly rate: number;
  readonly buffered: readonly (readonly [number, number])[];
  readonly width: number;
  readonly height: number;
}

const idle: MediaState = {
  isPaused: true,
  isEnded: false,
  isWaiting: false,
  time: 0,
  duration: 0,
  volume: 1,
  isMuted: false,
  rate: 1,
  buffered: [],
  width: 0,
  height: 0,
};

const events = [
  "play", "pause", "ended", "timeupdate", "seeking", "seeked", "durationchange", "volumechange", "ratechange", "progress", "waiting",
  "playing", "canplay", "loadedmetadata", "resize", "emptied",
];

/** The element's state, renewed with its events. */
export function useMediaState(video: HTMLVideoElement | null): MediaState {
  const snapshot = useMemo(() => ({ state: idle }), []);
  const subscribe = useCallback(
    (listener: () => void) => {
      if (video === null) return () => {};
      let isWaiting = false;
      const read = (event?: Event) => {
        if (event?.type === "waiting" || event?.type === "seeking") isWaiting = true;
        if (event?.type === "playing" || event?.type === "canplay" || event?.type === "seeked") isWaiting = false;
        snapshot.state = stateOf(video, isWaiting);
        listener();
      };
      for (const name of events) video.addEventListener(name, read);
      read();
      return () => {
        for (const name of events) video.removeEventListener(name, read);
      };
    },
    [snapshot, video],
  );
  return useSyncExternalStore(subscribe, () => snapshot.state);
}

function stateOf(video: HTMLVideoElement, isWaiting: boolean): MediaState {
  return {
    isPaused: video.paused,
    isEnded: video.ended,
    isWaiting: isWaiting && !video.paused,
    time: video.currentTime,
    duration: Number.isFinite(video.duration) ? video.duration : 0,
    volume: video.volume,
    isMuted: video.muted,
    rate: video.playbackRate,
    buffered: Array.from({ length: video.buffered.length }, (_, index) => [video.buffered.start(index), video.buffered.end(index)] as const),
    width: video.videoWidth,
    height: video.videoHeight,
  };
}
