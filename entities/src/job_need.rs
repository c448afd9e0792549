//! An edge between jobs: one waits until the other has ended.

use sea_orm::entity::prelude::*;

use crate::id::JobId;

/// A row of `job_need`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_need")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_id: JobId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub needs_job_id: JobId,
    /// Whether a failed or canceled need is as good as a successful one.
    pub run_anyway: bool,
    /// Whether it still holds the job back; an edge closes once.
    pub is_open: bool,
}

impl ActiveModelBehavior for ActiveModel {}
