//! The only maker of caches: named, weighed in bytes, counted, and coalescing.
//!
//! A key that somebody is loading is never loaded a second time, and a value read before an invalidation is never
//! kept after it.

mod answers;
mod rows;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub use self::{
    answers::AnswerCache,
    rows::{Found, Loaded, Moment, RowCache},
};

/// A present row lives at most this long: the backstop behind invalidation by facts.
const TIME_TO_LIVE: Duration = Duration::from_secs(60);
/// A missing row is remembered as missing for this long.
const TIME_TO_LIVE_MISSING: Duration = Duration::from_secs(5);

/// A reading of one cache's counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheStats {
    /// The cache's name, such as `media.card`.
    pub name: &'static str,
    /// Entries held now.
    pub entries: u64,
    /// Bytes held now, by the cache's own weigher.
    pub bytes: u64,
    /// Bytes it may hold.
    pub capacity_bytes: u64,
    /// Keys answered from memory.
    pub hits: u64,
    /// Keys that had to be loaded.
    pub misses: u64,
    /// Keys that waited for a load somebody else had begun.
    pub coalesced: u64,
    /// Entries pushed out by weight or age.
    pub evictions: u64,
    /// Batches loaded.
    pub loads: u64,
    /// Time spent loading, in microseconds.
    pub load_us: u64,
}

/// What all caches together may hold, in bytes, when each may hold what its maker states.
pub const STATED_BYTES: u64 = 1 << 30;

/// All caches of the process, for the admin page and the metrics.
#[derive(Clone)]
pub struct Caches {
    all: Arc<RwLock<Vec<Box<dyn AnyCache>>>>,
    /// Which part of what it states a cache may hold.
    share: f64,
}

impl Default for Caches {
    fn default() -> Self {
        Self::within(STATED_BYTES)
    }
}

/// A row cache whatever it holds.
trait AnyCache: Send + Sync {
    fn stats(&self) -> CacheStats;
    fn clear(&self);
}

impl Caches {
    /// Caches that together hold so many bytes at most: more or less than [`STATED_BYTES`], and each one's part of it.
    pub fn within(bytes: u64) -> Self {
        Self {
            all: Arc::default(),
            share: bytes as f64 / STATED_BYTES as f64,
        }
    }

    fn share_of(&self, stated_bytes: u64) -> u64 {
        (stated_bytes as f64 * self.share) as u64
    }

    /// The counters of every cache, in the order in which they were made.
    pub fn stats(&self) -> Vec<CacheStats> {
        self.all
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|cache| cache.stats())
            .collect()
    }

    /// Forgets everything in every cache.
    pub fn clear(&self) {
        for cache in self.all.read().unwrap_or_else(PoisonError::into_inner).iter() {
            cache.clear();
        }
    }
}

#[derive(Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    coalesced: AtomicU64,
    evictions: AtomicU64,
    loads: AtomicU64,
    load_us: AtomicU64,
}

impl Counters {
    fn reading(&self, name: &'static str, entries: u64, bytes: u64, capacity_bytes: u64) -> CacheStats {
        CacheStats {
            name,
            entries,
            bytes,
            capacity_bytes,
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            coalesced: self.coalesced.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
            loads: self.loads.load(Ordering::Relaxed),
            load_us: self.load_us.load(Ordering::Relaxed),
        }
    }
}
