//! A studio, label or publisher.

use sea_orm::entity::prelude::*;

use crate::id::StudioId;

/// A row of `studio`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "studio")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: StudioId,
    pub name: String,
    pub sort_name: String,
    pub parent_id: Option<StudioId>,
    pub n_media: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
