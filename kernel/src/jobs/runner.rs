//! The runner: claims jobs, runs them as tasks it owns, and writes how they ended. No error of the database ends it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use entities::{id::NodeId, job};
use futures_util::StreamExt;
use rand::RngExt;
use sea_orm::ConnectionTrait;
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    JobError, Jobs,
    claim::{CLAIM_MAX, ClaimText, known},
    cx::{Interrupted, Running},
    finish::{Ended, Outcome},
    job::{JobTable, Lane},
    sql::statement,
    trouble::Trouble,
    upkeep::Reap,
    view::JobView,
};
use crate::{
    bus::{Heard, Hint},
    plugin::Kernel,
    store::Durability,
    work::{TraceId, Work as PresentWork},
};

/// Schedules that other processes change are read again at least so often.
const SCHEDULES_EVERY: Duration = Duration::from_secs(60);
const NODE_EVERY: Duration = Duration::from_secs(60);
const PURGE_EVERY: Duration = Duration::from_secs(3600);

pub(super) struct Runner {
    jobs: Jobs,
    pub(super) table: JobTable,
    kernel: Kernel,
    node: NodeId,
    stop: CancellationToken,
    /// Canceled when the last job has ended: then the other loops end too.
    done: CancellationToken,
    texts: Vec<ClaimText>,
}

/// What the claiming loop knows.
struct Work {
    tasks: JoinSet<anyhow::Result<()>>,
    running: HashMap<tokio::task::Id, Arc<Running>>,
    ended: VecDeque<Ended>,
    /// By claim text: whether there may be ready jobs.
    hungry: Vec<bool>,
    trouble: Trouble,
    poll_at: Instant,
}

/// The place of a claim text, whether there may be more, and what came.
type Claimed = (usize, bool, Vec<(job::Model, Arc<Running>)>);

impl Runner {
    pub fn new(jobs: Jobs, table: JobTable, kernel: Kernel, stop: CancellationToken) -> Self {
        let texts = ClaimText::all(&table);
        Self {
            jobs,
            table,
            kernel,
            node: NodeId::new(),
            stop,
            done: CancellationToken::new(),
            texts,
        }
    }

    pub async fn run(self) {
        if self.jobs.inner.settings.owns_database {
            self.insist("void the leases of a former process", || {
                self.jobs.reap(&self.table, Reap::All)
            })
            .await;
        }
        self.insist("write the declared schedules", || {
            self.jobs.declare_schedules(&self.table)
        })
        .await;
        tokio::join!(self.work(), self.beat(), self.tick(), self.keep_up(), self.keep_time());
        if let Err(error) = self.jobs.unregister_node(self.node).await {
            tracing::debug!(%error, "the node's row stays until it is old");
        }
    }

    /// Tries until it works or the server stops.
    async fn insist<F: Future<Output = Result<(), JobError>>>(&self, what: &str, attempt: impl Fn() -> F) {
        let mut trouble = Trouble::default();
        while let Err(error) = attempt().await {
            let pause = trouble.after(what, &error);
            if self.stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    async fn work(&self) {
        let mut heard = self.jobs.inner.bus.listen();
        let mut work = Work {
            tasks: JoinSet::new(),
            running: HashMap::new(),
            ended: VecDeque::new(),
            hungry: vec![true; self.texts.len()],
            trouble: Trouble::default(),
            poll_at: Instant::now(),
        };
        let mut drain_until = None;
        loop {
            let is_stopping = drain_until.is_some();
            if work.trouble.is_over() {
                self.write_ended(&mut work).await;
            }
            if is_stopping && work.tasks.is_empty() && work.ended.is_empty() {
                break;
            }
            if !is_stopping && work.trouble.is_over() {
                self.claim(&mut work).await;
            }
            let retry_at = work.trouble.until();
            tokio::select! {
                Some(joined) = work.tasks.join_next_with_id() => {
                    self.collect(&mut work, joined);
                    while work.ended.len() < CLAIM_MAX && let Some(joined) = work.tasks.try_join_next_with_id() {
                        self.collect(&mut work, joined);
                    }
                }
                Some(heard) = heard.next() => self.heed(&mut work, heard),
                () = sleep_until(work.poll_at), if !is_stopping && work.trouble.is_over() => self.poll(&mut work).await,
                () = sleep_until(retry_at.unwrap_or_else(Instant::now)), if retry_at.is_some() => {}
                () = self.stop.cancelled(), if !is_stopping => {
                    drain_until = Some(Instant::now() + self.jobs.inner.settings.drain);
                    work.running.values().for_each(|running| running.interrupt(Interrupted::Stopped));
                }
                () = sleep_until(drain_until.unwrap_or_else(Instant::now)), if is_stopping => {
                    if work.tasks.is_empty() {
                        tracing::error!(n_ended = work.ended.len(), "stopping although the database is away: leases will expire");
                        break;
                    }
                    // Their leases are handed back, so another node goes on from what they saved.
                    work.tasks.abort_all();
                    drain_until = Some(Instant::now() + Duration::from_secs(1));
                }
            }
        }
        self.done.cancel();
    }

    fn heed(&self, work: &mut Work, heard: Heard) {
        match heard {
            Heard::Hint(Hint::JobsReady { queue, run_at }) => {
                let wait = run_at - self.jobs.inner.store.clock().now_ms();
                if wait > 0 {
                    work.poll_at = work.poll_at.min(Instant::now() + Duration::from_millis(wait as u64));
                    return;
                }
                for (hungry, text) in work.hungry.iter_mut().zip(&self.texts) {
                    *hungry |= text.queue == queue;
                }
            }
            Heard::Hint(Hint::JobFlagged(id)) => {
                if self.jobs.running(id).is_some() {
                    self.jobs.inner.flagged.notify_one();
                }
            }
            Heard::Hint(_) => {}
            Heard::Gap => {
                work.hungry.fill(true);
                self.jobs.inner.flagged.notify_one();
            }
        }
    }

    /// Looks when the next ready job is due.
    async fn poll(&self, work: &mut Work) {
        let settings = &self.jobs.inner.settings;
        let pause = settings.poll.mul_f64(rand::rng().random_range(1.0..1.5));
        work.poll_at = Instant::now() + pause;
        let store = &self.jobs.inner.store;
        let sql = format!(
            "select min(run_at) as due from job where state = 1 and {}",
            known(&self.table, None)
        );
        let due = match store.reader().query_one_raw(statement(store, &sql, [])).await {
            Ok(row) => row.and_then(|row| row.try_get::<Option<i64>>("", "due").ok().flatten()),
            Err(error) => {
                work.trouble.after("look for ready jobs", &error);
                return;
            }
        };
        let Some(due) = due else { return };
        let wait = Duration::from_millis((due - store.clock().now_ms()).max(0) as u64);
        match wait {
            Duration::ZERO => work.hungry.fill(true),
            wait => work.poll_at = Instant::now() + pause.min(wait),
        }
    }

    /// Claims for every lane that has room, in one transaction, and begins what came.
    async fn claim(&self, work: &mut Work) {
        let mut room: HashMap<Lane, usize> = Lane::ALL.into_iter().zip(self.jobs.inner.settings.lanes).collect();
        for running in work.running.values() {
            let left = room.entry(running.lane).or_default();
            *left = left.saturating_sub(1);
        }
        let wanted: Vec<usize> = (0..self.texts.len())
            .filter(|place| work.hungry[*place] && room.get(&self.texts[*place].lane).is_some_and(|room| *room > 0))
            .collect();
        if wanted.is_empty() {
            return;
        }
        match self.claim_places(&wanted, &mut room).await {
            Ok(claimed) => {
                work.trouble = Trouble::default();
                for (place, is_hungry, rows) in claimed {
                    work.hungry[place] = is_hungry;
                    rows.into_iter()
                        .for_each(|(row, running)| self.begin(work, row, running));
                }
            }
            Err(error) => {
                work.trouble.after("claim jobs", &error);
            }
        }
    }

    async fn claim_places(&self, places: &[usize], room: &mut HashMap<Lane, usize>) -> Result<Vec<Claimed>, JobError> {
        let has_limits = self.jobs.inner.has_limits.load(Ordering::Relaxed);
        let tx = self.jobs.inner.store.begin(Durability::Normal).await?;
        let mut claimed: Vec<Claimed> = Vec::with_capacity(places.len());
        for place in places {
            let text = &self.texts[*place];
            let left = room.entry(text.lane).or_default();
            let n = (*left).min(CLAIM_MAX);
            if n == 0 {
                continue;
            }
            let rows = self.jobs.claim(&tx, self.node, text, n, has_limits).await?;
            *left = left.saturating_sub(rows.len());
            let is_hungry = rows.len() == n;
            let rows = rows.into_iter().filter_map(|row| Some((self.running(&row)?, row)));
            claimed.push((*place, is_hungry, rows.map(|(running, row)| (row, running)).collect()));
        }
        // Registered before the commit tells watchers, so that they hear of progress from the first moment.
        let running: Vec<Arc<Running>> = claimed
            .iter()
            .flat_map(|(_, _, rows)| rows)
            .map(|claimed| Arc::clone(&claimed.1))
            .collect();
        self.jobs
            .local()
            .extend(running.iter().map(|running| (running.id, Arc::clone(running))));
        match tx.commit().await {
            Ok(()) => Ok(claimed),
            Err(error) => {
                running.iter().for_each(|running| self.forget(running));
                Err(error.into())
            }
        }
    }

    fn running(&self, row: &job::Model) -> Option<Arc<Running>> {
        let kind = self.table.kinds.get(row.kind.as_str())?;
        let view = JobView::from(row.clone());
        let limits = (kind.lane, kind.max_attempts, kind.stalls_after);
        Some(Arc::new(Running::new(
            view,
            row.checkpoint.clone(),
            self.node,
            limits,
            kind.steps,
        )))
    }

    fn begin(&self, work: &mut Work, row: job::Model, running: Arc<Running>) {
        let Some(kind) = self.table.kinds.get(row.kind.as_str()) else {
            return;
        };
        // A job goes on in the trace of the request that began it.
        let trace = row.trace_id.as_deref().and_then(|trace| trace.parse().ok());
        let trace = trace.unwrap_or_else(TraceId::random);
        let span = tracing::info_span!("job", id = %row.id, kind = row.kind, attempt = row.attempt, trace_id = %trace);
        let job = (kind.begin)(
            self.jobs.clone(),
            self.kernel.clone(),
            Arc::clone(&running),
            row.payload,
        );
        let handle = work.tasks.spawn(PresentWork::of(trace).run(job.instrument(span)));
        work.running.insert(handle.id(), Arc::clone(&running));
        // Nobody else sets it.
        let _ = running.abort.set(handle);
        self.jobs.inner.began.notify_waiters();
    }

    fn collect(&self, work: &mut Work, joined: Result<(tokio::task::Id, anyhow::Result<()>), JoinError>) {
        let (id, result) = match joined {
            Ok((id, result)) => (id, Ok(result)),
            Err(error) => (error.id(), Err(error)),
        };
        let Some(running) = work.running.remove(&id) else {
            return;
        };
        running.end();
        let Some(outcome) = self.outcome(&running, result) else {
            tracing::warn!(job = %running.id, attempt = running.attempt, "the lease was lost, the result is dropped");
            self.forget(&running);
            return;
        };
        let mut progress = running.meter.progress();
        if matches!(outcome, Outcome::Succeeded) {
            progress.fraction = 1.0;
            progress.eta_seconds = None;
        }
        work.ended.push_back(Ended {
            id: running.id,
            attempt: running.attempt,
            owner: self.node,
            started_at: running.started_at(),
            progress: serde_json::to_string(&progress).ok(),
            outcome,
        });
    }

    /// Writes how jobs ended, many in one transaction. After a failure one at a time, so that one cannot hold up all.
    async fn write_ended(&self, work: &mut Work) {
        while !work.ended.is_empty() {
            let n = if work.trouble.n == 0 { CLAIM_MAX } else { 1 };
            let batch: Vec<Ended> = work.ended.iter().take(n).cloned().collect();
            match self.write_batch(&batch).await {
                Ok(()) => {
                    work.ended.drain(..batch.len());
                    work.trouble = Trouble::default();
                }
                Err(error) => {
                    work.trouble.after("write how jobs ended", &error);
                    if batch.len() == 1 {
                        work.ended.rotate_left(1);
                    }
                    return;
                }
            }
        }
    }

    async fn write_batch(&self, batch: &[Ended]) -> Result<(), JobError> {
        let tx = self.jobs.inner.store.begin(Durability::Normal).await?;
        for ended in batch {
            if self.jobs.finish(&tx, ended).await?.is_none() {
                tracing::warn!(job = %ended.id, attempt = ended.attempt, "the lease was lost, the result is dropped");
            }
        }
        tx.commit().await?;
        for ended in batch {
            let mut local = self.jobs.local();
            if local
                .get(&ended.id)
                .is_some_and(|running| running.attempt == ended.attempt)
            {
                local.remove(&ended.id);
            }
        }
        Ok(())
    }

    fn forget(&self, running: &Running) {
        let mut local = self.jobs.local();
        if local
            .get(&running.id)
            .is_some_and(|present| present.attempt == running.attempt)
        {
            local.remove(&running.id);
        }
    }

    async fn beat(&self) {
        let mut trouble = Trouble::default();
        loop {
            let pause = trouble
                .until()
                .map_or(self.jobs.inner.settings.heartbeat, |until| until - Instant::now());
            tokio::select! {
                () = sleep(pause) => {}
                () = self.jobs.inner.flagged.notified() => {}
                () = self.done.cancelled() => return,
            }
            match self.jobs.beat(self.node).await {
                Ok(()) => trouble = Trouble::default(),
                Err(error) => _ = trouble.after("renew leases", &error),
            }
        }
    }

    async fn tick(&self) {
        loop {
            let pause = async {
                if self.jobs.of(self.node).is_empty() {
                    self.jobs.inner.began.notified().await;
                }
                sleep(self.jobs.inner.settings.tick).await;
            };
            if self.done.run_until_cancelled(pause).await.is_none() {
                return;
            }
            if let Err(error) = self.jobs.tick(self.node).await {
                tracing::warn!(%error, "progress could not be written and will be written later");
            }
        }
    }

    async fn keep_up(&self) {
        let (mut node_at, mut purge_at) = (Instant::now(), Instant::now());
        let mut trouble = Trouble::default();
        loop {
            let now = Instant::now();
            let kept = async {
                if now >= node_at {
                    self.jobs.register_node(self.node).await?;
                    node_at = now + NODE_EVERY;
                }
                self.jobs.look_for_limits().await?;
                self.jobs.reap(&self.table, Reap::Expired).await?;
                self.jobs.feed_starving().await?;
                if now >= purge_at && !self.jobs.purge().await? {
                    purge_at = now + PURGE_EVERY;
                }
                Ok::<(), JobError>(())
            };
            let pause = match kept.await {
                Ok(()) => {
                    trouble = Trouble::default();
                    self.jobs.inner.settings.reap
                }
                Err(error) => trouble.after("keep the job table in order", &error),
            };
            if self.done.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    async fn keep_time(&self) {
        let mut trouble = Trouble::default();
        loop {
            let pause = match self.jobs.run_schedules(&self.table).await {
                Ok(next) => {
                    trouble = Trouble::default();
                    let now = self.jobs.inner.store.clock().now_ms();
                    let wait = next.map(|next| Duration::from_millis((next - now).max(1) as u64));
                    wait.unwrap_or(SCHEDULES_EVERY).min(self.schedules_every())
                }
                Err(error) => trouble.after("run the schedules", &error),
            };
            if self.stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    /// In step with the poll, so that what shortens one shortens the other.
    fn schedules_every(&self) -> Duration {
        SCHEDULES_EVERY.min(self.jobs.inner.settings.poll * 15)
    }
}
