//! Descriptions of media that the worker makes itself: for the demonstration library and for tests.

use serde::{Deserialize, Serialize};

/// Media to make. Build one from [`Synthetic::clip`], [`Synthetic::sound`] or [`Synthetic::still`] and change its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Synthetic {
    /// A container: `mp4`, `mov`, `matroska`, `webm`, `mpegts`, `avi`, `ogg`, `flac`, `mp3`, `wav`, `m4a`, `aac`; or a
    /// still: `jpeg`, `png`, `webp`, `gif` (a moving one, if the duration is not 0).
    pub container: String,
    /// Moving pictures, or the still.
    pub video: Option<SyntheticVideo>,
    /// Sound.
    pub audio: Option<SyntheticAudio>,
    /// How long, in microseconds. Ignored by stills.
    pub duration_us: i64,
    /// Adds a text subtitle track in this language (three letters, ISO 639-2), where the container can hold one.
    pub subtitles: Option<String>,
    /// Adds a track of image subtitles in this language, where the container is Matroska.
    pub image_subtitles: Option<String>,
    /// Chapters, where the container can hold them.
    pub chapters: Vec<SyntheticChapter>,
    /// Tags of the container.
    pub tags: Vec<(String, String)>,
    /// Degrees that players turn the picture clockwise: 0, 90, 180 or 270. Only mp4 and mov can say it.
    pub rotation: u16,
    /// Whether an mp4 or mov is made of fragments with an empty header.
    pub fragmented: bool,
    /// How long the pictures are black at the beginning, in microseconds.
    pub black_us: i64,
}

/// The pictures of a [`Synthetic`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyntheticVideo {
    /// `h264`, `hevc`, `vp8`, `vp9`, `av1`, `mpeg4`, `mpeg2video`, `mjpeg`; for stills the container decides.
    pub codec: String,
    /// Width in pixels; even.
    pub width: u32,
    /// Height in pixels; even.
    pub height: u32,
    /// Frames per second, as numerator and denominator.
    pub frame_rate: (i32, i32),
    /// Chooses colors, shapes and scenes: different seeds look different, the same seed gives the same pictures.
    pub seed: u64,
}

/// The sound of a [`Synthetic`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyntheticAudio {
    /// `aac`, `opus`, `flac`, `mp3`, `vorbis`, `ac3`, `pcm_s16le`.
    pub codec: String,
    /// 1 or 2, or 6 for 5.1.
    pub channels: u32,
    /// Samples per second.
    pub sample_rate: u32,
    /// Pitch of the tone in the first channel, in Hz; the others sound a fifth apart.
    pub frequency: f32,
}

/// A chapter of a [`Synthetic`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyntheticChapter {
    /// Its title.
    pub title: String,
    /// Where it starts, in microseconds.
    pub start_us: i64,
    /// Where it ends, in microseconds.
    pub end_us: i64,
}

impl Synthetic {
    /// One second of H.264 and AAC in mp4, 160 by 120.
    pub fn clip(seed: u64) -> Self {
        Self {
            container: "mp4".to_owned(),
            video: Some(SyntheticVideo {
                codec: "h264".to_owned(),
                width: 160,
                height: 120,
                frame_rate: (25, 1),
                seed,
            }),
            audio: Some(SyntheticAudio {
                codec: "aac".to_owned(),
                channels: 2,
                sample_rate: 48_000,
                frequency: 220.0 + (seed % 24) as f32 * 20.0,
            }),
            duration_us: 1_000_000,
            subtitles: None,
            image_subtitles: None,
            chapters: Vec::new(),
            tags: Vec::new(),
            rotation: 0,
            fragmented: false,
            black_us: 0,
        }
    }

    /// Two seconds of sound alone, as `flac`, `mp3`, `ogg`, ..; the container's usual codec.
    pub fn sound(container: &str, frequency: f32) -> Self {
        let codec = match container {
            "flac" => "flac",
            "mp3" => "mp3",
            "ogg" => "vorbis",
            "opus" => "opus",
            "wav" => "pcm_s16le",
            _ => "aac",
        };
        let container = if container == "opus" { "ogg" } else { container };
        Self {
            container: container.to_owned(),
            video: None,
            audio: Some(SyntheticAudio {
                codec: codec.to_owned(),
                channels: 2,
                sample_rate: 48_000,
                frequency,
            }),
            duration_us: 2_000_000,
            ..Self::clip(0)
        }
    }

    /// A picture, 320 by 240, as `jpeg`, `png`, `webp` or `gif`.
    pub fn still(container: &str, seed: u64) -> Self {
        Self {
            container: container.to_owned(),
            video: Some(SyntheticVideo {
                codec: container.to_owned(),
                width: 320,
                height: 240,
                frame_rate: (10, 1),
                seed,
            }),
            audio: None,
            duration_us: 0,
            ..Self::clip(seed)
        }
    }
}
