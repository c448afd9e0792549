//! What is done to the playing element. It lives outside React, so nothing here is state.

/** Goes to a moment, within the film. */
export function seekTo(video: HTMLVideoElement | null, seconds: number): void {
  if (video) video.currentTime = Math.max(0, Math.min(seconds, Number.isFinite(video.duration) ? video.duration : seconds));
}

export function setRate(video: HTMLVideoElement | null, rate: number): void {
  if (video) video.playbackRate = rate;
}

/** Between 0 and 1; silence is muting, so that the old volume comes back. */
export function setVolume(video: HTMLVideoElement | null, volume: number): void {
  if (!video) return;
  video.muted = volume <= 0;
  if (volume > 0) video.volume = Math.min(1, volume);
}

export function toggleMuted(video: HTMLVideoElement | null): void {
  if (video) video.muted = !video.muted;
}

/** Shows one track of captions, or none for -1. */
export function showCaptions(video: HTMLVideoElement | null, index: number): void {
  for (const [at, track] of [...(video?.textTracks ?? [])].entries()) track.mode = at === index ? "showing" : "disabled";
}

/** Whether any captions are shown. */
export function showsCaptions(video: HTMLVideoElement | null): boolean {
  return [...(video?.textTracks ?? [])].some((track) => track.mode === "showing");
}
