//! A group of jobs that are counted together.

use sea_orm::entity::prelude::*;

use crate::id::JobBatchId;

/// A row of `job_batch`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_batch")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: JobBatchId,
    /// Whether more jobs may still be added; only a closed batch can be done.
    pub is_open: bool,
    pub total: i64,
    pub done: i64,
    pub failed: i64,
    pub canceled: i64,
    /// JSON of the job that the last one enqueues.
    pub on_done: Option<String>,
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
