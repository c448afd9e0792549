//! The queue of one class: who gets a worker when, and when one is replaced.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use media_proto::error::MediaError;
use media_proto::message::{Layer, Spawn};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::breaker::Breaker;
use crate::config::ClassConfig;
use crate::process;
use crate::stats::{ClassStats, Counters, count};
use crate::worker::Worker;
use crate::zygote::Zygote;

/// The memory of a worker for short jobs is looked at after so many of them: each look costs as much as a tenth of a probe.
const LOOK_EVERY: u32 = 8;

/// Workers of one class, and who waits for them.
pub(crate) struct Queue {
    pub config: ClassConfig,
    pub counters: Counters,
    zygote: Zygote,
    spawn: Spawn,
    slots: Semaphore,
    idle: Mutex<Vec<Worker>>,
    breaker: Mutex<Breaker>,
    stopping: CancellationToken,
}

impl Queue {
    pub(crate) fn new(
        config: ClassConfig,
        zygote: Zygote,
        faults: bool,
        without: &[Layer],
        stopping: CancellationToken,
    ) -> Self {
        let spawn = Spawn {
            class: config.class,
            scheduling: config.scheduling,
            limits: config.limits,
            faults,
            without: without.to_vec(),
        };
        Self {
            slots: Semaphore::new(config.width),
            config,
            counters: Counters::default(),
            zygote,
            spawn,
            idle: Mutex::new(Vec::new()),
            breaker: Mutex::new(Breaker::default()),
            stopping,
        }
    }

    /// Waits in turn for the right to use a worker.
    pub(crate) async fn wait_for_slot(&self) -> Result<SemaphorePermit<'_>, MediaError> {
        let n_waiting = self.counters.n_waiting.fetch_add(1, Ordering::Relaxed);
        // The guard also counts down when a cancel drops this future.
        let _waiting = Waiting(&self.counters.n_waiting);
        if n_waiting >= self.config.max_waiting {
            return Err(MediaError::Busy { n_waiting });
        }
        // Tokio's semaphore serves in the order of asking.
        self.slots.acquire().await.map_err(|_closed| MediaError::Canceled)
    }

    /// A worker at rest, or a new one.
    pub(crate) async fn take_worker(&self) -> Result<Worker, MediaError> {
        let idle = self.lock_idle().pop();
        match idle {
            Some(worker) => Ok(worker),
            None => self.start_worker().await,
        }
    }

    /// A new worker, after a pause if many died of late.
    pub(crate) async fn start_worker(&self) -> Result<Worker, MediaError> {
        let mut failure = None;
        for _ in 0..3 {
            let pause = self.lock_breaker().pause(Instant::now());
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            match Worker::start(&self.zygote, self.spawn.clone()).await {
                Ok(worker) => {
                    count(&self.counters.n_spawned);
                    return Ok(worker);
                }
                Err(error @ MediaError::Version { .. }) => return Err(error),
                Err(error) => {
                    self.lock_breaker().record(Instant::now());
                    failure = Some(error);
                }
            }
        }
        Err(failure.unwrap_or(MediaError::Canceled))
    }

    /// Keeps a worker for the next job, unless it is old or large.
    pub(crate) fn give_back(&self, worker: Worker) {
        if worker.n_jobs >= self.config.max_jobs || self.is_large(&worker) {
            count(&self.counters.n_recycled);
            return;
        }
        if !self.stopping.is_cancelled() {
            self.lock_idle().push(worker);
        }
    }

    fn is_large(&self, worker: &Worker) -> bool {
        let is_time = self.config.max_jobs < LOOK_EVERY * 2 || worker.n_jobs.is_multiple_of(LOOK_EVERY);
        is_time && process::private_kb(worker.pid()).is_none_or(|kb| kb > self.config.max_private_kb)
    }

    /// Notes that a worker died by what it was given, and counts it.
    pub(crate) fn record_death(&self, counter: &AtomicU64) {
        count(counter);
        self.lock_breaker().record(Instant::now());
    }

    /// Waits until all jobs are given up, as the token ends them, and ends the workers at rest. Later jobs are refused.
    pub(crate) async fn stop(&self) {
        let all = self.slots.acquire_many(self.config.width as u32).await;
        self.slots.close();
        drop(all);
        let idle = std::mem::take(&mut *self.lock_idle());
        for worker in idle {
            worker.end().await;
        }
    }

    pub(crate) fn stats(&self) -> ClassStats {
        let now = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        ClassStats {
            class: self.config.class,
            width: self.config.width,
            n_done: now(&counters.n_done),
            n_failed: now(&counters.n_failed),
            n_crashed: now(&counters.n_crashed),
            n_hung: now(&counters.n_hung),
            n_malformed: now(&counters.n_malformed),
            n_quarantined: now(&counters.n_quarantined),
            n_spawned: now(&counters.n_spawned),
            n_recycled: now(&counters.n_recycled),
            n_waiting: counters.n_waiting.load(Ordering::Relaxed),
            n_busy: self.config.width.saturating_sub(self.slots.available_permits()),
            n_idle: self.lock_idle().len(),
            is_slowed: !self.lock_breaker().pause(Instant::now()).is_zero(),
            total: Duration::from_micros(now(&counters.total_us)),
        }
    }

    fn lock_idle(&self) -> MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
