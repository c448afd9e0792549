//! One ended attempt at a job; the last twenty of each job are kept.

use sea_orm::entity::prelude::*;

use crate::id::{JobId, NodeId};

/// A row of `job_attempt`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_attempt")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_id: JobId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub attempt: i32,
    pub node_id: NodeId,
    pub started_at: i64,
    pub ended_at: i64,
    /// `succeeded`, `failed`, `canceled`, `paused` or `stopped`.
    pub outcome: String,
    pub error: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
