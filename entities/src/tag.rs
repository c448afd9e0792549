//! A tag.

use sea_orm::entity::prelude::*;

use crate::id::TagId;

/// A row of `tag`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tag")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TagId,
    /// Unique without regard to case.
    pub name: String,
    pub sort_name: String,
    /// `#rrggbb`.
    pub color: Option<String>,
    pub description: Option<String>,
    pub n_media: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
