//! A head: a job that makes segment after segment of one rendition, from any of them on.

use serde::{Deserialize, Serialize};

use crate::grid::{Grid, TimeBase};
use crate::hardware::DeviceEncoder;
use crate::rendition::{AudioRendition, VideoRendition};

/// Ticks a second of every video rendition.
pub const VIDEO_TICKS: u32 = 90_000;

/// Segments of a video rendition, [`first`](Self::first) and those after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoHead {
    /// The file name's extension, as for a probe.
    pub extension: Option<String>,
    /// The stream's position in the file.
    pub stream: u32,
    /// The unit of the stream's times.
    pub time_base: TimeBase,
    /// The stream's first presentation time: where segment 0 begins.
    pub start_pts: i64,
    /// Frames that decode before they show, at most.
    pub reorder_depth: u32,
    /// The presentation time of the last keyframe at or before the first segment, if the table of keyframes is known.
    pub keyframe_pts: Option<i64>,
    /// Degrees to turn the picture clockwise: 0, 90, 180 or 270.
    pub rotation: u16,
    /// The stream of image subtitles that is drawn into the pictures.
    pub burn: Option<u32>,
    /// What is made.
    pub rendition: VideoRendition,
    /// The device that encodes it; none for software. Only a [self-describing](VideoRendition::is_self_describing) rendition
    /// can have one, and its segments fit whoever made them.
    #[serde(default)]
    pub encoder: Option<DeviceEncoder>,
    /// Where segments begin.
    pub grid: Grid,
    /// The first segment to make.
    pub first: u32,
    /// It stops before this one until it is allowed to go on.
    pub until: u32,
    /// How many segments the whole track has. All of them are made, whatever the header said of the length: frames beyond
    /// the last belong to it, and missing ones repeat the last picture.
    pub n_segments: u32,
}

/// A segment that is ready; its bytes are in the memory file that travels with the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Its number.
    pub index: u32,
    /// The presentation time of its first sample, in ticks of the rendition.
    pub first_pts: i64,
    /// How long it lasts, in ticks of the rendition.
    pub duration: i64,
}

/// Samples of an AAC-LC frame.
pub const AAC_FRAME: u32 = 1024;

/// Segments of an audio rendition, [`first`](Self::first) and those after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioHead {
    /// The file name's extension, as for a probe.
    pub extension: Option<String>,
    /// Where the presentation begins, in microseconds on the file's own clock: the start of the video's first frame, or of
    /// the sound's if there is no video.
    pub start_us: i64,
    /// What is made, and of which stream.
    pub rendition: AudioRendition,
    /// Where segments begin.
    pub grid: Grid,
    /// The first segment to make.
    pub first: u32,
    /// It stops before this one until it is allowed to go on.
    pub until: u32,
    /// How many frames of [`AAC_FRAME`] samples the whole track has; silence fills up what the file lacks.
    pub n_frames: u64,
}
