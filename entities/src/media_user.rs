//! What one account has done with one item.

use sea_orm::entity::prelude::*;

use crate::id::{MediaId, UserId};

/// A row of `media_user`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "media_user")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub media_id: MediaId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// 0 to 100.
    pub rating: Option<i32>,
    pub is_favorite: bool,
    pub n_views: i64,
    pub last_viewed_at: Option<i64>,
    /// Where playback stopped.
    pub position_us: Option<i64>,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
