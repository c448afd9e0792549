//! What the subtitles of a file say. A row without lines is not there.

use sea_orm::entity::prelude::*;

use crate::id::FileId;

/// A row of `subtitle_lines`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subtitle_lines")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub file_id: FileId,
    /// The lines with their times, packed.
    pub packed: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
