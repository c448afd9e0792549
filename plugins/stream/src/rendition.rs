//! A rendition: one track of a file as players get it, and everything that decides its bytes.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use data_encoding::BASE32HEX_NOPAD;
use entities::id::FileId;
use kernel::{shelf::ShelfKey, stored::StoredTrack};
use media_engine::{budget::Demand, head::HeadJob, playlist::VideoRange};
use media_proto::{
    copy::CopyHead,
    head::{AAC_FRAME, AudioHead, VIDEO_TICKS, VideoHead},
};

/// Raised when segments of before do not fit those that heads make now.
const VERSION: u32 = 2;
/// The item of a rendition's group that is no segment: the header of all.
const HEADER: u32 = u32::MAX;

/// Names a rendition by the hash of all that decides its bytes: the state of the file, the settings, the way of making.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RenditionId(u128);

impl fmt::Display for RenditionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32HEX_NOPAD.encode(&self.0.to_be_bytes()).to_ascii_lowercase())
    }
}

/// A text is not the name of a rendition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl FromStr for RenditionId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(Malformed);
        }
        let bytes = BASE32HEX_NOPAD.decode(text.to_ascii_uppercase().as_bytes());
        let bytes = bytes.ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(u128::from_be_bytes).map(Self).ok_or(Malformed)
    }
}

/// The state of a file that renditions are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileState {
    /// The file.
    pub id: FileId,
    /// Its size in bytes.
    pub size: i64,
    /// Its modification time in nanoseconds.
    pub mtime_ns: i64,
}

/// A part of a rendition that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// What comes before any segment.
    Header,
    /// A segment by its number.
    Segment(u32),
}

/// What a track is made by.
#[derive(Debug)]
enum Track {
    Video(VideoHead),
    Audio(AudioHead),
    Copy(CopyHead, Copied),
    Keyframes(VideoHead),
    Stored(VideoHead, Stored),
}

/// What is known of pictures that are made already.
#[derive(Debug)]
struct Stored {
    track: Arc<StoredTrack>,
    /// How long each segment is, in microseconds.
    lengths_us: Vec<i64>,
}

/// What is known of a stream that is copied.
#[derive(Debug, Clone)]
pub struct Copied {
    /// What it carries.
    pub shows: Shows,
    /// Codec string after RFC 6381, as the file tells it.
    pub codecs: String,
    /// Bits a second on average.
    pub bit_rate: u64,
    /// How long each segment is, in microseconds.
    pub lengths_us: Vec<i64>,
}

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// Pictures, and how bright they can be.
    Pictures(VideoRange),
    /// Sound, with so many channels and samples a second.
    Sound {
        /// How many channels.
        channels: u32,
        /// Samples a second.
        sample_rate: u32,
    },
}

/// A track as players get it.
#[derive(Debug)]
pub struct Rendition {
    /// Its name.
    pub id: RenditionId,
    /// What it is made of.
    pub file: FileState,
    /// What a menu shows.
    pub name: String,
    /// The language as the file says.
    pub language: Option<String>,
    /// Whether players begin with it.
    pub is_default: bool,
    /// Where it ends, in microseconds from the start of the presentation.
    pub end_us: i64,
    /// The work, from its first segment on.
    track: Track,
    /// Presentation times of keyframes, in the stream's own unit; empty if they are not known.
    keyframes: Arc<Vec<i64>>,
    /// Held while anybody holds the rendition, so that no segment is ever served to fit another header.
    header: OnceLock<Bytes>,
}

/// What tells tracks of a kind apart.
#[derive(Debug, Clone, Default)]
pub struct Label {
    /// What a menu shows.
    pub name: String,
    /// The language as the file says.
    pub language: Option<String>,
    /// Whether players begin with it.
    pub is_default: bool,
}

impl Rendition {
    /// Pictures. `end_us` is where they end.
    pub fn video(
        file: FileState,
        head: VideoHead,
        end_us: i64,
        keyframes: Arc<Vec<i64>>,
        label: Label,
        ffmpeg: &str,
    ) -> Self {
        Self::new(file, Track::Video(head), end_us, keyframes, label, ffmpeg)
    }

    /// The same pictures with a stream of image subtitles drawn into them; none of what is no such pictures.
    pub fn with_subtitles(&self, stream: u32, ffmpeg: &str) -> Option<Self> {
        let Track::Video(head) = &self.track else { return None };
        let head = VideoHead {
            burn: Some(stream),
            ..head.clone()
        };
        let label = Label {
            name: self.name.clone(),
            language: self.language.clone(),
            is_default: self.is_default,
        };
        let keyframes = Arc::clone(&self.keyframes);
        Some(Self::video(self.file, head, self.end_us, keyframes, label, ffmpeg))
    }

    /// Sound.
    pub fn audio(file: FileState, head: AudioHead, label: Label, ffmpeg: &str) -> Self {
        let end_us = frames_us(head.n_frames, head.rendition.sample_rate);
        Self::new(file, Track::Audio(head), end_us, Arc::default(), label, ffmpeg)
    }

    /// One picture of each segment of pictures, for scrubbing.
    pub fn keyframes(file: FileState, mut head: VideoHead, end_us: i64, label: Label, ffmpeg: &str) -> Self {
        // No device makes them.
        head.rendition.is_self_describing = false;
        Self::new(file, Track::Keyframes(head), end_us, Arc::default(), label, ffmpeg)
    }

    /// A stream as the file has it, in segments that it can be cut into.
    pub fn copy(file: FileState, head: CopyHead, copied: Copied, label: Label, ffmpeg: &str) -> Self {
        let end_us = copied.lengths_us.iter().sum();
        Self::new(file, Track::Copy(head, copied), end_us, Arc::default(), label, ffmpeg)
    }

    /// Pictures that were made as a whole by such a head, and are kept.
    pub fn stored(file: FileState, head: VideoHead, track: Arc<StoredTrack>, label: Label, ffmpeg: &str) -> Self {
        let us = |ticks: i64| (ticks * 1_000_000 + i64::from(VIDEO_TICKS) / 2) / i64::from(VIDEO_TICKS);
        let (mut at, mut lengths_us) = (0, Vec::with_capacity(track.segments.len()));
        for segment in &track.segments {
            let next = at + i64::from(segment.duration);
            lengths_us.push(us(next) - us(at));
            at = next;
        }
        let header = track.header.clone();
        let made = Track::Stored(head, Stored { track, lengths_us });
        let rendition = Self::new(file, made, us(at), Arc::default(), label, ffmpeg);
        rendition.agrees(&header);
        rendition
    }

    /// What holds its segments, if they are made already.
    pub fn as_stored(&self) -> Option<&Arc<StoredTrack>> {
        match &self.track {
            Track::Stored(_, stored) => Some(&stored.track),
            Track::Video(_) | Track::Audio(_) | Track::Copy(..) | Track::Keyframes(_) => None,
        }
    }

    fn new(file: FileState, track: Track, end_us: i64, keyframes: Arc<Vec<i64>>, label: Label, ffmpeg: &str) -> Self {
        let Label {
            name,
            language,
            is_default,
        } = label;
        Self {
            id: name_of(file, &track, ffmpeg),
            file,
            name,
            language,
            is_default,
            end_us,
            track,
            keyframes,
            header: OnceLock::new(),
        }
    }

    /// The settings of pictures that are encoded; none of others.
    pub fn as_video(&self) -> Option<&VideoHead> {
        match &self.track {
            Track::Video(head) | Track::Stored(head, _) => Some(head),
            Track::Audio(_) | Track::Copy(..) | Track::Keyframes(_) => None,
        }
    }

    /// Whether each of its segments is one picture.
    pub fn is_keyframes(&self) -> bool {
        matches!(self.track, Track::Keyframes(_))
    }

    /// What it carries.
    pub fn shows(&self) -> Shows {
        match &self.track {
            Track::Video(_) | Track::Keyframes(_) | Track::Stored(..) => Shows::Pictures(VideoRange::Sdr),
            Track::Audio(head) => Shows::Sound {
                channels: head.rendition.channels,
                sample_rate: head.rendition.sample_rate,
            },
            Track::Copy(_, copied) => copied.shows,
        }
    }

    /// The codec that the file tells of a stream that is copied; what is encoded says so in its header.
    pub fn told_codecs(&self) -> Option<&str> {
        match &self.track {
            Track::Copy(_, copied) => Some(&copied.codecs),
            Track::Video(_) | Track::Audio(_) | Track::Keyframes(_) | Track::Stored(..) => None,
        }
    }

    /// How many segments it has.
    pub fn n_segments(&self) -> u32 {
        match &self.track {
            Track::Video(head) | Track::Keyframes(head) => head.n_segments,
            Track::Copy(_, copied) => copied.lengths_us.len() as u32,
            Track::Stored(_, stored) => stored.lengths_us.len() as u32,
            Track::Audio(head) => {
                let frames = head.n_frames;
                let (length, over) = head.grid.length();
                // An upper guess, then down to the last that has a frame.
                let seconds = frames as f64 * f64::from(AAC_FRAME) / f64::from(head.rendition.sample_rate);
                let mut n = (seconds * f64::from(over) / f64::from(length.max(1))) as u32 + 2;
                while n > 0 && self.audio_start(head, n - 1) >= frames {
                    n -= 1;
                }
                n
            }
        }
    }

    /// How long each segment is, in microseconds: exactly what heads make of it.
    pub fn lengths_us(&self) -> Vec<i64> {
        (0..self.n_segments()).map(|n| self.length_us(n)).collect()
    }

    fn length_us(&self, n: u32) -> i64 {
        match &self.track {
            // The last one holds all that is left, so that the sum is the track's length.
            Track::Video(head) | Track::Keyframes(head) if n + 1 == head.n_segments => {
                self.end_us - head.grid.start_us(n)
            }
            Track::Video(head) | Track::Keyframes(head) => head.grid.length_us(n, self.end_us),
            Track::Copy(_, copied) => copied.lengths_us.get(n as usize).copied().unwrap_or(0),
            Track::Stored(_, stored) => stored.lengths_us.get(n as usize).copied().unwrap_or(0),
            Track::Audio(head) => {
                let at = |n| frames_us(self.audio_start(head, n), head.rendition.sample_rate);
                at(n + 1) - at(n)
            }
        }
    }

    fn audio_start(&self, head: &AudioHead, n: u32) -> u64 {
        let frames = head.grid.audio_frames(n, head.rendition.sample_rate, AAC_FRAME);
        frames.start.min(head.n_frames)
    }

    /// How long a usual segment is, in seconds.
    pub fn segment_seconds(&self) -> f64 {
        let grid = match &self.track {
            Track::Video(head) | Track::Keyframes(head) | Track::Stored(head, _) => head.grid,
            Track::Audio(head) => head.grid,
            Track::Copy(_, copied) => {
                let n = copied.lengths_us.len().max(1) as f64;
                return (self.end_us as f64 / 1e6 / n).max(0.1);
            }
        };
        let (length, over) = grid.length();
        (f64::from(length) / f64::from(over.max(1))).max(0.1)
    }

    /// The most bits a second that any segment can have, the container included. Of a copied stream nobody knows it: twice
    /// the average is a guess.
    pub fn peak_bit_rate(&self) -> u64 {
        match &self.track {
            Track::Video(head) => {
                let rendition = &head.rendition;
                // What the decoder's buffer model allows in the time of one segment.
                let burst = rendition.buffer_bits as f64 / self.segment_seconds();
                (rendition.max_bit_rate as f64 + burst) as u64 + CONTAINER_BITS
            }
            // The encoder holds its rate on average over few frames only.
            Track::Audio(head) => head.rendition.bit_rate * 5 / 4 + CONTAINER_BITS,
            Track::Copy(_, copied) => copied.bit_rate * 2 + CONTAINER_BITS,
            Track::Stored(_, stored) => {
                let sized = stored.track.segments.iter().zip(&stored.lengths_us);
                sized
                    .map(|(segment, us)| bits_a_second(segment.n_bytes.into(), *us))
                    .max()
                    .unwrap_or(0)
            }
            // No picture is larger than the decoder's buffer.
            Track::Keyframes(head) => {
                (head.rendition.buffer_bits as f64 / self.segment_seconds()) as u64 + CONTAINER_BITS
            }
        }
    }

    /// The bits a second that are aimed at, the container included.
    pub fn mean_bit_rate(&self) -> u64 {
        if let Track::Stored(_, stored) = &self.track {
            let n_bytes = stored
                .track
                .segments
                .iter()
                .map(|segment| u64::from(segment.n_bytes))
                .sum();
            return bits_a_second(n_bytes, self.end_us);
        }
        let rate = match &self.track {
            Track::Video(head) => head.rendition.bit_rate,
            Track::Audio(head) => head.rendition.bit_rate,
            Track::Copy(_, copied) => copied.bit_rate,
            Track::Keyframes(head) => head.rendition.bit_rate / 4,
            Track::Stored(head, _) => head.rendition.bit_rate,
        };
        rate + CONTAINER_BITS
    }

    /// The work of a head that begins with this segment.
    pub fn head(&self, first: u32) -> HeadJob {
        match &self.track {
            Track::Video(head) | Track::Stored(head, _) => {
                let boundary = head
                    .start_pts
                    .saturating_add(head.grid.first_tick(first, head.time_base));
                let after = self.keyframes.partition_point(|&pts| pts <= boundary);
                HeadJob::Video(VideoHead {
                    first,
                    keyframe_pts: after.checked_sub(1).and_then(|at| self.keyframes.get(at)).copied(),
                    ..head.clone()
                })
            }
            Track::Audio(head) => HeadJob::Audio(AudioHead { first, ..head.clone() }),
            Track::Copy(head, _) => HeadJob::Copy(CopyHead { first, ..head.clone() }),
            Track::Keyframes(head) => HeadJob::Keyframes(VideoHead { first, ..head.clone() }),
        }
    }

    /// Whether a device can encode it.
    pub fn fits_devices(&self) -> bool {
        matches!(&self.track, Track::Video(head) if head.rendition.is_self_describing && head.burn.is_none())
    }

    /// What a head needs to keep up with somebody who watches; `source` is the size of the pictures that it decodes.
    pub fn demand(&self, source: (u32, u32)) -> Demand {
        match &self.track {
            Track::Video(head) => {
                let rendition = &head.rendition;
                let fps = f64::from(rendition.frame_rate.0) / f64::from(rendition.frame_rate.1.max(1));
                let decoded = Demand::default().decode(source.0, source.1, fps);
                decoded.encode(rendition.width, rendition.height, fps)
            }
            // A fiftieth of a processor; copying takes less.
            Track::Audio(_) | Track::Copy(..) | Track::Keyframes(_) | Track::Stored(..) => {
                Demand::default().encode(1280, 720, 1.0)
            }
        }
    }

    /// Where a part lies on the shelf.
    pub fn key(&self, part: Part) -> ShelfKey {
        let item = match part {
            Part::Header => HEADER,
            Part::Segment(n) => n,
        };
        ShelfKey { group: self.id.0, item }
    }

    /// The header, if it is known already.
    pub fn header(&self) -> Option<Bytes> {
        self.header.get().cloned()
    }

    /// Remembers the header, or says whether it is the one that is known.
    pub fn agrees(&self, header: &Bytes) -> bool {
        self.header.get_or_init(|| header.clone()) == header
    }
}

/// Boxes around the samples: some two hundred bytes a segment and a dozen a frame.
const CONTAINER_BITS: u64 = 12_000;

fn bits_a_second(n_bytes: u64, us: i64) -> u64 {
    let bits = u128::from(n_bytes) * 8_000_000;
    u64::try_from(bits.div_ceil(u128::from(us.max(1).unsigned_abs()))).unwrap_or(u64::MAX)
}

/// Frames of sound in microseconds, to the nearest.
fn frames_us(n_frames: u64, sample_rate: u32) -> i64 {
    let rate = i128::from(sample_rate.max(1));
    let dividend = i128::from(n_frames) * i128::from(AAC_FRAME) * 1_000_000;
    i64::try_from((2 * dividend + rate) / (2 * rate)).unwrap_or(i64::MAX)
}

fn name_of(file: FileState, track: &Track, ffmpeg: &str) -> RenditionId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&VERSION.to_le_bytes());
    hasher.update(ffmpeg.as_bytes());
    for number in [file.id.0, file.size, file.mtime_ns] {
        hasher.update(&number.to_le_bytes());
    }
    // Only a value that is no text or number could fail to be written, and there is none in it.
    let settings = match track {
        Track::Keyframes(head) => serde_json::to_vec(&("keyframes", head)),
        Track::Stored(head, stored) => serde_json::to_vec(&("stored", stored.track.key.to_string(), head)),
        Track::Video(head) => serde_json::to_vec(head),
        Track::Audio(head) => serde_json::to_vec(head),
        Track::Copy(head, _) => serde_json::to_vec(head),
    };
    hasher.update(&settings.expect("a head is plain data"));
    let mut name = [0; 16];
    hasher.finalize_xof().fill(&mut name);
    RenditionId(u128::from_be_bytes(name))
}

#[cfg(test)]
mod tests;
