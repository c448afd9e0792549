//! A folder below a library path, with the digest of what the last scan saw in it.

use sea_orm::entity::prelude::*;

use crate::id::{FolderId, LibraryPathId};

/// A row of `folder`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "folder")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: FolderId,
    pub library_path_id: LibraryPathId,
    /// Relative bytes; empty for the path itself.
    pub path: Vec<u8>,
    /// BLAKE3 over names, sizes, times and inodes; equal means that nothing in it changed.
    pub digest: Option<Vec<u8>>,
}

impl ActiveModelBehavior for ActiveModel {}
