//! The columns of an item that pages show: what the row cache holds. Long texts have a cache of their own.

use entities::{
    id::{FileId, LibraryId, MediaId, StudioId},
    media::MediaKind,
};

/// An item as pages show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// Its id.
    pub id: MediaId,
    /// Its library.
    pub library_id: LibraryId,
    /// What it is.
    pub kind: MediaKind,
    /// Its title.
    pub title: String,
    /// ISO 8601 day.
    pub date: Option<String>,
    /// Its studio.
    pub studio_id: Option<StudioId>,
    /// The file that is played and shown.
    pub primary_file_id: Option<FileId>,
    /// Microseconds.
    pub duration_us: Option<i64>,
    /// Pixels, after rotation.
    pub width: Option<i32>,
    /// Pixels, after rotation.
    pub height: Option<i32>,
    /// Frames per second, upper half of the fraction.
    pub frame_rate_num: Option<i32>,
    /// Frames per second, lower half of the fraction.
    pub frame_rate_den: Option<i32>,
    /// Bits per second.
    pub bit_rate: Option<i64>,
    /// The codec of its pictures.
    pub video_codec: Option<String>,
    /// The codec of its sound.
    pub audio_codec: Option<String>,
    /// Whether it has subtitles.
    pub has_subtitles: bool,
    /// When the library first saw it.
    pub added_at: i64,
    /// Modification time of the primary file.
    pub modified_at: i64,
    /// When the row last changed.
    pub updated_at: i64,
    /// Since when no file of it is present.
    pub missing_at: Option<i64>,
}

impl Card {
    /// The bytes it takes in a cache.
    pub fn weigh(&self) -> u32 {
        let texts = [&self.date, &self.video_codec, &self.audio_codec]
            .into_iter()
            .flatten()
            .map(String::len);
        (size_of::<Self>() + self.title.len() + texts.sum::<usize>()) as u32
    }
}
