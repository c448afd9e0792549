//! An item of which something could not be drawn, and why.

use entities::id::{FileId, MediaId};
use sea_orm::entity::prelude::*;

/// A row of `picture_failure`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "picture_failure")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub media_id: MediaId,
    /// The file that was tried.
    pub file_id: FileId,
    pub size: i64,
    pub mtime_ns: i64,
    /// The recipe's version.
    pub version: i32,
    /// Which FFmpeg failed.
    pub ffmpeg: String,
    /// The file's path below the library path.
    pub path: String,
    /// A stable name.
    pub code: String,
    /// For people.
    pub message: String,
    /// How often this file was tried in vain.
    pub attempts: i32,
    pub failed_at: i64,
    /// When it is tried again by itself; never when absent, unless the file or FFmpeg changes.
    pub retry_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
