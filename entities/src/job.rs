//! A job: durable work. The row is the truth, everything in memory is a cache of it.

use sea_orm::entity::prelude::*;

use crate::id::{JobBatchId, JobId, NodeId};

/// Where a job is in its life; the same words in SQL's comments, Rust and GraphQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub enum JobStatus {
    /// Other jobs must end first.
    #[sea_orm(num_value = 0)]
    Waiting,
    /// It runs as soon as it is due and there is room.
    #[sea_orm(num_value = 1)]
    Ready,
    /// A node has leased it.
    #[sea_orm(num_value = 2)]
    Running,
    /// It did what it was for.
    #[sea_orm(num_value = 3)]
    Succeeded,
    /// Its attempts are used up, or it said that another one is useless.
    #[sea_orm(num_value = 4)]
    Failed,
    /// A user, or a job that it needed, ended it.
    #[sea_orm(num_value = 5)]
    Canceled,
    /// It rests until somebody resumes it.
    #[sea_orm(num_value = 6)]
    Paused,
}

impl JobStatus {
    /// Whether the job stays so unless somebody retries it.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }
}

/// A row of `job`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: JobId,
    pub queue: String,
    pub lane: String,
    pub kind: String,
    pub kind_version: i32,
    pub title: String,
    /// JSON, as the kind's type serializes.
    pub payload: String,
    pub state: JobStatus,
    /// 100 interactive, 50 started by a user, 0 background.
    pub priority: i32,
    pub run_at: i64,
    /// Attempts begun; also the fence: it never falls.
    pub attempt: i32,
    pub max_attempts: i32,
    pub lease_owner: Option<NodeId>,
    pub lease_until: Option<i64>,
    pub cancel_requested: bool,
    pub pause_requested: bool,
    pub idempotency_key: Option<String>,
    /// Unique among live jobs.
    pub single_key: Option<String>,
    /// What limits count: a library, a host, a GPU.
    pub group_key: Option<String>,
    pub parent_id: Option<JobId>,
    pub batch_id: Option<JobBatchId>,
    pub n_open_needs: i32,
    /// JSON, the last progress that was written.
    pub progress: String,
    /// JSON, where the job goes on after an interruption.
    pub checkpoint: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub trace_id: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    pub started_at: Option<i64>,
    pub finished_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
