//! A chapter of a file.

use sea_orm::entity::prelude::*;

use crate::id::{ChapterId, FileId};

/// A row of `chapter`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chapter")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ChapterId,
    pub file_id: FileId,
    pub position: i32,
    pub title: Option<String>,
    pub start_us: i64,
    pub end_us: i64,
}

impl ActiveModelBehavior for ActiveModel {}
