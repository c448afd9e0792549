//! A media item: one video, sound or image, with what pages sort and filter by.

use sea_orm::entity::prelude::*;

use crate::id::{FileId, LibraryId, MediaId, StudioId};

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub enum MediaKind {
    /// Moving pictures, with or without sound.
    #[sea_orm(num_value = 0)]
    Video,
    /// Sound, with or without a cover.
    #[sea_orm(num_value = 1)]
    Audio,
    /// A still or animated picture.
    #[sea_orm(num_value = 2)]
    Image,
}

/// A row of `media`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "media")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MediaId,
    pub library_id: LibraryId,
    pub kind: MediaKind,
    pub title: String,
    /// Natural-order key of the title.
    pub sort_title: String,
    /// 0 file name, 1 container tag, 2 sidecar, 3 a person; a scan never replaces a higher one by a lower one.
    pub title_origin: i32,
    pub description: Option<String>,
    /// ISO 8601 day, such as 2021-05-04.
    pub date: Option<String>,
    pub studio_id: Option<StudioId>,
    /// The file that is played and shown.
    pub primary_file_id: Option<FileId>,
    /// Path of the primary file, as text.
    pub path: String,
    /// Bytes of the primary file.
    pub size: i64,
    pub duration_us: Option<i64>,
    /// Display width, after rotation.
    pub width: Option<i32>,
    /// Display height, after rotation.
    pub height: Option<i32>,
    pub frame_rate_num: Option<i32>,
    pub frame_rate_den: Option<i32>,
    /// Bits per second.
    pub bit_rate: Option<i64>,
    pub video_codec: Option<String>,
    pub audio_codec: Option<String>,
    pub container: Option<String>,
    pub has_subtitles: bool,
    /// Present files.
    pub n_files: i32,
    pub thumbhash: Option<Vec<u8>>,
    pub added_at: i64,
    /// Modification time of the primary file.
    pub modified_at: i64,
    pub updated_at: i64,
    /// Since when no file of it is present.
    pub missing_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
