//! How long clients' operations take: counted as they end, told by [`System.operations`](super::types::System).
//!
//! Names come from clients, so only the forty busiest are told apart; the rest are `other`.

pub mod hours;
mod ring;
pub mod types;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kernel::plugin::Kernel;

use self::ring::{HOUR_MS, Ring};
pub use self::ring::{Slow, Summary, Window};

/// Names that are told apart.
const N_NAMES: usize = 40;
/// Names that wait to become busy enough, with how often they were asked.
const N_CANDIDATES: usize = 1_000;
/// What all others are called. GraphQL's names have no brackets, so no client's operation is called so.
pub const OTHER: &str = "(other)";
/// What operations without a name are called.
pub const ANONYMOUS: &str = "(anonymous)";

/// An operation that ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// Its name; [`ANONYMOUS`] without one.
    pub name: &'a str,
    /// When, in UTC milliseconds.
    pub at: i64,
    /// How long it took.
    pub took: Duration,
    /// Whether its answer had errors.
    pub has_failed: bool,
    /// SQL statements that it ran.
    pub n_statements: u64,
    /// Its trace.
    pub trace_id: &'a str,
    /// Its request.
    pub request_id: &'a str,
}

/// Counts operations of this process, and knows what processes before it counted. There is one for each kernel:
/// [`Operations::of`].
#[derive(Debug)]
pub struct Operations {
    book: Mutex<Book>,
    process_id: i64,
}

#[derive(Debug, Default)]
struct Book {
    names: HashMap<String, Ring>,
    candidates: HashMap<String, u64>,
    /// The names that metrics tell apart: the first that came, so that a scraper never sees more.
    labels: BTreeSet<String>,
    /// What is in the table from other processes, by hour and name.
    past: Vec<(i64, String, Summary)>,
}

impl Default for Operations {
    fn default() -> Self {
        Self {
            book: Mutex::default(),
            process_id: entities::id::NodeId::new().0,
        }
    }
}

impl Operations {
    /// The kernel's one; the first call makes it.
    pub fn of(kernel: &Kernel) -> Arc<Self> {
        kernel.parts.get_or_make(Arc::default)
    }

    /// Counts an operation. A short lock over a few additions: threads do not wait for each other noticeably.
    pub fn record(&self, ended: Ended<'_>) {
        let mut book = self.book();
        let name = book.admit(ended.name, ended.at);
        book.names.entry(name).or_default().record(ended);
    }

    /// The name under which a metric may count an operation: its own, or [`OTHER`].
    pub fn label<'a>(&self, name: &'a str) -> &'a str {
        let mut book = self.book();
        if book.labels.contains(name) {
            return name;
        }
        if book.labels.len() >= N_NAMES {
            return OTHER;
        }
        book.labels.insert(name.to_owned());
        name
    }

    /// What was counted in a window that ends now, by name.
    pub fn read(&self, window: Window, now_ms: i64) -> Vec<(String, Summary)> {
        let book = self.book();
        let mut all: HashMap<String, Summary> = HashMap::new();
        for (name, ring) in &book.names {
            all.insert(name.clone(), ring.read(window, now_ms));
        }
        if window == Window::LastDay {
            let since = now_ms - 24 * HOUR_MS;
            for (_, name, summary) in book.past.iter().filter(|(hour, ..)| *hour > since) {
                all.entry(name.clone()).or_default().add(summary);
            }
        }
        drop(book);
        let mut all: Vec<_> = all.into_iter().filter(|(_, summary)| summary.count() > 0).collect();
        all.sort_by(|one, other| {
            let busiest_first = other.1.total_us().cmp(&one.1.total_us());
            busiest_first.then_with(|| one.0.cmp(&other.0))
        });
        all
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// The name that an operation is counted under. One that has become busier than the quietest takes its place.
    fn admit(&mut self, name: &str, now_ms: i64) -> String {
        if self.names.contains_key(name) {
            return name.to_owned();
        }
        let n_named = self.names.keys().filter(|known| *known != OTHER).count();
        if n_named < N_NAMES {
            return name.to_owned();
        }
        if self.candidates.len() >= N_CANDIDATES {
            self.candidates.clear();
        }
        let asked = self.candidates.entry(name.to_owned()).or_default();
        *asked += 1;
        let asked = *asked;
        let quietest = self
            .names
            .iter()
            .filter(|(known, _)| *known != OTHER)
            .map(|(known, ring)| (ring.read(Window::LastDay, now_ms).count(), known))
            .min();
        let Some((count, quietest)) = quietest.map(|(count, known)| (count, known.clone())) else {
            return OTHER.to_owned();
        };
        if asked <= count {
            return OTHER.to_owned();
        }
        self.candidates.remove(name);
        if let Some(ring) = self.names.remove(&quietest) {
            self.names.entry(OTHER.to_owned()).or_default().take(ring);
        }
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn ended(name: &str, at: i64, took_ms: u64) -> Ended<'_> {
        Ended {
            name,
            at,
            took: Duration::from_millis(took_ms),
            has_failed: took_ms >= 1_000,
            n_statements: 3,
            trace_id: "t",
            request_id: "r",
        }
    }

    #[test]
    fn percentiles_are_those_of_what_was_recorded_to_two_digits() {
        let operations = Operations::default();
        for ms in 1..=1000 {
            operations.record(ended("Page", NOW, ms));
        }
        let read = operations.read(Window::LastHour, NOW);
        let [(name, page)] = &read[..] else { panic!("{read:?}") };
        assert_eq!(
            (name.as_str(), page.count(), page.n_errors(), page.statements_mean()),
            ("Page", 1000, 1, 3.0)
        );
        for (quantile, expected) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let found = page.quantile_us(quantile) as f64 / 1000.0;
            assert!((found - expected).abs() <= expected * 0.01, "p{quantile}: {found} ms");
        }
        let slowest: Vec<_> = page.slowest().iter().map(|slow| slow.took.as_millis()).collect();
        assert_eq!(slowest, (981..=1000).rev().collect::<Vec<_>>());
    }

    #[test]
    fn what_is_older_than_the_window_is_left_out() {
        let operations = Operations::default();
        operations.record(ended("Page", NOW, 1));
        let count = |window, hours: i64| {
            let read = operations.read(window, NOW + hours * HOUR_MS);
            read.iter().map(|(_, summary)| summary.count()).sum::<u64>()
        };
        assert_eq!((count(Window::LastHour, 0), count(Window::LastDay, 0)), (1, 1));
        assert_eq!((count(Window::LastHour, 2), count(Window::LastDay, 2)), (0, 1));
        assert_eq!(count(Window::LastDay, 25), 0);
        // A slot that is used again forgets what it held.
        operations.record(ended("Page", NOW + 24 * HOUR_MS, 1));
        assert_eq!(count(Window::LastDay, 24), 1);
    }

    #[test]
    fn the_busiest_forty_are_told_apart_and_nothing_is_lost() {
        let operations = Operations::default();
        for index in 0..N_NAMES {
            for _ in 0..5 {
                operations.record(ended(&format!("Known{index}"), NOW, 1));
            }
        }
        for index in 0..5_000 {
            operations.record(ended(&format!("Noise{index}"), NOW, 1));
        }
        for _ in 0..20 {
            operations.record(ended("Busy", NOW, 1));
        }
        let read = operations.read(Window::LastHour, NOW);
        assert_eq!(read.len(), N_NAMES + 1, "forty and the rest");
        let total: u64 = read.iter().map(|(_, summary)| summary.count()).sum();
        assert_eq!(total, 5 * N_NAMES as u64 + 5_000 + 20);
        let count = |name: &str| {
            read.iter()
                .find(|(known, _)| known == name)
                .map_or(0, |(_, summary)| summary.count())
        };
        assert_eq!(count("Busy"), 15, "after five it was busier than the quietest");
        assert_eq!(count(OTHER), 5_000 + 5 + 5);
        assert!((0..5_000).all(|index| count(&format!("Noise{index}")) == 0));
        let labels: BTreeSet<_> = (0..100).map(|index| operations.label(["a", "b"][index % 2])).collect();
        assert_eq!(labels.len(), 2);
    }
}
