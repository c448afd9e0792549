//! A collection or a gallery of items.

use sea_orm::entity::prelude::*;

use crate::id::{CollectionId, FolderId};

/// What a collection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub enum CollectionKind {
    /// Any items.
    #[sea_orm(num_value = 0)]
    Collection,
    /// Pictures that belong together.
    #[sea_orm(num_value = 1)]
    Gallery,
}

/// A row of `collection`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "collection")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CollectionId,
    pub kind: CollectionKind,
    pub name: String,
    pub sort_name: String,
    pub description: Option<String>,
    pub parent_id: Option<CollectionId>,
    /// The folder whose pictures it was made of.
    pub folder_id: Option<FolderId>,
    /// For a smart collection: the filter as JSON.
    pub filter: Option<String>,
    pub filter_version: i32,
    /// Present items; not kept for a smart one.
    pub n_media: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
