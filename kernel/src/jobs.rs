//! Durable jobs on SQLite and PostgreSQL: every background activity is a row of `job`.
//!
//! The row is the truth. A node claims ready rows under a lease, renews it by a heartbeat, and each later write names
//! the lease and the attempt, so a late worker changes nothing. Hints make it quick, polling makes it sure.

mod claim;
mod control;
mod cx;
mod enqueue;
mod finish;
mod hub;
mod job;
mod limit;
mod progress;
mod runner;
mod schedule;
mod sql;
mod tick;
mod trouble;
mod upkeep;
mod verdict;
mod view;
mod watch;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use entities::{
    id::{JobBatchId, JobId},
    job as row,
    job::JobStatus,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::{cx::Running, hub::Hub, sql::statement};
use crate::{
    bus::Bus,
    error::{Code, Failure},
    plugin::Kernel,
    store::{Store, Trouble, trouble},
};

pub use self::{
    cx::{Interrupted, JobCx},
    enqueue::{Enqueue, Enqueued, Need},
    job::{Job, JobTable, Lane, Priority, Step},
    limit::Limit,
    progress::{Progress, StepPart},
    view::{JobFault, JobView},
};

/// How jobs are run on this node.
#[derive(Debug, Clone)]
pub struct JobSettings {
    /// No other process runs jobs of this database: what was running when a runner starts was interrupted.
    pub owns_database: bool,
    /// How long a claimed job stays claimed without a heartbeat.
    pub lease: Duration,
    /// How often leases are renewed, and cancel and pause flags are read.
    pub heartbeat: Duration,
    /// How often a runner that heard no hint looks for ready jobs; half of it at random is added.
    pub poll: Duration,
    /// How often expired leases and starving jobs are looked for.
    pub reap: Duration,
    /// How often progress is published to those who watch one job.
    pub tick: Duration,
    /// How often the progress of a job is told to those who watch all.
    pub tell_all: Duration,
    /// How often the progress of a running job is written to its row.
    pub write_progress: Duration,
    /// How often watched jobs that run elsewhere are read.
    pub watch_poll: Duration,
    /// How long a canceled or stalled job may take to notice before its task is dropped.
    pub grace: Duration,
    /// How long running jobs may take to hand back their work when the server stops.
    pub drain: Duration,
    /// How long succeeded and canceled jobs are kept.
    pub keep: Duration,
    /// Jobs that were ready for so long go before all others.
    pub starves_after: Duration,
    /// Jobs that run at once, by lane: disk, CPU, GPU, net.
    pub lanes: [usize; 4],
}

impl Default for JobSettings {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            owns_database: false,
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(10),
            poll: Duration::from_secs(4),
            reap: Duration::from_secs(10),
            tick: Duration::from_millis(100),
            tell_all: Duration::from_millis(250),
            write_progress: Duration::from_secs(5),
            watch_poll: Duration::from_secs(1),
            grace: Duration::from_secs(10),
            drain: Duration::from_secs(30),
            keep: Duration::from_secs(7 * 24 * 3600),
            starves_after: Duration::from_secs(600),
            // What waits for others costs nothing here.
            lanes: [2, cores, 1, 64],
        }
    }
}

impl JobSettings {
    /// Everything that waits, waits little.
    pub fn for_tests() -> Self {
        Self {
            heartbeat: Duration::from_millis(100),
            poll: Duration::from_millis(50),
            reap: Duration::from_millis(100),
            tick: Duration::from_millis(20),
            write_progress: Duration::from_millis(200),
            watch_poll: Duration::from_millis(50),
            grace: Duration::from_secs(2),
            drain: Duration::from_secs(5),
            ..Self::default()
        }
    }
}

/// Why something about a job cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// There is no such job, or it was purged.
    #[error("no job `{id}`")]
    NotFound {
        /// The id that was asked for.
        id: JobId,
    },
    /// Its state does not allow this.
    #[error("the job `{id}` is {state} and cannot be {action}", state = status_word(*.state))]
    WrongState {
        /// The job.
        id: JobId,
        /// The state it is in.
        state: JobStatus,
        /// What was asked: "paused".
        action: &'static str,
    },
    /// A job of a unique kind cannot be revived while another one does the same.
    #[error("the job `{id}` cannot be retried while another job does the same work")]
    Duplicate {
        /// The job.
        id: JobId,
    },
    /// Jobs cannot be added to a closed batch.
    #[error("the batch `{id}` does not exist or is closed")]
    BatchClosed {
        /// The batch.
        id: JobBatchId,
    },
    /// Another attempt has the job.
    #[error("the lease of the job `{id}` was lost")]
    LeaseLost {
        /// The job.
        id: JobId,
    },
    /// The payload cannot be written as JSON.
    #[error("the payload of a {kind} job cannot be written as JSON")]
    Payload {
        /// The kind.
        kind: &'static str,
        /// What JSON says.
        #[source]
        source: serde_json::Error,
    },
    /// The keys of a job collided with one that was gone when it was looked for, several times.
    #[error("a job with the same key came and went while this one was enqueued; try again")]
    Contended,
    /// A schedule's pattern cannot be read.
    #[error("`{pattern}` is not a cron pattern: {reason}")]
    Cron {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// The database failed.
    #[error("the database failed")]
    Db(#[from] DbErr),
}

/// Codes of jobs, for the reference.
pub mod code {
    crate::codes! {
        JOB_NOT_FOUND = "JOB_NOT_FOUND", NotFound, "The job does not exist, or not for this viewer.";
        JOB_WRONG_STATE = "JOB_WRONG_STATE", Conflict, "The state of the job does not allow this.";
        JOB_CANCELED = "JOB_CANCELED", Conflict, "The job was canceled by a user.";
        JOB_NEED_FAILED = "JOB_NEED_FAILED", Conflict, "A job that this one needs failed or was canceled.";
        JOB_FAILED = "JOB_FAILED", Internal, "The attempt ended with an error.";
        JOB_PANICKED = "JOB_PANICKED", Internal, "The attempt hit a defect of ours.";
        JOB_STALLED = "JOB_STALLED", Timeout, "The attempt reported no progress for too long.";
        JOB_INTERRUPTED = "JOB_INTERRUPTED", Unavailable, "The process that ran the attempt ended.";
    }
}

impl JobError {
    /// Its row of the code table.
    pub fn code(&self) -> &'static Code {
        match self {
            Self::NotFound { .. } => &code::JOB_NOT_FOUND,
            Self::WrongState { .. } | Self::Duplicate { .. } | Self::BatchClosed { .. } => &code::JOB_WRONG_STATE,
            Self::Cron { .. } => &crate::error::code::BAD_INPUT,
            Self::Contended | Self::LeaseLost { .. } => &crate::error::code::CONFLICT,
            Self::Payload { .. } | Self::Db(_) => &crate::error::code::INTERNAL,
        }
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Db(source) => source.into(),
            JobError::Payload { .. } => Self::internal(error),
            other => Self::new(other.code(), other.to_string()),
        }
    }
}

/// Durable work: enqueue it, steer it, watch it, run it. Clones are handles to the same one.
#[derive(Clone)]
pub struct Jobs {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    bus: Arc<dyn Bus>,
    settings: JobSettings,
    hub: Hub,
    /// What runs in this process.
    local: Mutex<HashMap<JobId, Arc<Running>>>,
    /// Told when something begins to run here.
    began: Notify,
    /// Told when a row was flagged and the heartbeat should look at once.
    flagged: Notify,
    has_limits: AtomicBool,
}

impl Jobs {
    /// Handles for the jobs of a database. Nothing runs before [`Jobs::run`].
    pub fn new(store: Store, bus: Arc<dyn Bus>, settings: JobSettings) -> Self {
        let inner = Inner {
            store,
            bus,
            settings,
            hub: Hub::default(),
            local: Mutex::default(),
            began: Notify::default(),
            flagged: Notify::default(),
            has_limits: AtomicBool::new(true),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The job, with the freshest progress that this process knows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get(&self, id: JobId) -> Result<Option<JobView>, DbErr> {
        let row = row::Entity::find_by_id(id).one(self.inner.store.reader()).await?;
        Ok(row.map(|row| self.view(row)))
    }

    /// Those of the jobs that exist, in no order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get_many(&self, ids: impl IntoIterator<Item = JobId> + Send) -> Result<Vec<JobView>, DbErr> {
        let ids: Vec<i64> = ids.into_iter().map(i64::from).collect();
        let rows = row::Entity::find()
            .filter(row::Column::Id.is_in(ids))
            .all(self.inner.store.reader())
            .await?;
        Ok(rows.into_iter().map(|row| self.view(row)).collect())
    }

    /// A row that somebody else has read, with the freshest progress that this process knows.
    pub fn view(&self, row: row::Model) -> JobView {
        let view = JobView::from(row);
        if view.status != JobStatus::Running {
            return view;
        }
        match self
            .running(view.id)
            .filter(|running| running.attempt == view.attempts as i32)
        {
            Some(running) => JobView {
                progress: running.meter.progress(),
                ..view
            },
            None => view,
        }
    }

    /// Runs jobs of these kinds until `stop` is canceled; then gives running ones time to save their state, and hands
    /// them back. Errors of the database are retried and never end it.
    pub fn run(&self, table: JobTable, kernel: Kernel, stop: CancellationToken) -> JoinHandle<()> {
        tokio::spawn(runner::Runner::new(self.clone(), table, kernel, stop).run())
    }

    /// Waits until no job is ready or running, also not one that waits for its next attempt.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drain(&self) -> Result<(), DbErr> {
        let mut changes = self.inner.hub.changes();
        loop {
            let sql = "select (exists (select 1 from job where state = 1) or exists (select 1 from job where state = 2)) as busy";
            let row = self
                .inner
                .store
                .reader()
                .query_one_raw(statement(&self.inner.store, sql, []))
                .await?;
            if !row.is_some_and(|row| row.try_get::<bool>("", "busy").unwrap_or(false)) {
                return Ok(());
            }
            // A change is a reason to look again; the timeout is for changes by other processes.
            let _ = tokio::time::timeout(Duration::from_millis(100), changes.recv()).await;
        }
    }

    fn running(&self, id: JobId) -> Option<Arc<Running>> {
        self.local().get(&id).cloned()
    }

    fn local(&self) -> MutexGuard<'_, HashMap<JobId, Arc<Running>>> {
        self.inner.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells watchers what a row became. Called after the commit.
    fn tell(&self, row: row::Model) {
        let view = self.view(row);
        if let Some(running) = self
            .running(view.id)
            .filter(|running| running.attempt == view.attempts as i32)
        {
            running.rebase(&view);
        }
        self.inner.hub.tell(view);
    }
}

/// Does a transaction once more that PostgreSQL broke off in favor of another.
async fn again<T, F: Future<Output = Result<T, JobError>>>(attempt: impl Fn() -> F) -> Result<T, JobError> {
    for _ in 0..3 {
        match attempt().await {
            Err(JobError::Db(error)) if trouble(&error) == Some(Trouble::Collided) => {}
            done => return done,
        }
    }
    attempt().await
}

/// A state as it reads in a sentence.
fn status_word(state: JobStatus) -> &'static str {
    match state {
        JobStatus::Waiting => "waiting for other jobs",
        JobStatus::Ready => "ready to run",
        JobStatus::Running => "running",
        JobStatus::Succeeded => "already done",
        JobStatus::Failed => "failed",
        JobStatus::Canceled => "canceled",
        JobStatus::Paused => "paused",
    }
}
