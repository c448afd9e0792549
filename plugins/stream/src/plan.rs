//! What can be made of a file for players: its renditions, as a function of what the database says of it.

pub mod load;
pub mod shape;

use std::sync::Arc;

use crate::rendition::{FileState, Rendition, RenditionId};

/// The renditions of one state of a file.
#[derive(Debug)]
pub struct Plan {
    /// The file.
    pub file: FileState,
    /// Width and height of its pictures as they are stored, for what decoding them takes.
    pub source: (u32, u32),
    /// Frames per second, where they are known.
    pub frame_rate: Option<(i32, i32)>,
    /// Pictures, best first.
    pub video: Vec<Arc<Rendition>>,
    /// Sound, the default first.
    pub audio: Vec<Arc<Rendition>>,
    /// The bytes of the tables it holds.
    weight: u32,
}

impl Plan {
    /// The rendition with this name.
    pub fn find(&self, id: RenditionId) -> Option<&Arc<Rendition>> {
        self.video.iter().chain(&self.audio).find(|track| track.id == id)
    }

    /// How long the presentation is, in microseconds.
    pub fn duration_us(&self) -> i64 {
        let ends = self.video.iter().chain(&self.audio).map(|track| track.end_us);
        ends.max().unwrap_or(0)
    }

    /// The bytes it takes in a cache.
    pub fn weigh(&self) -> u32 {
        // Headers come to it later: about a kilobyte each.
        let n = (self.video.len() + self.audio.len()) as u32;
        self.weight + n * (size_of::<Rendition>() as u32 + 1500)
    }
}
