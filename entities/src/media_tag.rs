//! A tag of an item.

use sea_orm::entity::prelude::*;

use crate::id::{MediaId, TagId};

/// A row of `media_tag`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "media_tag")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub media_id: MediaId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub tag_id: TagId,
    /// When the item was added, so that a tag's newest items are one index range.
    pub added_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
