//! What feeds the player: the file itself, or HLS through hls.js, which is loaded only then. A store of what can be chosen and what failed.

import type Hls from "hls.js";

/** Where the bytes come from. */
export interface PlayerSource {
  readonly directUrl: string | null;
  readonly hlsUrl: string | null;
  /** Whether the server says that this browser plays the file as it is. */
  readonly isDirect: boolean;
}

/** Something to choose in a menu. */
export interface Choice {
  readonly id: number;
  readonly label: string;
}

/** Why nothing plays. */
export interface Failure {
  readonly kind: "unsupported" | "network" | "decode" | "expired" | "segment";
  /** What the engine says, for the person who mends it. */
  readonly detail: string;
}

export interface EngineState {
  readonly mode: "direct" | "hls" | "none";
  readonly qualities: readonly Choice[];
  /** -1 is automatic. */
  readonly quality: number;
  readonly sounds: readonly Choice[];
  readonly sound: number;
  readonly failure: Failure | null;
}

/** Figures for the statistics overlay. */
export interface EngineFigures {
  readonly bandwidth: number | null;
  readonly level: string;
}

const nothing: EngineState = { mode: "none", qualities: [], quality: -1, sounds: [], sound: -1, failure: null };

/** One for each playing element. */
export class PlayerEngine {
  #state = nothing;
  #hls: Hls | null = null;
  #recoveries = 0;
  #isGone = false;
  readonly #listeners = new Set<() => void>();

  constructor(
    readonly video: HTMLVideoElement,
    readonly source: PlayerSource,
  ) {
    video.addEventListener("error", this.#onError);
  }

  readonly state = (): EngineState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Begins to load, at a moment, and to play if it is to go on by itself. */
  start(seconds: number, isPlaying: boolean): void {
    const { directUrl, hlsUrl, isDirect } = this.source;
    if (isPlaying) this.#playOnce();
    if ((isDirect || hlsUrl === null) && directUrl !== null) this.#playDirect(directUrl, seconds);
    else if (hlsUrl !== null) void this.#playHls(hlsUrl, seconds);
  }

  /** Switches between the file itself and HLS, at the present moment. */
  switchTo(mode: "direct" | "hls"): void {
    const { directUrl, hlsUrl } = this.source;
    const seconds = this.video.currentTime;
    if (!this.video.paused) this.#playOnce();
    this.#recoveries = 0;
    if (mode === "direct" && directUrl !== null) this.#playDirect(directUrl, seconds);
    else if (mode === "hls" && hlsUrl !== null) void this.#playHls(hlsUrl, seconds);
  }

  /** A quality of the list, or -1 for the engine's own choice. */
  chooseQuality(id: number): void {
    if (this.#hls) this.#hls.nextLevel = id;
    this.#set({ quality: id });
  }

  chooseSound(id: number): void {
    if (this.#hls) this.#hls.audioTrack = id;
    this.#set({ sound: id });
  }

  figures(): EngineFigures {
    const level = this.#hls?.levels[this.#hls.currentLevel];
    return { bandwidth: this.#hls?.bandwidthEstimate ?? null, level: level ? labelOf(level.height, level.bitrate) : "" };
  }

  destroy(): void {
    this.#isGone = true;
    this.video.removeEventListener("error", this.#onError);
    this.#hls?.destroy();
    this.#hls = null;
    // Ends the transfer, which an element that is merely dropped may go on with.
    this.video.removeAttribute("src");
    this.video.load();
  }

  #playDirect(url: string, seconds: number): void {
    this.#hls?.destroy();
    this.#hls = null;
    this.video.src = url;
    this.#seekOnce(seconds);
    this.#set({ ...nothing, mode: "direct" });
  }

  async #playHls(url: string, seconds: number): Promise<void> {
    this.#hls?.destroy();
    this.#hls = null;
    this.#set({ ...nothing, mode: "hls" });
    let engine: typeof Hls;
    try {
      engine = (await import("hls.js")).default;
    } catch (cause) {
      this.#set({ failure: { kind: "network", detail: String(cause) } });
      return;
    }
    if (this.#isGone) return;
    if (!engine.isSupported()) {
      // Safari on phones plays HLS by itself and has nothing else.
      this.video.src = url;
      this.#seekOnce(seconds);
      return;
    }
    // Captions are tracks of our own, with either engine; those hls.js would make begin with a `data:` address, which the policy forbids.
    const captions = { renderTextTracksNatively: false };
    const hls = new engine({ startPosition: seconds > 0 ? seconds : -1, capLevelToPlayerSize: true, maxBufferLength: 30, backBufferLength: 60, ...captions });
    this.#hls = hls;
    hls.on(engine.Events.MANIFEST_PARSED, () => {
      this.#set({ qualities: hls.levels.map((level, id) => ({ id, label: labelOf(level.height, level.bitrate) })) });
    });
    hls.on(engine.Events.AUDIO_TRACKS_UPDATED, () => {
      this.#set({ sounds: hls.audioTracks.map((track, id) => ({ id, label: track.name || track.lang || String(id + 1) })), sound: hls.audioTrack });
    });
    hls.on(engine.Events.ERROR, (_event, error) => {
      if (!error.fatal || this.#isGone) return;
      if (error.type === engine.ErrorTypes.MEDIA_ERROR && this.#recoveries < 2) {
        this.#recoveries += 1;
        hls.recoverMediaError();
        return;
      }
      const status = error.response?.code;
      const detail = [error.details, status ? `HTTP ${status}` : "", error.error.message].filter(Boolean).join(", ");
      const kind = status === 403 || status === 410 ? "expired" : error.type === engine.ErrorTypes.NETWORK_ERROR ? "segment" : "decode";
      hls.destroy();
      this.#hls = null;
      this.#set({ failure: { kind, detail } });
    });
    hls.loadSource(url);
    hls.attachMedia(this.video);
  }

  /** Not earlier: to load something new is to pause. A browser that wants a gesture first has its button. */
  #playOnce(): void {
    this.video.addEventListener("loadedmetadata", () => this.video.play().catch(() => {}), { once: true });
  }

  #seekOnce(seconds: number): void {
    if (seconds <= 0) return;
    this.video.addEventListener("loadedmetadata", () => (this.video.currentTime = seconds), { once: true });
  }

  readonly #onError = () => {
    // hls.js mends the element's errors itself.
    if (this.#hls !== null || this.#isGone) return;
    const { error } = this.video;
    if (error === null) return;
    if (this.#state.mode === "direct" && this.source.hlsUrl !== null && error.code !== MediaError.MEDIA_ERR_NETWORK) {
      // The browser promised more than it holds; the server converts.
      void this.#playHls(this.source.hlsUrl, this.video.currentTime);
      return;
    }
    void diagnose(error, this.video.currentSrc).then((kind) => this.#isGone || this.#set({ failure: { kind, detail: error.message } }));
  };

  #set(change: Partial<EngineState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}

/** Finds out whether the address or the bytes are to blame: a media element only says that something failed. */
async function diagnose(error: MediaError, url: string): Promise<Failure["kind"]> {
  if (error.code === MediaError.MEDIA_ERR_DECODE) return "decode";
  try {
    const response = await fetch(url, { headers: { range: "bytes=0-0" }, cache: "no-store" });
    await response.body?.cancel();
    if ([401, 403, 404, 410].includes(response.status)) return "expired";
    return response.ok ? "unsupported" : "network";
  } catch {
    return "network";
  }
}

function labelOf(height: number, bitRate: number): string {
  const rate = `${(bitRate / 1_000_000).toFixed(1)} Mbit/s`;
  return height > 0 ? `${height}p · ${rate}` : rate;
}
