//! A recording while it grows, some seconds late: HLS, through hls.js where the browser does not play it by itself.

import type Hls from "hls.js";
import { useEffect, useRef, useState } from "react";
import styles from "./live-video.module.css";

export function LiveVideo({ url, label }: { readonly url: string; readonly label: string }) {
  const video = useRef<HTMLVideoElement>(null);
  // Fresh answers carry fresh signatures for the same bytes; taking them would restart what is playing.
  const [first] = useState(url);
  // The engine feeds the element, outside React.
  useEffect(() => {
    const element = video.current;
    if (element === null) return;
    let isOver = false;
    let hls: Hls | null = null;
    const play = async () => {
      const { default: engine } = await import("hls.js");
      if (isOver) return;
      if (!engine.isSupported()) {
        element.src = first;
        return;
      }
      // Its tracks of captions would begin with a `data:` address, which the policy forbids.
      hls = new engine({ renderTextTracksNatively: false, backBufferLength: 30 });
      hls.loadSource(first);
      hls.attachMedia(element);
    };
    void play();
    return () => {
      isOver = true;
      hls?.destroy();
      element.removeAttribute("src");
    };
  }, [first]);
  return <video ref={video} className={styles.live} aria-label={label} controls autoPlay muted playsInline />;
}
