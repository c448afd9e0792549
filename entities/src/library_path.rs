//! One folder path of a library on this server.

use sea_orm::entity::prelude::*;

use crate::id::{LibraryId, LibraryPathId};

/// A row of `library_path`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_path")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: LibraryPathId,
    pub library_id: LibraryId,
    /// Absolute, without a final slash.
    pub path: String,
    pub position: i32,
}

impl ActiveModelBehavior for ActiveModel {}
