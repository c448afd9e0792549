//! Putting a job into the table: never look-then-insert, always insert and see what is there.

use entities::{
    id::{JobBatchId, JobId},
    job::{self, JobStatus},
    job_batch,
};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, FromQueryResult};
use serde::{Deserialize, Serialize};

use super::{
    JobError, Jobs, again, code,
    job::{Job, Lane, Priority},
    sql::{list, statement},
};
use crate::{
    bus::Hint,
    store::{Durability, Tx},
    work::Work,
};

/// How a job is enqueued.
#[derive(Debug, Clone, Default)]
pub struct Enqueue {
    /// For people; the kind's own title when absent.
    pub title: Option<String>,
    /// How urgent it is.
    pub priority: Priority,
    /// When it is due, in UTC milliseconds; at once when absent.
    pub run_at: Option<i64>,
    /// "This request was already queued": two jobs never share one, until the first is purged.
    pub idempotency_key: Option<String>,
    /// What limits count, such as a library's id.
    pub group_key: Option<String>,
    /// The job that enqueues it.
    pub parent: Option<JobId>,
    /// The batch it counts in.
    pub batch: Option<JobBatchId>,
    /// Jobs that must end first.
    pub needs: Vec<Need>,
    /// Instead of the kind's number.
    pub max_attempts: Option<u32>,
    /// The trace of what caused it; that of the present work when absent.
    pub trace_id: Option<String>,
}

/// A job that must end before another begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The job that must end.
    pub job: JobId,
    /// Whether it may also fail or be canceled; otherwise that cancels the one that needs it.
    pub run_anyway: bool,
}

/// What enqueueing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    /// The job, new or the one that was already there.
    pub job: JobId,
    /// Whether it is new.
    pub is_new: bool,
}

/// A job on its way into the table; batches and schedules keep it as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct NewJob {
    pub kind: String,
    kind_version: u32,
    queue: String,
    lane: String,
    title: String,
    payload: String,
    max_attempts: u32,
    is_unique: bool,
    priority: Priority,
    group_key: Option<String>,
    #[serde(skip)]
    options: Enqueue,
}

impl NewJob {
    pub fn of<J: Job>(job: &J, mut options: Enqueue) -> Result<Self, JobError> {
        let payload = serde_json::to_string(job).map_err(|source| JobError::Payload { kind: J::KIND, source })?;
        Ok(Self {
            kind: J::KIND.to_owned(),
            kind_version: J::VERSION,
            queue: J::QUEUE.to_owned(),
            lane: Lane::name(J::LANE).to_owned(),
            title: options.title.take().unwrap_or_else(|| job.title()),
            payload,
            max_attempts: options.max_attempts.unwrap_or(J::MAX_ATTEMPTS).max(1),
            is_unique: J::UNIQUE,
            priority: options.priority,
            group_key: options.group_key.take(),
            options,
        })
    }

    pub fn with_key(mut self, idempotency_key: String) -> Self {
        self.options.idempotency_key = Some(idempotency_key);
        self
    }

    fn single_key(&self) -> Option<String> {
        let key = match self.payload.len() {
            ..=200 => format!("{} {}", self.kind, self.payload),
            _ => format!("{} {}", self.kind, blake3::hash(self.payload.as_bytes())),
        };
        self.is_unique.then_some(key)
    }
}

const INSERT: &str = "insert into job (id, queue, lane, kind, kind_version, title, payload, state, priority, run_at, \
    attempt, max_attempts, cancel_requested, pause_requested, idempotency_key, single_key, group_key, parent_id, \
    batch_id, n_open_needs, progress, error_code, error_message, trace_id, created_at, updated_at, finished_at) \
    values ($2, $3, $4, $5, $6, $7, $8, $9, $10, coalesce($11, :now), 0, $12, false, false, $13, $14, $15, $16, \
    $17, $18, '{}', $19, $20, $21, :now, :now, case when $9 = 5 then :now end) \
    on conflict do nothing returning *";

impl Jobs {
    /// Enqueues a job in the caller's transaction, unless its idempotency key or, for a unique kind, its payload is
    /// already there; runners wake after the commit.
    ///
    /// # Errors
    /// When a need does not exist, the batch is closed, or the database fails.
    pub async fn enqueue<J: Job>(&self, tx: &Tx, job: &J, options: Enqueue) -> Result<Enqueued, JobError> {
        self.insert(tx, NewJob::of(job, options)?).await
    }

    /// Enqueues a job in a transaction of its own.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue).
    pub async fn start_one<J: Job>(&self, job: &J, options: Enqueue) -> Result<Enqueued, JobError> {
        let new = NewJob::of(job, options)?;
        again(|| async {
            let tx = self.inner.store.begin(Durability::Full).await?;
            let enqueued = self.insert(&tx, new.clone()).await?;
            tx.commit().await?;
            Ok(enqueued)
        })
        .await
    }

    /// Opens a batch. Add jobs with [`Enqueue::batch`], then close it with [`Jobs::close_batch`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_batch(&self, tx: &Tx) -> Result<JobBatchId, JobError> {
        let id = JobBatchId::new();
        let batch = job_batch::ActiveModel {
            id: Set(id),
            is_open: Set(true),
            total: Set(0),
            done: Set(0),
            failed: Set(0),
            canceled: Set(0),
            on_done: Set(None),
            created_at: Set(self.inner.store.clock().now_ms()),
        };
        job_batch::Entity::insert(batch).exec_without_returning(&**tx).await?;
        Ok(id)
    }

    /// Closes a batch: nothing can be added, and the last of its jobs to end enqueues `on_done`.
    ///
    /// # Errors
    /// When there is no such open batch, or the database fails.
    pub async fn close_batch<J: Job>(&self, tx: &Tx, id: JobBatchId, on_done: &J) -> Result<(), JobError> {
        let on_done = NewJob::of(on_done, Enqueue::default())?;
        let text = serde_json::to_string(&on_done).map_err(|source| JobError::Payload { kind: J::KIND, source })?;
        let sql = "update job_batch set is_open = false, on_done = $1 where id = $2 and is_open returning *";
        let closed = tx
            .query_one_raw(statement(&self.inner.store, sql, [text.into(), id.0.into()]))
            .await?;
        let Some(row) = closed else {
            return Err(JobError::BatchClosed { id });
        };
        self.complete_batch(tx, job_batch::Model::from_query_result(&row, "")?)
            .await
    }

    /// Enqueues what follows a batch, when all of its jobs have ended.
    pub(super) async fn complete_batch(&self, tx: &Tx, batch: job_batch::Model) -> Result<(), JobError> {
        if batch.is_open || batch.done + batch.failed + batch.canceled < batch.total {
            return Ok(());
        }
        let Some(next) = batch
            .on_done
            .as_deref()
            .and_then(|text| serde_json::from_str::<NewJob>(text).ok())
        else {
            return Ok(());
        };
        Box::pin(self.insert(tx, next.with_key(format!("batch:{}", batch.id)))).await?;
        Ok(())
    }

    pub(super) async fn insert(&self, tx: &Tx, new: NewJob) -> Result<Enqueued, JobError> {
        let (id, single_key) = (JobId::new(), new.single_key());
        let needs = self.look_at_needs(tx, &new.options.needs).await?;
        let n_open = needs.iter().filter(|need| need.is_open).count() as i32;
        let failed = needs.iter().find(|need| need.has_failed).map(|need| need.job);
        let state = match (failed, n_open) {
            (Some(_), _) => JobStatus::Canceled,
            (None, 0) => JobStatus::Ready,
            (None, _) => JobStatus::Waiting,
        };
        // A key can be held by a job that ends between our insert and our look; then the next insert succeeds.
        for _ in 0..4 {
            let options = &new.options;
            let values = [
                id.0.into(),
                new.queue.clone().into(),
                new.lane.clone().into(),
                new.kind.clone().into(),
                (new.kind_version as i32).into(),
                new.title.clone().into(),
                new.payload.clone().into(),
                sea_orm::ActiveEnum::into_value(state).into(),
                new.priority.level().into(),
                options.run_at.into(),
                (new.max_attempts as i32).into(),
                options.idempotency_key.clone().into(),
                single_key.clone().into(),
                new.group_key.clone().into(),
                options.parent.map(|parent| parent.0).into(),
                options.batch.map(|batch| batch.0).into(),
                n_open.into(),
                failed.map(|_| code::JOB_NEED_FAILED.name).into(),
                failed
                    .map(|need| format!("the job `{need}`, which this one needs, did not succeed"))
                    .into(),
                options.trace_id.clone().or_else(present_trace).into(),
            ];
            if let Some(row) = tx.query_one_raw(statement(&self.inner.store, INSERT, values)).await? {
                let row = job::Model::from_query_result(&row, "")?;
                self.inserted(tx, &row, &needs).await?;
                return Ok(Enqueued { job: id, is_new: true });
            }
            if let Some(present) = self.present(tx, &new, single_key.as_deref()).await? {
                return Ok(Enqueued {
                    job: present,
                    is_new: false,
                });
            }
        }
        Err(JobError::Contended)
    }

    async fn inserted(&self, tx: &Tx, row: &job::Model, needs: &[SeenNeed]) -> Result<(), JobError> {
        for need in needs {
            let sql = "insert into job_need (job_id, needs_job_id, run_anyway, is_open) values ($1, $2, $3, $4)";
            let values = [
                row.id.0.into(),
                need.job.0.into(),
                need.run_anyway.into(),
                need.is_open.into(),
            ];
            tx.execute_raw(statement(&self.inner.store, sql, values)).await?;
        }
        if let Some(batch) = row.batch_id {
            let canceled = i64::from(row.state == JobStatus::Canceled);
            let sql = "update job_batch set total = total + 1, canceled = canceled + $1 where id = $2 and is_open";
            let counted = tx
                .execute_raw(statement(&self.inner.store, sql, [canceled.into(), batch.0.into()]))
                .await?;
            if counted.rows_affected() == 0 {
                return Err(JobError::BatchClosed { id: batch });
            }
        }
        self.announce(tx, row.clone());
        Ok(())
    }

    /// After the commit, tells watchers what a row became, and runners if it is ready.
    pub(super) fn announce(&self, tx: &Tx, row: job::Model) {
        let jobs = self.clone();
        tx.after_commit(move || {
            if row.state == JobStatus::Ready {
                jobs.inner.bus.publish(Hint::JobsReady {
                    queue: row.queue.clone(),
                    run_at: row.run_at,
                });
            }
            jobs.tell(row);
        });
    }

    /// The job that holds a key of this one; raised to its priority if it has not begun.
    async fn present(&self, tx: &Tx, new: &NewJob, single_key: Option<&str>) -> Result<Option<JobId>, DbErr> {
        let store = &self.inner.store;
        let row = match (&new.options.idempotency_key, single_key) {
            (Some(key), single_key) => {
                let sql = "select * from job where idempotency_key = $1 \
                    or (single_key = $2 and state in (0, 1, 2, 6)) order by id limit 1";
                tx.query_one_raw(statement(
                    store,
                    sql,
                    [key.clone().into(), single_key.map(str::to_owned).into()],
                ))
                .await?
            }
            (None, Some(single_key)) => {
                let sql = "select * from job where single_key = $1 and state in (0, 1, 2, 6)";
                tx.query_one_raw(statement(store, sql, [single_key.to_owned().into()]))
                    .await?
            }
            (None, None) => None,
        };
        let Some(row) = row else { return Ok(None) };
        let present = job::Model::from_query_result(&row, "")?;
        let has_begun = !matches!(present.state, JobStatus::Waiting | JobStatus::Ready | JobStatus::Paused);
        if !has_begun && present.priority < new.priority.level() {
            let sql = "update job set priority = $2, updated_at = :later where id = $3 and priority < $2 returning *";
            let values = [new.priority.level().into(), present.id.0.into()];
            if let Some(row) = tx.query_one_raw(statement(store, sql, values)).await? {
                self.announce(tx, job::Model::from_query_result(&row, "")?);
            }
        }
        Ok(Some(present.id))
    }

    /// The needs as they are now; on PostgreSQL they cannot end before this transaction does.
    async fn look_at_needs(&self, tx: &Tx, needs: &[Need]) -> Result<Vec<SeenNeed>, JobError> {
        if needs.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "select id, state from job where id in :list(1) order by id :share";
        let values = [list(needs.iter().map(|need| need.job.0))];
        let rows = tx.query_all_raw(statement(&self.inner.store, sql, values)).await?;
        let mut seen = Vec::with_capacity(needs.len());
        for need in needs {
            if seen.iter().any(|earlier: &SeenNeed| earlier.job == need.job) {
                continue;
            }
            let row = rows
                .iter()
                .find(|row| row.try_get::<JobId>("", "id").is_ok_and(|id| id == need.job));
            let state: JobStatus = row.ok_or(JobError::NotFound { id: need.job })?.try_get("", "state")?;
            let has_failed = matches!(state, JobStatus::Failed | JobStatus::Canceled) && !need.run_anyway;
            let is_open = !state.is_terminal() || has_failed;
            seen.push(SeenNeed {
                job: need.job,
                run_anyway: need.run_anyway,
                is_open,
                has_failed,
            });
        }
        Ok(seen)
    }
}

fn present_trace() -> Option<String> {
    Work::present().map(|work| work.trace().to_string())
}

struct SeenNeed {
    job: JobId,
    run_anyway: bool,
    is_open: bool,
    has_failed: bool,
}
