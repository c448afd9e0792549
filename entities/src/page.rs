//! A picture in an archive.

use sea_orm::entity::prelude::*;

use crate::id::FileId;

/// A row of `page`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "page")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub file_id: FileId,
    /// From 0, in the order in which people read.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i32,
    /// What the archive calls it: display text.
    pub name: String,
    pub n_bytes: i64,
}

impl ActiveModelBehavior for ActiveModel {}
