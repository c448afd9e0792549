//! What was read of the subtitles of a file, inside it and beside it. A row is of the file as it is now while `size`, `mtime_ns` and
//! `beside` are the file's.

use sea_orm::entity::prelude::*;

use crate::id::FileId;

/// A row of `subtitle_text`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subtitle_text")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub file_id: FileId,
    /// The size of the file that was read.
    pub size: i64,
    /// The modification time of the file that was read.
    pub mtime_ns: i64,
    /// The files of subtitles beside it that were read, as `file.subtitles` had them.
    pub beside: String,
    /// The way of reading; raised when another one would give other lines.
    pub version: i32,
    /// How many lines there are.
    pub n_lines: i64,
    /// Why some of it could not be read, for people.
    pub failure: Option<String>,
    /// When it is tried again by itself; never when absent, unless the file changes.
    pub retry_at: Option<i64>,
    pub read_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
