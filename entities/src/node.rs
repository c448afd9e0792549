//! A server process that runs, or lately ran, jobs.

use sea_orm::entity::prelude::*;

use crate::id::NodeId;

/// A row of `node`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "node")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: NodeId,
    pub version: String,
    pub roles: String,
    pub started_at: i64,
    pub seen_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
