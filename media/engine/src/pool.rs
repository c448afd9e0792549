//! The pool of quick workers: who gets one when, when one is replaced, and what a death means for the file.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use media_proto::error::{MediaError, signal_text};
use media_proto::job::{Job, JobKind, Limits};
use media_proto::message::{Reply, Spawn};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::breaker::Breaker;
use crate::quarantine::{Quarantine, Quarantined};
use crate::reply;
use crate::source::{Identity, Source};
use crate::worker::{Failure, Worker};
use crate::zygote::{Exit, Zygote};

/// A worker is replaced after this many jobs, so that nothing a file left behind lives long.
const MAX_JOBS: u32 = 500;
/// A worker is replaced past this resident size.
const MAX_PEAK_KB: u64 = 400 << 10;
/// How often a job is started again because the zygote died, for which no file is to blame.
const MAX_ZYGOTE_DEATHS: u32 = 3;

/// Counters since the start, and the present.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub n_done: AtomicU64,
    pub n_failed: AtomicU64,
    pub n_crashed: AtomicU64,
    pub n_hung: AtomicU64,
    pub n_malformed: AtomicU64,
    pub n_quarantined: AtomicU64,
    pub n_spawned: AtomicU64,
    pub n_recycled: AtomicU64,
    pub n_waiting: AtomicUsize,
}

/// Workers for short jobs.
pub(crate) struct Pool {
    zygote: Zygote,
    spawn: Spawn,
    ffmpeg_hash: String,
    quarantine: Arc<dyn Quarantine>,
    slots: Semaphore,
    n_slots: usize,
    max_waiting: usize,
    idle: Mutex<Vec<Worker>>,
    breaker: Mutex<Breaker>,
    next_id: AtomicU64,
    /// Ends every job when the engine stops.
    stopping: CancellationToken,
    pub counters: Counters,
}

/// How one try of a job failed, and whether it may be the file's fault.
enum Trial {
    Answer(MediaError),
    Death { exit: Exit, error: MediaError },
}

impl Pool {
    pub(crate) fn new(
        zygote: Zygote,
        spawn: Spawn,
        ffmpeg_hash: String,
        quarantine: Arc<dyn Quarantine>,
        n_slots: usize,
        max_waiting: usize,
    ) -> Self {
        Self {
            zygote,
            spawn,
            ffmpeg_hash,
            quarantine,
            slots: Semaphore::new(n_slots),
            n_slots,
            max_waiting,
            idle: Mutex::new(Vec::new()),
            breaker: Mutex::new(Breaker::default()),
            next_id: AtomicU64::new(1),
            stopping: CancellationToken::new(),
            counters: Counters::default(),
        }
    }

    /// Does a job on a file, or on none: waits for a free worker in turn, retries a crash once, quarantines at the second.
    pub(crate) async fn run(
        &self,
        job: &Job,
        source: Option<&Source>,
        limits: &Limits,
        cancel: &CancellationToken,
    ) -> Result<(Reply, Option<OwnedFd>), MediaError> {
        let subject = source.map(|source| (source.identity(), job.kind()));
        if let Some(entry) = self.quarantined(subject).await {
            return Err(MediaError::Quarantined { reason: entry.reason });
        }
        let descriptors: Vec<BorrowedFd<'_>> = source.iter().map(|source| source.as_fd()).collect();
        let answer = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(MediaError::Canceled),
            () = self.stopping.cancelled() => Err(MediaError::Canceled),
            // Dropped by a cancel, this drops its worker, which kills it: the only sure end of a job.
            answer = self.try_twice(job, subject, limits, &descriptors) => answer,
        };
        let counter = if answer.is_ok() {
            &self.counters.n_done
        } else {
            &self.counters.n_failed
        };
        counter.fetch_add(1, Ordering::Relaxed);
        answer
    }

    async fn try_twice(
        &self,
        job: &Job,
        subject: Option<(Identity, JobKind)>,
        limits: &Limits,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(Reply, Option<OwnedFd>), MediaError> {
        let _slot = self.wait_for_slot().await?;
        let (mut n_deaths, mut n_zygote_deaths) = (0, 0);
        loop {
            // The retry is in a fresh worker: the first may have been broken by the file before.
            let worker = if n_deaths + n_zygote_deaths == 0 {
                self.take_worker().await?
            } else {
                self.start_worker().await?
            };
            let (exit, error) = match self.try_once(worker, job, limits, descriptors).await {
                Ok(answer) => return Ok(answer),
                Err(Trial::Answer(error)) => return Err(error),
                Err(Trial::Death { exit, error }) => (exit, error),
            };
            if exit == Exit::WithZygote && n_zygote_deaths < MAX_ZYGOTE_DEATHS {
                n_zygote_deaths += 1;
                continue;
            }
            n_deaths += 1;
            if n_deaths == 2 {
                self.quarantine(subject, exit, &error).await;
                return Err(error);
            }
        }
    }

    /// One try in one worker, which goes back to the pool if it is as good as before.
    async fn try_once(
        &self,
        mut worker: Worker,
        job: &Job,
        limits: &Limits,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(Reply, Option<OwnedFd>), Trial> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let deadline = Duration::from_millis(u64::from(limits.deadline_ms));
        let called = tokio::time::timeout(deadline, worker.call(id, job, limits, descriptors)).await;
        let said = worker.last_words();
        let (counter, error) = match called {
            Ok(Ok((reply, attached))) => match reply::check(job, &reply) {
                Ok(()) => {
                    self.give_back(worker);
                    return Ok((reply, attached));
                }
                Err(reason) => (&self.counters.n_malformed, MediaError::Protocol { reason }),
            },
            Ok(Err(Failure::Job(MediaError::Corrupt { reason }))) => {
                // The worker is replaced: a file damaged on purpose may have damaged it.
                drop(worker);
                let reason = if said.is_empty() {
                    reason
                } else {
                    format!("{reason}: {said}")
                };
                return Err(Trial::Answer(MediaError::Corrupt { reason }));
            }
            Ok(Err(Failure::Job(MediaError::Memory))) => {
                drop(worker);
                return Err(Trial::Answer(MediaError::Memory));
            }
            Ok(Err(Failure::Job(error))) => {
                self.give_back(worker);
                return Err(Trial::Answer(error));
            }
            Ok(Err(Failure::Malformed(reason))) => (&self.counters.n_malformed, MediaError::Protocol { reason }),
            Ok(Err(Failure::Dead(_))) => (&self.counters.n_crashed, MediaError::Crashed { signal: None }),
            Err(_elapsed) => (&self.counters.n_hung, MediaError::Deadline { ms: limits.deadline_ms }),
        };
        let exit = worker.end().await;
        let error = match (error, exit) {
            (MediaError::Crashed { .. }, Exit::Signal(signal)) => MediaError::Crashed { signal: Some(signal) },
            (error, _) => error,
        };
        if exit != Exit::WithZygote {
            counter.fetch_add(1, Ordering::Relaxed);
            self.lock_breaker().record(Instant::now());
        }
        tracing::warn!(job = job.kind().name(), ?exit, %error, said, "media worker failed");
        Err(Trial::Death { exit, error })
    }

    async fn wait_for_slot(&self) -> Result<SemaphorePermit<'_>, MediaError> {
        let n_waiting = self.counters.n_waiting.fetch_add(1, Ordering::Relaxed);
        // The guard also counts down when a cancel drops this future.
        let _waiting = Waiting(&self.counters.n_waiting);
        if n_waiting >= self.max_waiting {
            return Err(MediaError::Busy { n_waiting });
        }
        // Tokio's semaphore serves in the order of asking.
        self.slots.acquire().await.map_err(|_closed| MediaError::Canceled)
    }

    async fn take_worker(&self) -> Result<Worker, MediaError> {
        let idle = self.lock_idle().pop();
        match idle {
            Some(worker) => Ok(worker),
            None => self.start_worker().await,
        }
    }

    pub(crate) async fn start_worker(&self) -> Result<Worker, MediaError> {
        let mut failure = None;
        for _ in 0..3 {
            let pause = self.lock_breaker().pause(Instant::now());
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            match Worker::start(&self.zygote, self.spawn.clone()).await {
                Ok(worker) => {
                    self.counters.n_spawned.fetch_add(1, Ordering::Relaxed);
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

    pub(crate) fn give_back(&self, worker: Worker) {
        if worker.n_jobs >= MAX_JOBS || worker.peak_kb > MAX_PEAK_KB {
            self.counters.n_recycled.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if !self.stopping.is_cancelled() {
            self.lock_idle().push(worker);
        }
    }

    async fn quarantined(&self, subject: Option<(Identity, JobKind)>) -> Option<Quarantined> {
        let (identity, kind) = subject?;
        let entry = self.quarantine.load(identity, kind).await?;
        // Another FFmpeg may have mended what crashed this one.
        (entry.ffmpeg == self.ffmpeg_hash).then_some(entry)
    }

    async fn quarantine(&self, subject: Option<(Identity, JobKind)>, exit: Exit, error: &MediaError) {
        let Some((identity, kind)) = subject else { return };
        let (signal, how) = match (error, exit) {
            (MediaError::Crashed { .. }, Exit::Signal(signal)) => (Some(signal), signal_text(Some(signal))),
            (MediaError::Crashed { .. }, Exit::Code(code)) => (None, format!("exited with code {code}")),
            _ => (None, error.to_string()),
        };
        let reason = format!("{} failed twice: {how}", kind.name());
        let entry = Quarantined {
            signal,
            reason,
            ffmpeg: self.ffmpeg_hash.clone(),
        };
        self.counters.n_quarantined.fetch_add(1, Ordering::Relaxed);
        self.quarantine.store(identity, kind, entry).await;
    }

    /// Ends all jobs and workers and waits until they are gone.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        // Every running job gives its slot back at once, as the token ended it.
        let all = self.slots.acquire_many(self.n_slots as u32).await;
        self.slots.close();
        drop(all);
        let idle = std::mem::take(&mut *self.lock_idle());
        for worker in idle {
            worker.end().await;
        }
        self.zygote.stop().await;
    }

    pub(crate) fn n_idle(&self) -> usize {
        self.lock_idle().len()
    }

    pub(crate) fn n_busy(&self) -> usize {
        self.n_slots.saturating_sub(self.slots.available_permits())
    }

    pub(crate) fn is_slowed(&self) -> bool {
        !self.lock_breaker().pause(Instant::now()).is_zero()
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
