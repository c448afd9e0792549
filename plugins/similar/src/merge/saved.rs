//! What items were before a merge, as JSON.

use entities::{
    id::{FileId, LibraryId, MediaId, PersonId, StudioId, TagId, UserId},
    media::{self, MediaKind},
    media_person, media_tag, media_user,
};
use serde::{Deserialize, Serialize};

use crate::merge::Item;

/// What a merge has changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was done.
    pub at: i64,
    /// The item that stayed, as it was.
    pub kept: SavedItem,
    /// The items that went into it.
    pub merged: Vec<SavedItem>,
}

impl Snapshot {
    /// What these items are now.
    pub fn of(at: i64, kept: &Item, merged: &[Item]) -> Self {
        Self {
            at,
            kept: SavedItem::of(kept),
            merged: merged.iter().map(SavedItem::of).collect(),
        }
    }
}

/// An item and what hung on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedItem {
    /// The row.
    pub row: SavedMedia,
    /// Its files.
    pub files: Vec<FileId>,
    /// Its tags.
    pub tags: Vec<SavedTag>,
    /// Its people.
    pub people: Vec<SavedPerson>,
    /// What accounts did with it.
    pub own: Vec<SavedOwn>,
    /// The items that are no duplicates of it.
    pub dismissed: Vec<MediaId>,
}

impl SavedItem {
    fn of(item: &Item) -> Self {
        Self {
            row: item.row.clone().into(),
            files: item.files.iter().map(|file| file.id).collect(),
            tags: item.tags.iter().cloned().map(Into::into).collect(),
            people: item.people.iter().cloned().map(Into::into).collect(),
            own: item.own.iter().cloned().map(Into::into).collect(),
            dismissed: item.dismissed.clone(),
        }
    }
}

/// [`MediaKind`] in JSON.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SavedKind {
    /// Moving pictures.
    Video,
    /// Sound.
    Audio,
    /// A picture.
    Image,
}

impl From<MediaKind> for SavedKind {
    fn from(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Video => Self::Video,
            MediaKind::Audio => Self::Audio,
            MediaKind::Image => Self::Image,
        }
    }
}

impl From<SavedKind> for MediaKind {
    fn from(kind: SavedKind) -> Self {
        match kind {
            SavedKind::Video => Self::Video,
            SavedKind::Audio => Self::Audio,
            SavedKind::Image => Self::Image,
        }
    }
}

/// A copy of a row. A column that is added later and left out here does not compile.
macro_rules! saved {
    ($($(#[$doc:meta])* $name:ident of $table:ident { $($field:ident: $type:ty),+ $(,)? })+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Serialize, Deserialize)]
            #[expect(missing_docs, reason = "they are the row's columns")]
            pub struct $name {
                $(pub $field: $type,)+
            }

            impl From<$table::Model> for $name {
                fn from(row: $table::Model) -> Self {
                    let $table::Model { $($field),+ } = row;
                    Self { $($field: $field.into()),+ }
                }
            }

            impl From<$name> for $table::Model {
                fn from(saved: $name) -> Self {
                    let $name { $($field),+ } = saved;
                    Self { $($field: $field.into()),+ }
                }
            }
        )+
    };
}

saved! {
    /// A row of `media`.
    SavedMedia of media {
        id: MediaId,
        library_id: LibraryId,
        kind: SavedKind,
        title: String,
        sort_title: String,
        title_origin: i32,
        description: Option<String>,
        date: Option<String>,
        studio_id: Option<StudioId>,
        primary_file_id: Option<FileId>,
        path: String,
        size: i64,
        duration_us: Option<i64>,
        width: Option<i32>,
        height: Option<i32>,
        frame_rate_num: Option<i32>,
        frame_rate_den: Option<i32>,
        bit_rate: Option<i64>,
        video_codec: Option<String>,
        audio_codec: Option<String>,
        container: Option<String>,
        has_subtitles: bool,
        n_files: i32,
        thumbhash: Option<Vec<u8>>,
        added_at: i64,
        modified_at: i64,
        updated_at: i64,
        missing_at: Option<i64>,
    }
    /// A row of `media_tag`.
    SavedTag of media_tag {
        media_id: MediaId,
        tag_id: TagId,
        added_at: i64,
    }
    /// A row of `media_person`.
    SavedPerson of media_person {
        media_id: MediaId,
        person_id: PersonId,
        role: Option<String>,
        position: i32,
        added_at: i64,
    }
    /// A row of `media_user`.
    SavedOwn of media_user {
        media_id: MediaId,
        user_id: UserId,
        rating: Option<i32>,
        is_favorite: bool,
        n_views: i64,
        last_viewed_at: Option<i64>,
        position_us: Option<i64>,
        updated_at: i64,
    }
}
