//! A file of an item. A scan marks it missing and never deletes it.

use sea_orm::entity::prelude::*;

use crate::id::{FileId, FolderId, LibraryId, MediaId};

/// Whether the file was there when last looked for, or is in the trash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub enum FileStatus {
    /// It is there.
    #[sea_orm(num_value = 0)]
    Present,
    /// It was not found.
    #[sea_orm(num_value = 1)]
    Missing,
    /// A person put it in the trash.
    #[sea_orm(num_value = 2)]
    Trashed,
}

/// A row of `file`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "file")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: FileId,
    pub media_id: MediaId,
    pub library_id: LibraryId,
    pub folder_id: FolderId,
    /// The last part of its path, as bytes.
    pub name: Vec<u8>,
    /// Relative to the library path, as text; not exact when the name is not UTF-8.
    pub path: String,
    pub status: FileStatus,
    pub missing_at: Option<i64>,
    pub size: i64,
    /// Nanoseconds since 1970, UTC.
    pub mtime_ns: i64,
    pub inode: i64,
    pub device: i64,
    /// BLAKE3 over the size and the first and last 64 KiB.
    pub fingerprint: Option<Vec<u8>>,
    /// The 64-bit hash of the same bytes that other tools exchange.
    pub oshash: Option<i64>,
    /// BLAKE3 of all bytes.
    pub content_hash: Option<Vec<u8>>,
    pub container: Option<String>,
    pub demuxer: Option<String>,
    pub duration_us: Option<i64>,
    pub start_us: Option<i64>,
    pub bit_rate: Option<i64>,
    /// Container tags, a JSON list of [key, value].
    pub tags: String,
    pub has_cover: bool,
    /// Files of subtitles beside it, a JSON list; see `kernel::subtitle_file`.
    pub subtitles: String,
    pub added_at: i64,
    pub probed_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
