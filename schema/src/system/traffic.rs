//! How busy this process is with clients: requests a second, subscriptions and streams under way.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use kernel::plugin::Kernel;

/// Seconds that the rate looks back.
const WINDOW: u64 = 10;
const SLOTS: usize = 16;
/// A slot is the second in its upper bits and that second's count in the lower ones.
const COUNT_BITS: u32 = 24;

/// Counts what clients do. There is one for each kernel: [`Traffic::of`].
#[derive(Debug, Default)]
pub struct Traffic {
    slots: [AtomicU64; SLOTS],
    subscriptions: Arc<AtomicI64>,
    streams: Arc<AtomicI64>,
}

/// One more of something, until it is dropped.
#[derive(Debug)]
pub struct Underway(Arc<AtomicI64>);

impl Underway {
    fn begin(count: &Arc<AtomicI64>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Traffic {
    /// The kernel's one; the first call makes it.
    pub fn of(kernel: &Kernel) -> Arc<Self> {
        kernel.parts.get_or_make(Arc::default)
    }

    /// Counts a request that arrived at this moment, in UTC milliseconds.
    pub fn request(&self, now_ms: i64) {
        let second = second(now_ms);
        let slot = &self.slots[second as usize % SLOTS];
        let count = |held: u64| {
            let is_current = held >> COUNT_BITS == second;
            Some(if is_current {
                held + 1
            } else {
                (second << COUNT_BITS) | 1
            })
        };
        // The closure never declines, so this cannot fail.
        let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
    }

    /// Requests per second over the last ten whole seconds.
    pub fn requests_per_second(&self, now_ms: i64) -> f64 {
        let second = second(now_ms);
        let requests = self
            .slots
            .iter()
            .map(|slot| slot.load(Ordering::Relaxed))
            .filter_map(|held| {
                let age = second.checked_sub(held >> COUNT_BITS)?;
                (1..=WINDOW).contains(&age).then_some(held & ((1 << COUNT_BITS) - 1))
            });
        requests.sum::<u64>() as f64 / WINDOW as f64
    }

    /// Counts a subscription while the answer lives.
    pub fn subscription(&self) -> Underway {
        Underway::begin(&self.subscriptions)
    }

    /// Subscriptions under way.
    pub fn n_subscriptions(&self) -> i64 {
        self.subscriptions.load(Ordering::Relaxed)
    }

    /// Counts a response that streams a file's bytes while the answer lives.
    pub fn stream(&self) -> Underway {
        Underway::begin(&self.streams)
    }

    /// Responses that stream a file's bytes now.
    pub fn n_streams(&self) -> i64 {
        self.streams.load(Ordering::Relaxed)
    }
}

fn second(now_ms: i64) -> u64 {
    now_ms.max(0).unsigned_abs() / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_ten_whole_seconds() {
        let traffic = Traffic::default();
        let begun = 1_800_000_000_000;
        for second in 0..30_i64 {
            for _ in 0..second {
                traffic.request(begun + second * 1000 + 500);
            }
        }
        // The seconds 20 to 29, seen from second 30: their mean is 24.5.
        assert!((traffic.requests_per_second(begun + 30_000) - 24.5).abs() < 1e-9);
        assert!(traffic.requests_per_second(begun + 60_000).abs() < 1e-9);
    }

    #[test]
    fn what_is_under_way_is_counted_until_it_is_dropped() {
        let traffic = Traffic::default();
        let first = traffic.stream();
        let second = traffic.stream();
        assert_eq!((traffic.n_streams(), traffic.n_subscriptions()), (2, 0));
        drop((first, second));
        assert_eq!(traffic.n_streams(), 0);
    }
}
