//! An edge of the tag graph.

use sea_orm::entity::prelude::*;

use crate::id::TagId;

/// A row of `tag_parent`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tag_parent")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tag_id: TagId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub parent_id: TagId,
}

impl ActiveModelBehavior for ActiveModel {}
