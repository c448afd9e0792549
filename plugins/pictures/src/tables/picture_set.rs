//! What was drawn of an item. It is current while its file is the item's and still has this size and time.

use entities::id::{FileId, MediaId};
use sea_orm::entity::prelude::*;

/// Where a poster came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub enum PosterSource {
    /// A frame of the video.
    #[sea_orm(num_value = 0)]
    Frame,
    /// The embedded cover.
    #[sea_orm(num_value = 1)]
    Cover,
    /// The image itself.
    #[sea_orm(num_value = 2)]
    Image,
}

/// A row of `picture_set`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "picture_set")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub media_id: MediaId,
    /// The file that was drawn.
    pub file_id: FileId,
    pub size: i64,
    pub mtime_ns: i64,
    /// The recipe's version.
    pub version: i32,
    pub poster_source: Option<PosterSource>,
    pub poster_at_us: Option<i64>,
    pub thumbhash: Option<Vec<u8>>,
    pub sprite_count: Option<i32>,
    pub sprite_columns: Option<i32>,
    pub sprite_tile_width: Option<i32>,
    pub sprite_tile_height: Option<i32>,
    pub sprite_interval_us: Option<i64>,
    pub peaks_per_second: Option<i32>,
    pub made_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
