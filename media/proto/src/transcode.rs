//! What a finished rendition is held against before anybody sees it.

use serde::{Deserialize, Serialize};

/// What a reader found in a rendition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Its streams, in the file's order.
    pub streams: Vec<VerifiedStream>,
}

/// One stream of a rendition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedStream {
    /// Whether it holds pictures.
    pub is_video: bool,
    /// How many packets there are.
    pub n_packets: u64,
    /// How many of them are keyframes.
    pub n_keyframes: u64,
    /// How many keyframes, or packets of sound, were decoded and gave a picture or sound.
    pub n_decoded: u64,
    /// When the first is shown, in microseconds.
    pub start_us: i64,
    /// When the last ends, in microseconds.
    pub end_us: i64,
}

impl Verified {
    /// What a worker says is no proof: this bounds it.
    pub fn check(&self) -> Result<(), String> {
        match self.streams.len() {
            1..=16 => Ok(()),
            n => Err(format!("a rendition of {n} streams")),
        }
    }
}
