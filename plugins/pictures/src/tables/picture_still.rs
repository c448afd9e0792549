//! A picture at a time of a file that somebody asked for. It is current while the file has this size and time.

use entities::id::FileId;
use sea_orm::entity::prelude::*;

use crate::tables::picture_part::Format;

/// A row of `picture_still`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "picture_still")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub file_id: FileId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub at_us: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub format: Format,
    /// The width that was asked for, in pixels.
    #[sea_orm(primary_key, auto_increment = false)]
    pub width: i32,
    pub size: i64,
    pub mtime_ns: i64,
    /// The key in the store.
    pub key: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
