//! The pool of workers: a queue for each class, and what a death means for the file.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use media_proto::error::{MediaError, signal_text};
use media_proto::job::{Class, Job, JobKind, Limits};
use media_proto::message::Reply;
use rustix::process::Signal;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::EngineConfig;
use crate::head::{Link, Resumable};
use crate::progress::Progress;
use crate::quarantine::{Quarantine, Quarantined};
use crate::queue::Queue;
use crate::reply;
use crate::source::{Identity, Source};
use crate::stats::{EngineStats, count};
use crate::watch::{Call, Outcome};
use crate::worker::{Failure, Worker};
use crate::zygote::{Exit, Zygote};

/// How often a job is started again because the zygote died, for which no file is to blame.
const MAX_ZYGOTE_DEATHS: u32 = 3;

/// All workers.
pub(crate) struct Pool {
    zygote: Zygote,
    ffmpeg_hash: String,
    quarantine: Arc<dyn Quarantine>,
    queues: [Queue; Class::ALL.len()],
    next_id: AtomicU64,
    /// Ends every job when the engine stops.
    stopping: CancellationToken,
}

/// A job with what it is about.
#[derive(Clone, Copy)]
pub(crate) struct Task<'a> {
    pub job: &'a Job,
    pub source: Option<&'a Source>,
    pub limits: &'a Limits,
    pub cancel: &'a CancellationToken,
    pub progress: Option<&'a watch::Sender<Progress>>,
    /// For heads: the job again from where the last try stopped, and the line to its owner.
    pub head: Option<(&'a dyn Resumable, &'a Link)>,
}

/// How one try of a job failed, and whether it may be the file's fault.
enum Trial {
    Answer(MediaError),
    Death { exit: Exit, error: MediaError },
}

impl Pool {
    pub(crate) fn new(
        zygote: Zygote,
        config: &EngineConfig,
        ffmpeg_hash: String,
        quarantine: Arc<dyn Quarantine>,
    ) -> Self {
        let stopping = CancellationToken::new();
        let queues = Class::ALL.map(|class| {
            let (zygote, stopping) = (zygote.clone(), stopping.clone());
            Queue::new(config.class(class), zygote, config.faults, &config.without, stopping)
        });
        Self {
            zygote,
            ffmpeg_hash,
            quarantine,
            queues,
            next_id: AtomicU64::new(1),
            stopping,
        }
    }

    /// The queue of a class.
    pub(crate) fn queue(&self, class: Class) -> &Queue {
        &self.queues[class.index()]
    }

    /// Does a job on a file, or on none: waits for a free worker in turn, retries a crash once, quarantines at the second.
    pub(crate) async fn run(&self, task: Task<'_>) -> Result<(Reply, Option<OwnedFd>), MediaError> {
        // A head that crashes ends with that, at that segment; the rest of the film can be watched.
        let subject = task
            .source
            .filter(|_| task.head.is_none())
            .map(|source| (source.identity(), task.job.kind()));
        if let Some(entry) = self.quarantined(subject).await {
            return Err(MediaError::Quarantined { reason: entry.reason });
        }
        let queue = self.queue(task.job.class());
        let answer = tokio::select! {
            biased;
            () = self.stopping.cancelled() => Err(MediaError::Canceled),
            // Dropped by a stop, this drops its worker, which kills it: the only sure end of a job.
            answer = self.try_twice(queue, task, subject) => answer,
        };
        count(match answer {
            Ok(_) => &queue.counters.n_done,
            Err(_) => &queue.counters.n_failed,
        });
        answer
    }

    async fn try_twice(
        &self,
        queue: &Queue,
        task: Task<'_>,
        subject: Option<(Identity, JobKind)>,
    ) -> Result<(Reply, Option<OwnedFd>), MediaError> {
        let _slot = unless_canceled(task.cancel, queue.wait_for_slot()).await?;
        let mut limits = *task.limits;
        let (mut n_deaths, mut n_zygote_deaths) = (0, 0);
        loop {
            // The retry is in a fresh worker: the first may have been broken by the file before.
            let worker = if n_deaths + n_zygote_deaths == 0 {
                unless_canceled(task.cancel, queue.take_worker()).await?
            } else {
                unless_canceled(task.cancel, queue.start_worker()).await?
            };
            let resumed;
            let job = match task.head {
                Some((head, link)) if n_deaths + n_zygote_deaths > 0 => {
                    resumed = head.job(link.next(), *link.until.borrow());
                    &resumed
                }
                _ => task.job,
            };
            let task = Task {
                limits: &limits,
                job,
                ..task
            };
            let (exit, error) = match self.try_once(queue, worker, task).await {
                Ok(answer) => return Ok(answer),
                Err(Trial::Answer(error)) => return Err(error),
                Err(Trial::Death { exit, error }) => (exit, error),
            };
            if exit == Exit::WithZygote && n_zygote_deaths < MAX_ZYGOTE_DEATHS {
                n_zygote_deaths += 1;
                continue;
            }
            n_deaths += 1;
            // What took all of its time once would take it twice.
            let is_repeatable = task.head.is_none_or(|(head, _)| head.is_repeatable());
            if n_deaths == 2 || !is_repeatable || matches!(error, MediaError::ProcessorTime { .. }) {
                self.quarantine(queue, subject, exit, &error).await;
                return Err(error);
            }
            limits.threads = 1;
        }
    }

    /// One try in one worker, which goes back to the queue if it is as good as before.
    async fn try_once(
        &self,
        queue: &Queue,
        mut worker: Worker,
        task: Task<'_>,
    ) -> Result<(Reply, Option<OwnedFd>), Trial> {
        let descriptors: Vec<BorrowedFd<'_>> = task.source.iter().map(|source| source.as_fd()).collect();
        let call = Call {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            job: task.job,
            limits: task.limits,
            descriptors: &descriptors,
            cancel: task.cancel,
            progress: task.progress,
            link: task.head.map(|(_, link)| link),
        };
        let begun = Instant::now();
        let outcome = call.run(&mut worker).await;
        let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        queue.counters.total_us.fetch_add(took, Ordering::Relaxed);
        let said = worker.last_words();
        let counters = &queue.counters;
        let (counter, error) = match outcome {
            Outcome::Called(Ok((reply, attached))) => match reply::check(task.job, &reply) {
                Ok(()) => {
                    queue.give_back(worker);
                    return Ok((reply, attached));
                }
                Err(reason) => (&counters.n_malformed, MediaError::Protocol { reason }),
            },
            Outcome::Called(Err(Failure::Job(MediaError::Corrupt { reason }))) => {
                // The worker is replaced: a file damaged on purpose may have damaged it.
                drop(worker);
                let reason = match said.as_str() {
                    "" => reason,
                    said => format!("{reason}: {said}"),
                };
                return Err(Trial::Answer(MediaError::Corrupt { reason }));
            }
            Outcome::Called(Err(Failure::Job(MediaError::Memory))) => {
                drop(worker);
                return Err(Trial::Answer(MediaError::Memory));
            }
            Outcome::Called(Err(Failure::Job(error))) => {
                queue.give_back(worker);
                return Err(Trial::Answer(error));
            }
            Outcome::Called(Err(Failure::Malformed(reason))) => {
                (&counters.n_malformed, MediaError::Protocol { reason })
            }
            Outcome::Called(Err(Failure::Dead(_))) => (&counters.n_crashed, MediaError::Crashed { signal: None }),
            // Nobody's fault: whoever asked gave up, or the disk does not answer, and killing it may take as long.
            Outcome::Overdue(error @ (MediaError::Canceled | MediaError::Io { .. })) => {
                drop(worker);
                return Err(Trial::Answer(error));
            }
            Outcome::Overdue(error) => (&counters.n_hung, error),
        };
        let exit = worker.end().await;
        let (counter, error) = match (error, exit) {
            (MediaError::Crashed { .. }, Exit::Signal(signal)) if signal == Signal::XCPU.as_raw() => {
                let seconds = task.limits.cpu_s;
                (&counters.n_hung, MediaError::ProcessorTime { seconds })
            }
            (MediaError::Crashed { .. }, Exit::Signal(signal)) => {
                (counter, MediaError::Crashed { signal: Some(signal) })
            }
            (error, _) => (counter, error),
        };
        if exit != Exit::WithZygote {
            queue.record_death(counter);
        }
        let class = queue.config.class.name();
        tracing::warn!(job = task.job.kind().name(), class, ?exit, %error, said, "media worker failed");
        Err(Trial::Death { exit, error })
    }

    async fn quarantined(&self, subject: Option<(Identity, JobKind)>) -> Option<Quarantined> {
        let (identity, kind) = subject?;
        let entry = self.quarantine.load(identity, kind).await?;
        // Another FFmpeg may have mended what crashed this one.
        (entry.ffmpeg == self.ffmpeg_hash).then_some(entry)
    }

    async fn quarantine(&self, queue: &Queue, subject: Option<(Identity, JobKind)>, exit: Exit, error: &MediaError) {
        let Some((identity, kind)) = subject else { return };
        let (signal, how) = match (error, exit) {
            (MediaError::Crashed { .. }, Exit::Signal(signal)) => (Some(signal), signal_text(Some(signal))),
            (MediaError::Crashed { .. }, Exit::Code(code)) => (None, format!("exited with code {code}")),
            _ => (None, error.to_string()),
        };
        let times = match error {
            MediaError::ProcessorTime { .. } => "failed",
            _ => "failed twice",
        };
        let entry = Quarantined {
            signal,
            reason: format!("{} {times}: {how}", kind.name()),
            ffmpeg: self.ffmpeg_hash.clone(),
        };
        count(&queue.counters.n_quarantined);
        self.quarantine.store(identity, kind, entry).await;
    }

    /// Ends all jobs and workers and waits until they are gone.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        for queue in &self.queues {
            queue.stop().await;
        }
        self.zygote.stop().await;
    }

    pub(crate) fn stats(&self) -> EngineStats {
        EngineStats::sum(self.queues.iter().map(Queue::stats).collect())
    }
}

/// What has no worker yet ends at once when it is canceled.
async fn unless_canceled<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T, MediaError>>,
) -> Result<T, MediaError> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(MediaError::Canceled),
        done = work => done,
    }
}
