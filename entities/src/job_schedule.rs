//! A job that is enqueued at set times.

use sea_orm::entity::prelude::*;

use crate::id::JobScheduleId;

/// A row of `job_schedule`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_schedule")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: JobScheduleId,
    pub name: String,
    /// Five fields, or six with seconds first; in UTC.
    pub cron: String,
    pub kind: String,
    /// JSON of the job that a tick enqueues.
    pub job: String,
    pub is_paused: bool,
    pub last_tick: i64,
}

impl ActiveModelBehavior for ActiveModel {}
