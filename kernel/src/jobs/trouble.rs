//! A run of failures of the database, and how long to wait before the next attempt.

use std::time::Duration;

use tokio::time::Instant;

/// A run of failures: how long to wait, from 0.1 to 5 s.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    pub n: u32,
    until: Option<Instant>,
}

impl Trouble {
    pub fn after(&mut self, what: &str, error: &dyn std::error::Error) -> Duration {
        let pause = Duration::from_millis(100 << self.n.min(6)).min(Duration::from_secs(5));
        let source = error.source().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(%error, source, pause_ms = pause.as_millis() as u64, "could not {what}; trying again");
        self.n += 1;
        self.until = Some(Instant::now() + pause);
        pause
    }

    pub fn until(&self) -> Option<Instant> {
        self.until.filter(|until| *until > Instant::now())
    }

    pub fn is_over(&self) -> bool {
        self.until().is_none()
    }
}
