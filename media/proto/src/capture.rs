//! Captures: packets of a live source become files, fragment by fragment, as they come.

use serde::{Deserialize, Serialize};

/// What is to be captured. The source is a pipe, and its end is the end of the capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// The extension that a file of the same bytes would have, as for a probe.
    pub extension: Option<String>,
    /// A new file begins at the first keyframe after so many microseconds; 0 for never.
    pub file_us: i64,
    /// Whether it is told how much moves.
    pub looks_for_motion: bool,
}

/// A part of a file that is whole by itself: a header, or a fragment with its packets. A file that ends after any of them
/// plays to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fragment {
    /// The file, from 0.
    pub file: u32,
    /// Where in the file it belongs: right behind the one before.
    pub offset: u64,
    /// How many pictures the file has with it.
    pub n_frames: u64,
    /// How long the file is with it, in microseconds.
    pub end_us: i64,
    /// What share of the picture moved since the last time that this was said, in percent, where it was looked for.
    pub motion: Option<u8>,
}

/// What was captured; its bytes went out before, as [fragments](crate::message::Event::Fragment).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// How many files there are; none if nothing came that could be kept.
    pub n_files: u32,
    /// Pictures of all files.
    pub n_frames: u64,
    /// Pictures, and packets of sound, that came without a usable time, or before the first keyframe.
    pub n_dropped: u64,
}
