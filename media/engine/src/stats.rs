//! What the engine has done, and does now.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use media_proto::job::Class;

/// What the engine has done, and does now: all classes together, and each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineStats {
    /// Jobs with a result.
    pub n_done: u64,
    /// Jobs without one.
    pub n_failed: u64,
    /// Workers that died at work.
    pub n_crashed: u64,
    /// Workers killed for their silence, at their deadline, or when their processor time was used up.
    pub n_hung: u64,
    /// Workers killed for what they sent.
    pub n_malformed: u64,
    /// Files put into quarantine.
    pub n_quarantined: u64,
    /// Workers started.
    pub n_spawned: u64,
    /// Workers replaced by age or size.
    pub n_recycled: u64,
    /// Jobs that wait now.
    pub n_waiting: usize,
    /// Workers at work now.
    pub n_busy: usize,
    /// Workers at rest now.
    pub n_idle: usize,
    /// Whether new workers of a class are slowed down because many died.
    pub is_slowed: bool,
    /// The same for each class, in the order of [`Class::ALL`].
    pub classes: Vec<ClassStats>,
}

/// What one class has done, and does now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassStats {
    /// Which.
    pub class: Class,
    /// How many workers may work at a time.
    pub width: usize,
    /// Jobs with a result.
    pub n_done: u64,
    /// Jobs without one.
    pub n_failed: u64,
    /// Workers that died at work.
    pub n_crashed: u64,
    /// Workers killed for their silence, at their deadline, or when their processor time was used up.
    pub n_hung: u64,
    /// Workers killed for what they sent.
    pub n_malformed: u64,
    /// Files put into quarantine.
    pub n_quarantined: u64,
    /// Workers started.
    pub n_spawned: u64,
    /// Workers replaced by age or size.
    pub n_recycled: u64,
    /// Jobs that wait now.
    pub n_waiting: usize,
    /// Workers at work now.
    pub n_busy: usize,
    /// Workers at rest now.
    pub n_idle: usize,
    /// Whether new workers are slowed down because many died.
    pub is_slowed: bool,
    /// How long all finished jobs took together, without their waiting.
    pub total: Duration,
}

impl ClassStats {
    /// How long a job took on average, without its waiting; none before the first.
    pub fn mean(&self) -> Option<Duration> {
        let n = u32::try_from(self.n_done + self.n_failed).ok()?;
        self.total.checked_div(n)
    }
}

impl EngineStats {
    pub(crate) fn sum(classes: Vec<ClassStats>) -> Self {
        let mut all = Self::default();
        for class in &classes {
            all.n_done += class.n_done;
            all.n_failed += class.n_failed;
            all.n_crashed += class.n_crashed;
            all.n_hung += class.n_hung;
            all.n_malformed += class.n_malformed;
            all.n_quarantined += class.n_quarantined;
            all.n_spawned += class.n_spawned;
            all.n_recycled += class.n_recycled;
            all.n_waiting += class.n_waiting;
            all.n_busy += class.n_busy;
            all.n_idle += class.n_idle;
            all.is_slowed |= class.is_slowed;
        }
        all.classes = classes;
        all
    }
}

/// A class's counters since the start, and the present.
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
    pub total_us: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
