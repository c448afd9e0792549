//! Pictures that were made as a whole before: rungs whose segments nobody needs to make.

use std::sync::Arc;

use kernel::{
    parts::Parts,
    store::Store,
    stored::{Stored, StoredTrack},
};
use media_proto::{head::VideoHead, rendition::VideoCodec};

use super::Plan;
use crate::rendition::{FileState, Label, Rendition};

/// What is stored of a file; nothing where that cannot be known, for everything can be made.
pub async fn stored(store: &Store, parts: &Parts, file: FileState) -> Vec<Arc<StoredTrack>> {
    let Some(stored) = parts.get::<Stored>() else {
        return Vec::new();
    };
    let found = stored.0.of_file(store, file.id, file.size, file.mtime_ns).await;
    found.unwrap_or_else(|error| {
        tracing::warn!(file = %file.id, %error, "what is stored of a file could not be read");
        Vec::new()
    })
}

impl Plan {
    /// Takes what is stored into the ladder, each in the place of the rung of its size.
    pub fn take_stored(&mut self, tracks: &[Arc<StoredTrack>], ffmpeg: &str) {
        for track in tracks
            .iter()
            .filter(|track| track.is_video && !track.segments.is_empty())
        {
            // Settings of another version than ours are of no use, and of newer codecs not every player.
            let Ok(head) = serde_json::from_str::<VideoHead>(&track.settings) else {
                continue;
            };
            if head.rendition.codec != VideoCodec::H264 {
                continue;
            }
            let (width, height) = (head.rendition.width, head.rendition.height);
            let label = Label {
                name: format!("{}p", width.min(height)),
                ..Label::default()
            };
            self.weight += (track.segments.len() * size_of_val(&track.segments[0]) * 2) as u32;
            let rung = Arc::new(Rendition::stored(self.file, head, Arc::clone(track), label, ffmpeg));
            let size = |rung: &Rendition| {
                rung.as_video()
                    .map_or(0, |head| head.rendition.width * head.rendition.height)
            };
            match self.video.iter().position(|held| size(held) <= width * height) {
                Some(at) if size(&self.video[at]) == width * height => self.video[at] = rung,
                Some(at) => self.video.insert(at, rung),
                None => self.video.push(rung),
            }
        }
        self.stored = tracks.iter().map(|track| track.key).collect();
    }

    /// Whether it was made with these.
    pub fn has_stored(&self, tracks: &[Arc<StoredTrack>]) -> bool {
        tracks.iter().map(|track| track.key).eq(self.stored.iter().copied())
    }
}
