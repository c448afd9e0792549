//! The loudness of a sound over time, as the ground of its time bar.

import { useEffect, useState } from "react";
import { parsePeaks, peaksPath } from "@/lib/waveform";
import styles from "./timeline.module.css";

const columns = 800;

interface WaveformProps {
  readonly url: string;
  /** The played part, between 0 and 1. */
  readonly played: number;
}

export function Waveform({ url, played }: WaveformProps) {
  const [path, setPath] = useState<string | null>(null);
  const [first] = useState(url);
  // The peaks come from the server; without them the plain bar does.
  useEffect(() => {
    const stop = new AbortController();
    void (async () => {
      try {
        const response = await fetch(first, { signal: stop.signal });
        const peaks = response.ok ? parsePeaks(await response.arrayBuffer(), columns) : null;
        if (peaks !== null) setPath(peaksPath(peaks));
      } catch {
        // Left, or the network is gone: nothing is drawn.
      }
    })();
    return () => stop.abort();
  }, [first]);
  if (path === null) return null;
  return (
    <svg className={styles.wave} viewBox={`0 0 ${columns} 2`} preserveAspectRatio="none" aria-hidden="true">
      <path d={path} className={styles.quiet} />
      <path d={path} className={styles.sung} style={{ clipPath: `inset(0 ${(1 - played) * 100}% 0 0)` }} />
    </svg>
  );
}
