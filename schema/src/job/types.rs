//! A job and how far it is.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use kernel::jobs::{self, JobView};

use crate::{
    job::loader::parent,
    kit::{
        error::ToGraphql,
        id::id,
        scalar::{DateTime, Seconds},
    },
};

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "entities::job::JobStatus")]
pub enum JobStatus {
    /// Other jobs must end first.
    Waiting,
    /// It runs as soon as it is due and there is room.
    Ready,
    /// It is running.
    Running,
    /// It rests until somebody resumes it.
    Paused,
    /// It did what it was for.
    Succeeded,
    /// Its attempts are used up, or another one is useless; `error` says why.
    Failed,
    /// A user, or a job that it needed, ended it.
    Canceled,
}

/// How urgent a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "kernel::jobs::Priority")]
pub enum JobPriority {
    /// Nobody waits for it.
    Background,
    /// A user started it.
    User,
    /// A user sits in front of it.
    Interactive,
}

/// Work that outlives a request and a restart.
#[derive(Clone)]
pub struct Job(pub Arc<JobView>);

impl From<JobView> for Job {
    fn from(view: JobView) -> Self {
        Self(Arc::new(view))
    }
}

/// Work that outlives a request and a restart.
#[Object]
impl Job {
    /// Its global id.
    pub async fn id(&self) -> ID {
        id(self.0.id)
    }

    /// What kind of work it is, such as `scan.library`.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Where it is in its life.
    async fn status(&self) -> JobStatus {
        self.0.status.into()
    }

    /// What it does, for people.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// How urgent it is.
    async fn priority(&self) -> JobPriority {
        self.0.priority.into()
    }

    /// The queue it is in.
    async fn queue(&self) -> &str {
        &self.0.queue
    }

    /// How far it is.
    async fn progress(&self) -> JobProgress {
        JobProgress::from(&self.0.progress)
    }

    /// Why it failed or was canceled; while it is to be tried again, why the last attempt failed.
    async fn error(&self) -> Option<JobFault> {
        let fault = self.0.error.as_ref()?;
        Some(JobFault {
            code: fault.code.clone(),
            message: fault.message.clone(),
        })
    }

    /// How many attempts have begun.
    async fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// How many attempts may begin; a saved checkpoint grants them anew.
    async fn max_attempts(&self) -> u32 {
        self.0.max_attempts
    }

    /// Whether it runs and was asked to end.
    async fn is_cancel_requested(&self) -> bool {
        self.0.cancel_requested
    }

    /// Whether it runs and was asked to rest.
    async fn is_pause_requested(&self) -> bool {
        self.0.pause_requested
    }

    /// When it is due.
    async fn run_at(&self) -> DateTime {
        DateTime(self.0.run_at)
    }

    /// When it was enqueued.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When its stored state last changed; progress moves between.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }

    /// When its last attempt began.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime)
    }

    /// When it succeeded, failed or was canceled.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(DateTime)
    }

    /// The job that enqueued it; null when none did, or when that one is no longer kept.
    async fn parent(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Job>> {
        match self.0.parent {
            Some(id) => parent(cx, id).await.graphql(),
            None => Ok(None),
        }
    }
}

/// How far a job is. Counts belong to the present step, `fraction` to the whole job.
#[derive(Debug, Clone, SimpleObject)]
pub struct JobProgress {
    /// The name of the present step; null before the first.
    step: Option<String>,
    /// The step's place, from 0.
    step_index: u32,
    /// How many steps the job has.
    step_count: u32,
    /// How much of this step is done, in `unit`. A number that may exceed 32 bits.
    done: u64,
    /// How much this step has, when that is known. A number that may exceed 32 bits.
    total: Option<u64>,
    /// What is counted, such as `files`.
    unit: Option<String>,
    /// The whole job, from 0 to 1; it never falls within an attempt.
    fraction: f64,
    /// Units of this step per second, smoothed over some ten seconds.
    rate_per_second: Option<f64>,
    /// Until this step ends, at this rate.
    eta_seconds: Option<Seconds>,
    /// What it is doing now, for people.
    message: Option<String>,
}

impl From<&jobs::Progress> for JobProgress {
    fn from(progress: &jobs::Progress) -> Self {
        Self {
            step: progress.step.clone(),
            step_index: progress.step_index,
            step_count: progress.step_count,
            done: progress.done,
            total: progress.total,
            unit: progress.unit.clone(),
            fraction: progress.fraction,
            rate_per_second: progress.rate_per_second,
            eta_seconds: progress.eta_seconds.map(Seconds),
            message: progress.message.clone(),
        }
    }
}

/// Why a job or an attempt failed.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "JobError")]
pub struct JobFault {
    /// A stable name from the table of codes.
    code: String,
    /// What happened, for people.
    message: String,
}
