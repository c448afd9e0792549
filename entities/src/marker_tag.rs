//! A tag of a marker.

use sea_orm::entity::prelude::*;

use crate::id::{MarkerId, TagId};

/// A row of `marker_tag`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "marker_tag")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub marker_id: MarkerId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub tag_id: TagId,
}

impl ActiveModelBehavior for ActiveModel {}
