//! Another name of a tag.

use sea_orm::entity::prelude::*;

use crate::id::TagId;

/// A row of `tag_alias`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tag_alias")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tag_id: TagId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
}

impl ActiveModelBehavior for ActiveModel {}
