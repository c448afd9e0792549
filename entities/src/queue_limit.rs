//! How many jobs of a group may run or begin, over all nodes.

use sea_orm::entity::prelude::*;

/// A row of `queue_limit`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "queue_limit")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub queue: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub group_key: String,
    pub max_running: Option<i32>,
    pub rate_per_minute: Option<f64>,
    /// What is left in the token bucket of the rate.
    pub tokens: f64,
    pub refilled_at: i64,
    pub is_paused: bool,
}

impl ActiveModelBehavior for ActiveModel {}
