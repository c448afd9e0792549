//! A library: folders that are scanned together, and the totals that pages show.

use sea_orm::entity::prelude::*;

use crate::id::LibraryId;

/// What a library mostly holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub enum LibraryKind {
    /// Videos, sounds and images together.
    #[sea_orm(num_value = 0)]
    Mixed,
    /// Films, episodes, recordings.
    #[sea_orm(num_value = 1)]
    Video,
    /// Music, podcasts, books.
    #[sea_orm(num_value = 2)]
    Audio,
    /// Photos and pictures.
    #[sea_orm(num_value = 3)]
    Image,
}

/// A row of `library`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: LibraryId,
    /// Unique, as people see it.
    pub name: String,
    pub kind: LibraryKind,
    /// False while a path cannot be read; then a scan changes nothing.
    pub is_online: bool,
    /// Why it is offline, for people.
    pub offline_reason: Option<String>,
    /// Scan files and folders whose name begins with a dot.
    pub include_hidden: bool,
    /// Items with at least one present file.
    pub n_media: i64,
    /// Bytes of all present files.
    pub total_size: i64,
    /// Microseconds of all items.
    pub total_duration_us: i64,
    pub last_scanned_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
