//! Subtitles of text as WebVTT: every text track of a file in one pass over it.

use serde::{Deserialize, Serialize};

/// The most tracks of one file.
pub const MAX_TRACKS: usize = 200;

/// Which subtitles are wanted of the one passed descriptor: a film with tracks, or a file of subtitles alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subtitles {
    /// The file name's extension, as for a probe.
    pub extension: Option<String>,
    /// Positions of streams in the file; all of text if empty.
    pub streams: Vec<u32>,
    /// Where the presentation begins, in microseconds on the file's own clock; 0 for a file of subtitles.
    pub start_us: i64,
}

/// The texts, one after the other in the sealed memory file beside the reply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subtitled {
    /// One for each wanted stream of text, in the file's order.
    pub tracks: Vec<SubtitleTrack>,
}

/// A track as a WebVTT file, times counted from the presentation's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitleTrack {
    /// The stream's position in the file.
    pub stream: u32,
    /// Where it begins in the memory file, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub len: u64,
    /// How many cues it has.
    pub n_cues: u32,
    /// How many packets did not decode.
    pub n_damaged: u32,
    /// Whether it goes on in the file, past the most that is kept.
    pub is_cut: bool,
}

impl Subtitled {
    /// Whether everything is within its bounds and within a memory file of this many bytes.
    pub fn check(&self, memory_file: u64) -> Result<(), String> {
        if self.tracks.len() > MAX_TRACKS {
            return Err(format!("{} tracks of subtitles", self.tracks.len()));
        }
        let is_past = |track: &SubtitleTrack| track.offset.checked_add(track.len).is_none_or(|end| end > memory_file);
        match self.tracks.iter().find(|track| is_past(track)) {
            Some(track) => Err(format!(
                "subtitles of stream {} past the end of the memory file",
                track.stream
            )),
            None => Ok(()),
        }
    }
}
