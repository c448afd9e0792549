//! A place or a stretch in a video or a sound.

use sea_orm::entity::prelude::*;

use crate::id::{MarkerId, MediaId};

/// A row of `marker`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "marker")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MarkerId,
    pub media_id: MediaId,
    pub title: String,
    pub start_us: i64,
    /// Absent for a place.
    pub end_us: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
