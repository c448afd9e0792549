//! What this browser can play, in the words of the schema's `PlaybackCapabilities`, asked once.

/** Asks a browser about a media type; true for anything but a clear no. */
export type Probe = (type: string) => boolean;

const containers: readonly (readonly [string, string])[] = [
  ["mp4", "video/mp4"],
  ["mov", "video/mp4"],
  ["webm", "video/webm"],
  ["matroska", 'video/x-matroska; codecs="avc1.640028"'],
  ["mp3", "audio/mpeg"],
  ["ogg", 'audio/ogg; codecs="opus"'],
  ["flac", "audio/flac"],
  ["wav", "audio/wav"],
  ["aac", "audio/aac"],
];

const videoCodecs: readonly (readonly [string, string])[] = [
  ["h264", 'video/mp4; codecs="avc1.640028"'],
  ["hevc", 'video/mp4; codecs="hvc1.1.6.L120.90"'],
  ["av1", 'video/mp4; codecs="av01.0.08M.08"'],
  ["vp9", 'video/webm; codecs="vp09.00.10.08"'],
  ["vp8", 'video/webm; codecs="vp8"'],
];

const audioCodecs: readonly (readonly [string, string])[] = [
  ["aac", 'audio/mp4; codecs="mp4a.40.2"'],
  ["mp3", "audio/mpeg"],
  ["opus", 'audio/webm; codecs="opus"'],
  ["vorbis", 'audio/webm; codecs="vorbis"'],
  ["flac", 'audio/mp4; codecs="flac"'],
  ["ac3", 'audio/mp4; codecs="ac-3"'],
  ["eac3", 'audio/mp4; codecs="ec-3"'],
  ["pcm_s16le", 'audio/wav; codecs="1"'],
];

/** The capabilities behind a probe. */
export function capabilitiesOf(probe: Probe, hdr: boolean) {
  const known = (types: readonly (readonly [string, string])[]) => types.filter(([, type]) => probe(type)).map(([name]) => name);
  return { containers: known(containers), videoCodecs: known(videoCodecs), audioCodecs: known(audioCodecs), hdr };
}

let asked: ReturnType<typeof capabilitiesOf> | null = null;

/** This browser's capabilities. */
export function browserCapabilities() {
  if (asked !== null) return asked;
  const element = document.createElement("video");
  asked = capabilitiesOf((type) => element.canPlayType(type) !== "", matchMedia("(dynamic-range: high)").matches);
  return asked;
}
