//! What can be made of a file for players: its renditions, as a function of what the database says of it.

pub mod burned;
pub mod carried;
pub mod choice;
pub mod copies;
pub mod cuts;
pub mod load;
pub mod shape;
pub mod stored;

use std::sync::Arc;

use entities::id::MediaId;
use kernel::objects::ObjectKey;

use self::{burned::Burned, choice::Choice};
use crate::{
    rendition::{FileState, Rendition, RenditionId},
    texts::Text,
};

/// The renditions of one state of a file.
#[derive(Debug)]
pub struct Plan {
    /// The file.
    pub file: FileState,
    /// The item whose file it was when the plan was made.
    pub media: MediaId,
    /// Width and height of its pictures as they are stored, for what decoding them takes.
    pub source: (u32, u32),
    /// Frames per second, where they are known.
    pub frame_rate: Option<(i32, i32)>,
    /// Pictures, best first.
    pub video: Vec<Arc<Rendition>>,
    /// The same with image subtitles drawn into them, for each stream of such.
    pub burned: Vec<Burned>,
    /// Sound for the ladder, the default first: as the file has it where that fits, encoded otherwise.
    pub audio: Vec<Arc<Rendition>>,
    /// The same sound, all of it encoded.
    pub encoded_audio: Vec<Arc<Rendition>>,
    /// Pictures as the file has them, if they can be cut.
    pub copied_video: Option<Arc<Rendition>>,
    /// For each track of sound the same as the file has it, where players take that.
    pub copied_audio: Vec<Option<Arc<Rendition>>>,
    /// One picture of each segment, for scrubbing.
    pub keyframes: Option<Arc<Rendition>>,
    /// Subtitles of text.
    pub texts: Vec<Text>,
    /// What the row said of the files beside it when it was made.
    pub subtitles: String,
    /// The file name's extension.
    pub extension: Option<String>,
    /// Where the presentation begins, in microseconds on the file's own clock.
    pub start_us: i64,
    /// What of it was stored when it was made.
    pub stored: Vec<ObjectKey>,
    /// The bytes of the tables it holds.
    weight: u32,
}

/// What is made of sound in the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// What fits stays as the file has it.
    AsItIs,
    /// All of it is encoded.
    Encoded,
}

impl Plan {
    /// The rendition with this name.
    pub fn find(&self, id: RenditionId) -> Option<&Arc<Rendition>> {
        let copied = self.copied_video.iter().chain(self.copied_audio.iter().flatten());
        let mut all = self
            .video
            .iter()
            .chain(&self.audio)
            .chain(&self.encoded_audio)
            .chain(copied)
            .chain(&self.keyframes);
        let plain = all.find(|track| track.id == id);
        let mut burned = self.burned.iter().flat_map(Burned::rungs);
        plain.or_else(|| burned.find(|track| track.id == id))
    }

    /// The renditions that a player is offered. Where pictures cannot be copied, they are encoded.
    pub fn chosen(&self, choice: Choice, sound: Sound) -> Vec<&Arc<Rendition>> {
        let audio = match sound {
            Sound::AsItIs => &self.audio,
            Sound::Encoded => &self.encoded_audio,
        };
        match (choice, &self.copied_video) {
            (Choice::Copy, Some(video)) => {
                let sound = audio.iter().zip(&self.copied_audio);
                let sound = sound.map(|(encoded, copied)| copied.as_ref().unwrap_or(encoded));
                std::iter::once(video).chain(sound).collect()
            }
            (Choice::CopyPictures, Some(video)) => std::iter::once(video).chain(audio).collect(),
            (choice, _) => {
                let rungs = match choice {
                    Choice::Burned(_, stream) => self.burned(stream).map_or(&[][..], Burned::rungs),
                    _ => &self.video,
                };
                let video = choice
                    .ceiling()
                    .among(rungs, |track| track.as_video().map(|head| &head.rendition));
                video.iter().chain(audio).chain(&self.keyframes).collect()
            }
        }
    }

    /// Whether any sound of the ladder is as the file has it.
    pub fn carries_sound(&self) -> bool {
        let mut both = self.audio.iter().zip(&self.encoded_audio);
        both.any(|(audio, encoded)| !Arc::ptr_eq(audio, encoded))
    }

    /// The pictures with this stream of image subtitles, if it is one.
    pub fn burned(&self, stream: u32) -> Option<&Burned> {
        self.burned.iter().find(|burned| burned.stream == stream)
    }

    /// How long the presentation is, in microseconds.
    pub fn duration_us(&self) -> i64 {
        let ends = self.video.iter().chain(&self.audio).map(|track| track.end_us);
        ends.max().unwrap_or(0)
    }

    /// The bytes it takes in a cache.
    pub fn weigh(&self) -> u32 {
        // Headers come to it later: about a kilobyte each.
        let n = (self.video.len() * (1 + self.burned.len()) + self.audio.len() * 3 + 1) as u32;
        self.weight + n * (size_of::<Rendition>() as u32 + 1500)
    }
}
