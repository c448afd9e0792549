//! A clip: ranges of a film as a file of its own, exact to the frame.

use serde::{Deserialize, Serialize};

use crate::rendition::{AudioRendition, VideoRendition};

/// The most ranges of one clip.
pub const MAX_RANGES: usize = 100;

/// The longest text that says why a clip was made otherwise than asked.
const MAX_REASON: usize = 400;

/// What is cut out of the one passed descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clip {
    /// The file name's extension, as for a probe.
    pub extension: Option<String>,
    /// Where the presentation begins, in microseconds on the file's own clock.
    pub start_us: i64,
    /// What is kept: (start, end) in microseconds from the presentation's start, joined in this order. A frame is kept if
    /// it begins in a range.
    pub ranges: Vec<(i64, i64)>,
    /// How pictures are cut.
    pub mode: ClipMode,
    /// What is made.
    pub format: ClipFormat,
    /// The pictures; none for sound alone.
    pub video: Option<ClipVideo>,
    /// The sounds, each encoded anew to the sample; none for animations.
    pub audio: Vec<AudioRendition>,
}

/// The pictures of a clip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClipVideo {
    /// The stream's position in the file.
    pub stream: u32,
    /// Degrees to turn the picture clockwise: 0, 90, 180 or 270.
    pub rotation: u16,
    /// What pictures become that are encoded anew as a whole; its bit rates do not matter.
    pub rendition: VideoRendition,
}

/// How pictures are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClipMode {
    /// Copied from the first keyframe to the last, and encoded anew at both edges; all of it where that is not possible.
    Smart,
    /// Encoded anew.
    Exact,
    /// Copied, from the keyframe at or before the start to the one at or after the end.
    Keyframe,
}

/// What a clip is made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClipFormat {
    /// A film.
    Mp4,
    /// Silent pictures in 256 colors.
    Gif,
    /// Silent pictures.
    Webp,
}

/// What was made; its bytes went out before, as [pieces](crate::message::Event::Piece).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clipped {
    /// Its length in bytes.
    pub len: u64,
    /// How pictures were cut in fact.
    pub mode: ClipMode,
    /// Why that is not what was asked for.
    pub reason: Option<String>,
    /// What it holds of each range: (start, end) in microseconds from the source's start.
    pub ranges: Vec<(i64, i64)>,
    /// How long it lasts, in microseconds.
    pub duration_us: i64,
    /// Its frames.
    pub n_frames: u64,
    /// Those that were copied bit by bit.
    pub n_copied: u64,
}

impl Clipped {
    /// What a worker says is no proof: this holds it against what was asked for.
    pub fn check(&self, clip: &Clip) -> Result<(), String> {
        if self.len == 0 || self.ranges.len() != clip.ranges.len() {
            return Err(format!("a clip of {} bytes and {} ranges", self.len, self.ranges.len()));
        }
        if self
            .ranges
            .iter()
            .any(|(start, end)| end <= start || *start < -3_600_000_000)
        {
            return Err("a clip whose ranges end before they begin".to_owned());
        }
        if self.duration_us <= 0 || self.n_copied > self.n_frames {
            return Err(format!(
                "a clip of {} µs with {} frames",
                self.duration_us, self.n_frames
            ));
        }
        match &self.reason {
            Some(reason) if reason.len() > MAX_REASON => Err(format!("a reason of {} bytes", reason.len())),
            _ => Ok(()),
        }
    }
}
