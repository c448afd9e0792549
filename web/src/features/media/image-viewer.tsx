//! A picture: fitted, zoomed to the pointer, dragged, full screen, and as a slide show through its list.

import { type PointerEvent, useEffect, useEffectEvent, useRef, useState } from "react";
import { takesText } from "@/lib/keys";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { CloseIcon, PlusIcon } from "@/ui/icons";
import { FullscreenIcon, PauseIcon, PlayIcon } from "@/ui/more-icons";
import styles from "./image-viewer.module.css";

interface ImageViewerProps {
  readonly title: string;
  /** The file itself where browsers can show it. */
  readonly originalUrl: string | null;
  /** The largest still that the server made. */
  readonly pictureUrl: string | null;
  readonly width: number | null;
  readonly height: number | null;
  /** Given where there is a list to walk. */
  readonly onStep?: (direction: 1 | -1) => void;
}

const slideMs = 4000;
const largest = 8;

interface Place {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

const fitted: Place = { scale: 1, x: 0, y: 0 };
const runningKey = "vitagraph.slides";

export function ImageViewer({ title, originalUrl, pictureUrl, width, height, onStep }: ImageViewerProps) {
  const box = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState(fitted);
  // Each picture is a page of its own; the running show is this tab's.
  const [isRunning, setIsRunning] = useState(() => onStep !== undefined && sessionStorage.getItem(runningKey) === "1");
  const [hasFailed, setHasFailed] = useState(false);
  // A signed address is new in every answer for the same bytes.
  const [url] = useState(originalUrl);
  const source = (hasFailed ? null : url) ?? pictureUrl;

  const zoom = (factor: number, clientX?: number, clientY?: number) => {
    const area = box.current?.getBoundingClientRect();
    setPlace((known) => {
      const scale = Math.min(largest, Math.max(1, known.scale * factor));
      if (scale === 1 || !area) return fitted;
      // What is under the pointer stays there.
      const px = (clientX ?? area.left + area.width / 2) - area.left - area.width / 2;
      const py = (clientY ?? area.top + area.height / 2) - area.top - area.height / 2;
      const ratio = scale / known.scale;
      return { scale, x: px - (px - known.x) * ratio, y: py - (py - known.y) * ratio };
    });
  };
  const toggleFullscreen = () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void box.current?.requestFullscreen();
  };
  const step = useEffectEvent((direction: 1 | -1) => onStep?.(direction));
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if (takesText(event.target) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target instanceof Element && event.target.closest("dialog, [role=radio], input")) return;
    const acts: Record<string, () => void> = {
      "+": () => zoom(1.4),
      "-": () => zoom(1 / 1.4),
      "0": () => setPlace(fitted),
      f: toggleFullscreen,
      ArrowRight: () => step(1),
      ArrowLeft: () => step(-1),
    };
    const act = Object.hasOwn(acts, event.key) ? acts[event.key] : undefined;
    if (!act) return;
    event.preventDefault();
    act();
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => onKey(event);
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
  // Time passes outside React.
  useEffect(() => {
    sessionStorage.setItem(runningKey, isRunning ? "1" : "0");
    if (!isRunning) return;
    const timer = setTimeout(() => step(1), slideMs);
    return () => clearTimeout(timer);
  }, [isRunning]);
  // React listens to the wheel passively, which cannot keep the page from scrolling.
  const onWheel = useEffectEvent((event: WheelEvent) => {
    if (!event.ctrlKey && place.scale === 1 && !document.fullscreenElement) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, event.clientX, event.clientY);
  });
  useEffect(() => {
    const element = box.current;
    const listen = (event: WheelEvent) => onWheel(event);
    element?.addEventListener("wheel", listen, { passive: false });
    return () => element?.removeEventListener("wheel", listen);
  }, []);

  const drag = (event: PointerEvent) => {
    if (event.buttons !== 1 || place.scale === 1) return;
    setPlace((known) => ({ ...known, x: known.x + event.movementX, y: known.y + event.movementY }));
  };

  return (
    <div ref={box} className={styles.viewer} onPointerMove={drag} onDoubleClick={(event) => (place.scale === 1 ? zoom(2.5, event.clientX, event.clientY) : setPlace(fitted))}>
      {source === null ? (
        <p className={styles.note}>{t("media.imageFailed")}</p>
      ) : (
        <img
          className={styles.image}
          src={source}
          alt={title}
          {...(width && height ? { width, height } : {})}
          draggable={false}
          style={{ transform: `translate(${place.x}px, ${place.y}px) scale(${place.scale})`, cursor: place.scale === 1 ? "zoom-in" : "grab" }}
          onError={() => setHasFailed(true)}
        />
      )}
      <div className={styles.tools}>
        <Button look="quiet" icon={<PlusIcon />} aria-label={t("image.zoomIn")} onClick={() => zoom(1.4)} />
        {place.scale > 1 && <Button look="quiet" icon={<CloseIcon />} aria-label={t("image.fit")} onClick={() => setPlace(fitted)} />}
        {onStep && (
          <Button look="quiet" icon={isRunning ? <PauseIcon /> : <PlayIcon />} aria-label={t(isRunning ? "image.stop" : "image.slides")} onClick={() => setIsRunning(!isRunning)} />
        )}
        <Button look="quiet" icon={<FullscreenIcon />} aria-label={t("keys.player.fullscreen")} onClick={toggleFullscreen} />
      </div>
    </div>
  );
}
