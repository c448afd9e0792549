//! A call that is watched: signs of life, processor time and progress while it lasts, and a cancel that asks first.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use media_proto::control::Vitals;
use media_proto::error::MediaError;
use media_proto::job::{Job, Limits};
use media_proto::message::Reply;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::head::Link;
use crate::process::{self, Doing};
use crate::progress::Progress;
use crate::worker::{Failure, Worker};

/// How often a worker is looked at, and so how often progress is told at most.
const PERIOD: Duration = Duration::from_millis(100);
/// How long a worker has to end a job that is canceled, before it is killed.
const GRACE: Duration = Duration::from_millis(500);
/// From when on silence is watched more closely.
const SILENCE: Duration = Duration::from_millis(500);
/// A silent worker is not taken for stuck before it has had this part of its time on a processor: on a busy machine work
/// of the lowest priority may stand still for long.
const LEAST_SHARE: u32 = 8;
/// How much longer than allowed a worker may be silent in any case, for want of a processor.
const MOST_STARVED: u32 = 30;
/// What the kernel has to end a worker that used up its processor time, before we do.
const CPU_GRACE: Duration = Duration::from_secs(3);

/// One call and what surrounds it.
pub(crate) struct Call<'a> {
    pub id: u64,
    pub job: &'a Job,
    pub limits: &'a Limits,
    pub descriptors: &'a [BorrowedFd<'a>],
    pub cancel: &'a CancellationToken,
    pub progress: Option<&'a watch::Sender<Progress>>,
    pub link: Option<&'a Link>,
}

/// How a watched call ended.
pub(crate) enum Outcome {
    /// The worker answered, or died, or lied.
    Called(Result<(Reply, Option<OwnedFd>), Failure>),
    /// It has not answered in time, and must be killed.
    Overdue(MediaError),
}

impl Call<'_> {
    /// Makes the call. Whoever drops the future must drop the worker, too.
    pub(crate) async fn run(&self, worker: &mut Worker) -> Outcome {
        let (page, pid) = (worker.page(), worker.pid());
        if self.limits.cpu_s > 0
            && let Err(error) = process::limit_processor_time(pid, self.limits.cpu_s)
        {
            tracing::debug!(%error, "the kernel does not count a worker's processor time, so only we do");
        }
        let mut pulse = Pulse::new(pid, self.limits);
        let mut ticks = interval_at(Instant::now() + PERIOD, PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut killed_at = None;
        let called = worker.call(self.id, self.job, self.limits, self.descriptors, self.link);
        tokio::pin!(called);
        loop {
            tokio::select! {
                biased;
                answer = &mut called => return Outcome::Called(answer),
                () = self.cancel.cancelled(), if killed_at.is_none() => {
                    page.cancel(self.id);
                    killed_at = Some(Instant::now() + GRACE);
                }
                () = sleep_until(killed_at.unwrap_or_else(Instant::now)), if killed_at.is_some() => {
                    return Outcome::Overdue(MediaError::Canceled);
                }
                _ = ticks.tick() => {
                    let vitals = page.vitals().unwrap_or_default();
                    self.tell(vitals);
                    if let Some(error) = pulse.check(vitals.beat) {
                        return Outcome::Overdue(error);
                    }
                }
            }
        }
    }

    fn tell(&self, vitals: Vitals) {
        let Some(progress) = self.progress else { return };
        if vitals.job != self.id {
            return;
        }
        let done = match vitals.total {
            0 => vitals.done,
            total => vitals.done.min(total),
        };
        let now = Progress {
            done,
            total: vitals.total,
        };
        progress.send_if_modified(|last| std::mem::replace(last, now) != now);
    }
}

/// Whether a worker gets on, judged by its own heartbeat and by what the kernel says of it.
struct Pulse<'a> {
    pid: i32,
    limits: &'a Limits,
    begun: Instant,
    /// The last heartbeat, and since when it is the same.
    beat: (u64, Instant),
    /// The processor time it had used when it became silent.
    used_before: Option<Duration>,
    /// The processor time it had used when the job began.
    used_at_start: Duration,
    next_count: Instant,
}

impl<'a> Pulse<'a> {
    fn new(pid: i32, limits: &'a Limits) -> Self {
        let now = Instant::now();
        let used_at_start = match limits.cpu_s {
            0 => Duration::ZERO,
            _ => process::processor_time(pid).unwrap_or_default(),
        };
        Self {
            pid,
            limits,
            begun: now,
            beat: (0, now),
            used_before: None,
            used_at_start,
            next_count: now,
        }
    }

    /// Why the worker is to be killed, if it is.
    fn check(&mut self, beat: u64) -> Option<MediaError> {
        let now = Instant::now();
        if now - self.begun >= Duration::from_millis(u64::from(self.limits.deadline_ms)) {
            return Some(MediaError::Deadline {
                ms: self.limits.deadline_ms,
            });
        }
        if self.limits.cpu_s > 0 && now >= self.next_count {
            self.next_count = now + Duration::from_secs(1);
            let used = process::processor_time(self.pid)?.saturating_sub(self.used_at_start);
            if used > Duration::from_secs(u64::from(self.limits.cpu_s)) + CPU_GRACE {
                return Some(MediaError::ProcessorTime {
                    seconds: self.limits.cpu_s,
                });
            }
        }
        if beat != self.beat.0 {
            self.beat = (beat, now);
            self.used_before = None;
            return None;
        }
        let (silent, allowed) = (now - self.beat.1, Duration::from_millis(u64::from(self.limits.idle_ms)));
        if silent >= SILENCE.min(allowed / 2) && self.used_before.is_none() {
            self.used_before = process::processor_time(self.pid);
        }
        if silent < allowed {
            return None;
        }
        let used = process::processor_time(self.pid)?.saturating_sub(self.used_before.unwrap_or_default());
        match process::doing(self.pid)? {
            Doing::WaitingForDisk => Some(MediaError::Io {
                reason: format!(
                    "nothing was read for {} ms; is the disk or mount there?",
                    self.limits.idle_ms
                ),
            }),
            Doing::Running if used < allowed / LEAST_SHARE && silent < allowed * MOST_STARVED => None,
            Doing::Running | Doing::Sleeping => Some(MediaError::Deadline {
                ms: self.limits.idle_ms,
            }),
        }
    }
}
