//! Arithmetic of playing: frames, chapters, speeds, timecodes. Pure.

/** Speeds that the menu and the keys go through. */
export const speeds = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 3] as const;

/** The next speed up or down; the same one at the end. */
export function nextSpeed(current: number, direction: 1 | -1): number {
  const faster = speeds.find((speed) => speed > current + 0.001);
  const slower = speeds.findLast((speed) => speed < current - 0.001);
  return (direction === 1 ? faster : slower) ?? current;
}

/** The middle of the frame before or after the one shown at `seconds`: a border would show either neighbor. */
export function frameStep(seconds: number, frameRate: number, direction: 1 | -1): number {
  const frame = Math.floor(seconds * frameRate + 0.01);
  return Math.max(0, (frame + direction + 0.5) / frameRate);
}

/** `00:12:08.480`, for clip points and frames. */
export function formatTimecode(seconds: number): string {
  const ms = Math.max(0, Math.round(seconds * 1000));
  const part = (value: number, width = 2) => String(value).padStart(width, "0");
  return `${part(Math.floor(ms / 3_600_000))}:${part(Math.floor(ms / 60_000) % 60)}:${part(Math.floor(ms / 1000) % 60)}.${part(ms % 1000, 3)}`;
}

/** A stretch of time with a beginning. */
export interface Stretch {
  readonly start: number;
}

/** The last of the sorted stretches that has begun, or null before the first. */
export function stretchAt<Kind extends Stretch>(stretches: readonly Kind[], seconds: number): Kind | null {
  return stretches.findLast(({ start }) => start <= seconds + 0.001) ?? null;
}

/** Where "previous" and "next" go: the beginning of the present stretch counts as previous once two seconds have passed. */
export function neighborStart(stretches: readonly Stretch[], seconds: number, direction: 1 | -1): number | null {
  if (direction === 1) return stretches.find(({ start }) => start > seconds + 0.1)?.start ?? null;
  return stretches.findLast(({ start }) => start < seconds - 2)?.start ?? (stretches.length > 0 ? 0 : null);
}

/** How much is loaded without a gap from a moment on. */
export function loadedAhead(ranges: readonly (readonly [number, number])[], seconds: number): number {
  const range = ranges.find(([start, end]) => start <= seconds + 0.1 && end > seconds);
  return range ? range[1] - seconds : 0;
}
