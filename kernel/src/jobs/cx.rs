//! What a running job is given: progress, checkpoints, and writes that a lost lease refuses.

use std::{
    marker::PhantomData,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use entities::id::{JobId, NodeId};
use sea_orm::ConnectionTrait;
use serde::{Serialize, de::DeserializeOwned};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::{
    JobError, Jobs,
    job::{Lane, Step},
    progress::{Meter, StepPart},
    sql::statement,
    view::JobView,
};
use crate::{
    plugin::Kernel,
    store::{Durability, Tx},
};

/// Why a running job must end now. Return it (`?`): the runner knows what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Interrupted {
    /// Somebody paused it: the next attempt goes on from the saved state.
    #[error("the job was paused")]
    Paused,
    /// The server is stopping: another attempt goes on from the saved state.
    #[error("the server is stopping")]
    Stopped,
    /// It reported nothing for too long.
    #[error("the job reported no progress for too long")]
    Stalled,
    /// Somebody canceled it.
    #[error("the job was canceled")]
    Canceled,
    /// Another node has it: nothing that this attempt still does counts.
    #[error("the job's lease was lost")]
    LeaseLost,
}

/// A job that runs in this process.
pub(super) struct Running {
    pub id: JobId,
    pub kind: String,
    pub attempt: i32,
    pub owner: NodeId,
    pub lane: Lane,
    pub max_attempts: u32,
    pub stalls_after: Duration,
    pub meter: Meter,
    pub canceled: CancellationToken,
    pub abort: OnceLock<AbortHandle>,
    state: Mutex<State>,
}

struct State {
    view: JobView,
    checkpoint: Option<String>,
    reason: Option<(Interrupted, Instant)>,
    has_ended: bool,
    is_untold: bool,
    told_at: Option<Instant>,
}

impl Running {
    pub fn new(
        view: JobView,
        checkpoint: Option<String>,
        owner: NodeId,
        (lane, max_attempts, stalls_after): (Lane, u32, Duration),
        steps: &'static [StepPart],
    ) -> Self {
        Self {
            id: view.id,
            kind: view.kind.clone(),
            attempt: view.attempts as i32,
            owner,
            lane,
            max_attempts,
            stalls_after,
            meter: Meter::new(steps),
            canceled: CancellationToken::new(),
            abort: OnceLock::new(),
            state: Mutex::new(State {
                view,
                checkpoint,
                reason: None,
                has_ended: false,
                is_untold: false,
                told_at: None,
            }),
        }
    }

    /// Asks the job to end. A stronger reason replaces a weaker one.
    pub fn interrupt(&self, reason: Interrupted) {
        let mut state = self.lock();
        if state.reason.is_none_or(|(present, _)| present < reason) {
            state.reason = Some((reason, Instant::now()));
        }
        drop(state);
        if reason > Interrupted::Stopped {
            self.canceled.cancel();
        }
    }

    pub fn reason(&self) -> Option<Interrupted> {
        self.lock().reason.map(|(reason, _)| reason)
    }

    /// How long ago it was asked to end at once; a pause may take its time.
    pub fn overdue_for(&self) -> Option<Duration> {
        self.lock()
            .reason
            .filter(|(reason, _)| *reason > Interrupted::Stopped)
            .map(|(_, since)| since.elapsed())
    }

    /// The row as this process last saw it; live views are made from it.
    pub fn rebase(&self, view: &JobView) {
        let mut state = self.lock();
        if state.view.updated_at <= view.updated_at {
            state.view = view.clone();
        }
    }

    /// The row was written again: what live views say is newer than that.
    pub fn rewritten(&self, updated_at: i64) {
        let mut state = self.lock();
        state.view.updated_at = state.view.updated_at.max(updated_at);
    }

    /// The row with this progress, or nothing once the work has ended.
    pub fn view(&self, progress: super::progress::Progress) -> Option<JobView> {
        let state = self.lock();
        (!state.has_ended).then(|| JobView {
            progress,
            ..state.view.clone()
        })
    }

    /// Whether those who watch all should be told now; remembers what was reported until it is their turn.
    pub fn is_untold(&self, changed: bool, every: Duration) -> bool {
        let mut state = self.lock();
        state.is_untold |= changed;
        if !state.is_untold || state.told_at.is_some_and(|told| told.elapsed() < every) {
            return false;
        }
        state.is_untold = false;
        state.told_at = Some(Instant::now());
        true
    }

    pub fn end(&self) {
        self.lock().has_ended = true;
    }

    /// Which attempt this is, without those that were paused, handed back, or made progress.
    pub fn n_tries(&self) -> u32 {
        n_tries(self.attempt, self.lock().view.max_attempts as i32, self.max_attempts)
    }

    pub fn started_at(&self) -> i64 {
        self.lock().view.started_at.unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Attempts that count, of `attempt` begun ones: what costs none raises the limit of the row above the kind's.
pub(super) fn n_tries(attempt: i32, max_attempts: i32, kind_max_attempts: u32) -> u32 {
    (attempt - (max_attempts - kind_max_attempts as i32).max(0)).max(1) as u32
}

/// What a running job is given.
pub struct JobCx<S> {
    jobs: Jobs,
    kernel: Kernel,
    running: Arc<Running>,
    steps: PhantomData<fn(S)>,
}

impl<S: Step> JobCx<S> {
    pub(super) fn new(jobs: Jobs, kernel: Kernel, running: Arc<Running>) -> Self {
        Self {
            jobs,
            kernel,
            running,
            steps: PhantomData,
        }
    }

    /// Begins a step with so much to do, if that is known.
    pub fn step(&self, step: S, total: Option<u64>) {
        self.running.meter.step(step.index(), total);
    }

    /// Says that `n` more of this step is done.
    pub fn advance(&self, n: u64) {
        self.running.meter.advance(n);
    }

    /// Corrects how much this step has to do.
    pub fn set_total(&self, total: u64) {
        self.running.meter.set_total(Some(total));
    }

    /// Says what it is doing now, for people; cut at 200 characters.
    pub fn message(&self, text: impl Into<String>) {
        self.running.meter.message(text.into());
    }

    /// Says what is counted: "files".
    pub fn unit(&self, unit: &'static str) {
        self.running.meter.unit(unit);
    }

    /// The only place where a job notices that it should end. Call it between items.
    ///
    /// # Errors
    /// When it should: return the error.
    pub async fn checkpoint(&self) -> Result<(), Interrupted> {
        tokio::task::coop::consume_budget().await;
        self.running.reason().map_or(Ok(()), Err)
    }

    /// Canceled when the job must end at once, for what it waits for; not when it is paused or the server stops.
    pub fn canceled(&self) -> &CancellationToken {
        &self.running.canceled
    }

    /// Saves where the next attempt should go on, and grants that one all attempts anew.
    ///
    /// # Errors
    /// When the lease is lost or the database fails.
    pub async fn save<T: Serialize>(&self, state: &T) -> anyhow::Result<()> {
        let tx = self.jobs.inner.store.begin(Durability::Normal).await?;
        self.save_in(&tx, state).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Like [`save`](Self::save), in the transaction that makes it true. It fences that transaction too.
    ///
    /// # Errors
    /// When the lease is lost or the database fails.
    pub async fn save_in<T: Serialize>(&self, tx: &Tx, state: &T) -> anyhow::Result<()> {
        let text = serde_json::to_string(state)?;
        let running = &self.running;
        let sql = "update job set checkpoint = $2, updated_at = :later, \
                max_attempts = case when max_attempts < $3 then $3 else max_attempts end \
            where id = $4 and state = 2 and lease_owner = $5 and attempt = $6 returning updated_at";
        // What was saved is progress, so this attempt is the first of a new budget.
        let budget = running.attempt + running.max_attempts as i32 - 1;
        let values = [
            text.clone().into(),
            budget.into(),
            running.id.0.into(),
            running.owner.0.into(),
            running.attempt.into(),
        ];
        let Some(written) = tx.query_one_raw(statement(&self.jobs.inner.store, sql, values)).await? else {
            running.interrupt(Interrupted::LeaseLost);
            return Err(Interrupted::LeaseLost.into());
        };
        let updated_at = written.try_get("", "updated_at")?;
        let rewritten = Arc::clone(running);
        tx.after_commit(move || rewritten.rewritten(updated_at));
        running.meter.touch();
        let mut state = running.lock();
        state.checkpoint = Some(text);
        state.view.max_attempts = state.view.max_attempts.max(budget as u32);
        drop(state);
        Ok(())
    }

    /// What this or an earlier attempt saved; nothing if another version wrote it and it does not decode.
    pub fn saved<T: DeserializeOwned>(&self) -> Option<T> {
        let text = self.running.lock().checkpoint.clone()?;
        serde_json::from_str(&text).ok()
    }

    /// A transaction that commits only while this attempt has the job.
    ///
    /// # Errors
    /// When the lease is lost or the database fails.
    pub async fn begin(&self, durability: Durability) -> Result<Tx, JobError> {
        let store = &self.jobs.inner.store;
        let running = &self.running;
        let tx = store.begin(durability).await?;
        let sql = "select id from job where id = $1 and state = 2 and lease_owner = $2 and attempt = $3 :share";
        let values = [running.id.0.into(), running.owner.0.into(), running.attempt.into()];
        match tx.query_one_raw(statement(store, sql, values)).await? {
            Some(_) => Ok(tx),
            None => {
                running.interrupt(Interrupted::LeaseLost);
                Err(JobError::LeaseLost { id: running.id })
            }
        }
    }

    /// This job.
    pub fn id(&self) -> JobId {
        self.running.id
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.running.attempt as u32
    }

    /// The handles of the server.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }
}
