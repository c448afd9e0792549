//! Slows the starting of workers when they keep dying, so that a folder of hostile files cannot turn into a fork storm.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back deaths count.
const WINDOW: Duration = Duration::from_secs(60);
/// How many deaths within the window are taken without a pause: a few bad files, each tried twice, are ordinary.
const FREE: usize = 3;
const SHORTEST: Duration = Duration::from_millis(25);
const LONGEST: Duration = Duration::from_secs(2);

/// Recent deaths of workers.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    deaths: VecDeque<Instant>,
}

impl Breaker {
    /// Notes that a worker died.
    pub(crate) fn record(&mut self, now: Instant) {
        self.deaths.push_back(now);
        // More would not change the pause.
        while self.deaths.len() > 32 {
            self.deaths.pop_front();
        }
    }

    /// How long to wait before the next worker starts: nothing while closed, doubling with each death beyond.
    pub(crate) fn pause(&mut self, now: Instant) -> Duration {
        while self
            .deaths
            .front()
            .is_some_and(|&death| now.duration_since(death) > WINDOW)
        {
            self.deaths.pop_front();
        }
        match self.deaths.len().saturating_sub(FREE) {
            0 => Duration::ZERO,
            n => (SHORTEST * 2u32.saturating_pow(n.min(16) as u32 - 1)).min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Breaker, LONGEST};

    #[test]
    fn the_pause_grows_with_deaths_and_ends_with_quiet() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            breaker.record(start);
        }
        assert_eq!(breaker.pause(start), Duration::ZERO);
        breaker.record(start);
        let first = breaker.pause(start);
        breaker.record(start);
        assert_eq!(breaker.pause(start), first * 2);
        for _ in 0..100 {
            breaker.record(start);
        }
        assert_eq!(breaker.pause(start), LONGEST);
        assert_eq!(breaker.pause(start + Duration::from_secs(61)), Duration::ZERO);
    }
}
