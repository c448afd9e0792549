//! The kernel's clock: UTC milliseconds that a test can set.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// Tells the time. Clones share it, so a test that moves one moves all.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
}

impl Clock {
    /// UTC milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond() + self.offset_ms.load(Ordering::Relaxed)
    }

    /// How far this clock was moved ahead of the system's: what a database's own time needs added.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Relaxed)
    }

    /// Moves this clock, and all its clones, ahead of the system's.
    pub fn advance(&self, by: std::time::Duration) {
        self.offset_ms.fetch_add(by.as_millis() as i64, Ordering::Relaxed);
    }
}
