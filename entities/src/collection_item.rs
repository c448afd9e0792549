//! An item of a collection.

use sea_orm::entity::prelude::*;

use crate::id::{CollectionId, MediaId};

/// A row of `collection_item`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "collection_item")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub collection_id: CollectionId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub media_id: MediaId,
    /// Lower-case letters and digits; the texts sort as the items do.
    pub position: String,
    pub added_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
