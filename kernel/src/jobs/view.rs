//! What readers see of a job: its row, with fresher progress when it runs here.

use entities::{
    id::{JobBatchId, JobId},
    job::{self, JobStatus},
};

use super::{job::Priority, progress::Progress};

/// A job as readers see it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// The kind, `scan.library`.
    pub kind: String,
    /// What it does, for people.
    pub title: String,
    /// Where it is in its life.
    pub status: JobStatus,
    /// How urgent it is.
    pub priority: Priority,
    /// The queue it is in.
    pub queue: String,
    /// What limits count, such as a library's id.
    pub group_key: Option<String>,
    /// How far it is.
    pub progress: Progress,
    /// Why it failed or was canceled; while it is to be retried, why the last attempt failed.
    pub error: Option<JobFault>,
    /// Attempts begun.
    pub attempts: u32,
    /// Attempts it may begin.
    pub max_attempts: u32,
    /// Whether it runs and was asked to end.
    pub cancel_requested: bool,
    /// Whether it runs and was asked to rest.
    pub pause_requested: bool,
    /// When it is due, in UTC milliseconds, as all times here.
    pub run_at: i64,
    /// When it was enqueued.
    pub created_at: i64,
    /// When its row last changed.
    pub updated_at: i64,
    /// When its last attempt began.
    pub started_at: Option<i64>,
    /// When it succeeded, failed or was canceled.
    pub finished_at: Option<i64>,
    /// The job that enqueued it.
    pub parent: Option<JobId>,
    /// The batch it counts in.
    pub batch: Option<JobBatchId>,
}

/// Why a job or an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFault {
    /// A name from the code table, or the kernel's `JOB_…`.
    pub code: String,
    /// What happened.
    pub message: String,
}

impl From<job::Model> for JobView {
    fn from(row: job::Model) -> Self {
        // A progress that an other version wrote is only worth less, not an error.
        let progress = serde_json::from_str(&row.progress).unwrap_or_default();
        let error = row.error_code.map(|code| JobFault {
            code,
            message: row.error_message.unwrap_or_default(),
        });
        Self {
            id: row.id,
            kind: row.kind,
            title: row.title,
            status: row.state,
            priority: Priority::from_level(row.priority),
            queue: row.queue,
            group_key: row.group_key,
            progress,
            error,
            attempts: row.attempt.max(0) as u32,
            max_attempts: row.max_attempts.max(0) as u32,
            cancel_requested: row.cancel_requested,
            pause_requested: row.pause_requested,
            run_at: row.run_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            parent: row.parent_id,
            batch: row.batch_id,
        }
    }
}
