//! The only maker of caches: named, weighed in bytes, counted, and coalescing.
//!
//! A key that somebody is loading is never loaded a second time, and a value read before an invalidation is never
//! kept after it: inserting and invalidating both happen under the lock that knows which loads are under way.

mod answers;

use std::{
    collections::HashMap,
    fmt::Debug,
    future::Future,
    hash::Hash,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use moka::{Expiry, notification::RemovalCause, sync::Cache};
use sea_orm::DbErr;
use tokio::sync::watch;
use tracing::Instrument;

pub use self::answers::AnswerCache;
use crate::work::carried;

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

/// All caches of the process, for the admin page and the metrics.
#[derive(Clone, Default)]
pub struct Caches {
    all: Arc<RwLock<Vec<Box<dyn AnyCache>>>>,
}

/// A row cache whatever it holds.
trait AnyCache: Send + Sync {
    fn stats(&self) -> CacheStats;
    fn clear(&self);
}

impl<K, V> AnyCache for RowCache<K, V>
where
    K: Hash + Eq + Copy + Debug + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    fn stats(&self) -> CacheStats {
        Self::stats(self)
    }

    fn clear(&self) {
        Self::clear(self);
    }
}

impl Caches {
    /// Makes a row cache: `load` gets all missing keys of a batch at once and returns the rows that exist.
    pub fn rows<K, V, L, F>(
        &self,
        name: &'static str,
        capacity_bytes: u64,
        weigh: fn(&V) -> u32,
        load: L,
    ) -> RowCache<K, V>
    where
        K: Hash + Eq + Copy + Debug + Send + Sync + 'static,
        V: Send + Sync + 'static,
        L: Fn(Vec<K>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<HashMap<K, V>, DbErr>> + Send + 'static,
    {
        let counters = Arc::new(Counters::default());
        let evicted = Arc::clone(&counters);
        // Forty bytes stand for the key, the entry and moka's own bookkeeping: an estimate.
        #[expect(clippy::disallowed_methods, reason = "this is the one maker of caches")]
        let held = Cache::builder()
            .name(name)
            .max_capacity(capacity_bytes)
            .weigher(move |_: &K, row: &Option<Arc<V>>| 40 + row.as_deref().map_or(0, weigh))
            .expire_after(ByPresence)
            .eviction_listener(move |_, _, cause| {
                if matches!(cause, RemovalCause::Size | RemovalCause::Expired) {
                    evicted.evictions.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build();
        let cache = RowCache {
            inner: Arc::new(Inner {
                name,
                capacity_bytes,
                held,
                invalidations: AtomicU64::new(0),
                flights: Mutex::default(),
                load: Box::new(move |keys| Box::pin(load(keys))),
                counters,
            }),
        };
        self.all
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Box::new(cache.clone()));
        cache
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

struct ByPresence;

impl<K, V> Expiry<K, Option<Arc<V>>> for ByPresence {
    fn expire_after_create(&self, _: &K, row: &Option<Arc<V>>, _: Instant) -> Option<Duration> {
        Some(if row.is_some() {
            TIME_TO_LIVE
        } else {
            TIME_TO_LIVE_MISSING
        })
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

/// What a key has: `None` is a row known to be missing.
pub type Found<V> = Option<Arc<V>>;

type Landed<K, V> = Result<Arc<HashMap<K, Found<V>>>, Arc<DbErr>>;
type Flight<K, V> = watch::Receiver<Option<Landed<K, V>>>;
type Load<K, V> = dyn Fn(Vec<K>) -> Pin<Box<dyn Future<Output = Result<HashMap<K, V>, DbErr>> + Send>> + Send + Sync;

/// A moment before a read, for [`RowCache::offer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(u64);

struct Inner<K, V> {
    name: &'static str,
    capacity_bytes: u64,
    held: Cache<K, Found<V>>,
    /// Grows with each invalidation, under the lock of `flights`.
    invalidations: AtomicU64,
    flights: Mutex<HashMap<K, Flight<K, V>>>,
    load: Box<Load<K, V>>,
    counters: Arc<Counters>,
}

/// A cache of rows by key. Clones are handles to the same one.
pub struct RowCache<K, V> {
    inner: Arc<Inner<K, V>>,
}

impl<K, V> Clone for RowCache<K, V> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<K, V> RowCache<K, V>
where
    K: Hash + Eq + Copy + Debug + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// The rows of these keys; a key without a row is absent from the answer. A failed load is not remembered and
    /// reaches only those who waited for it.
    pub async fn get_many(&self, keys: impl IntoIterator<Item = K>) -> Result<HashMap<K, Arc<V>>, Arc<DbErr>> {
        let inner = &self.inner;
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        for key in keys {
            match inner.held.get(&key) {
                Some(row) => {
                    inner.counters.hits.fetch_add(1, Ordering::Relaxed);
                    found.extend(row.map(|row| (key, row)));
                }
                None => missing.push(key),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        for (keys, mut flight) in self.board(missing, &mut found) {
            let landed = match flight.wait_for(Option::is_some).await {
                Ok(landed) => landed.clone(),
                Err(_) => None,
            };
            let rows =
                landed.unwrap_or_else(|| Err(Arc::new(DbErr::Custom("the load of rows was interrupted".into()))))?;
            found.extend(
                keys.iter()
                    .filter_map(|key| Some((*key, Arc::clone(rows.get(key)?.as_ref()?)))),
            );
        }
        Ok(found)
    }

    /// The row of one key.
    pub async fn get(&self, key: K) -> Result<Found<V>, Arc<DbErr>> {
        Ok(self.get_many([key]).await?.remove(&key))
    }

    /// What is known of a key without loading: nothing, or its row, or that it has none.
    pub fn peek(&self, key: K) -> Option<Found<V>> {
        let found = self.inner.held.get(&key)?;
        self.inner.counters.hits.fetch_add(1, Ordering::Relaxed);
        Some(found)
    }

    /// Forgets these keys. Loads under way are not kept, and whoever asks after this loads anew.
    pub fn invalidate(&self, keys: impl IntoIterator<Item = K>) {
        let mut flights = self.inner.flights.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.invalidations.fetch_add(1, Ordering::SeqCst);
        for key in keys {
            flights.remove(&key);
            self.inner.held.invalidate(&key);
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut flights = self.inner.flights.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.invalidations.fetch_add(1, Ordering::SeqCst);
        flights.clear();
        self.inner.held.invalidate_all();
    }

    /// The present moment: take it before a read whose rows will be offered.
    pub fn moment(&self) -> Moment {
        Moment(self.inner.invalidations.load(Ordering::SeqCst))
    }

    /// Keeps rows that a read of something else brought along. They are dropped when anything was invalidated since
    /// the moment: they may be older than that.
    pub fn offer(&self, moment: Moment, rows: impl IntoIterator<Item = (K, V)>) {
        let _flights = self.inner.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if self.inner.invalidations.load(Ordering::SeqCst) != moment.0 {
            return;
        }
        for (key, row) in rows {
            self.inner.held.insert(key, Some(Arc::new(row)));
        }
    }

    /// The counters as they are now.
    pub fn stats(&self) -> CacheStats {
        let Inner {
            name,
            capacity_bytes,
            held,
            counters,
            ..
        } = &*self.inner;
        held.run_pending_tasks();
        counters.reading(name, held.entry_count(), held.weighted_size(), *capacity_bytes)
    }

    /// For each missing key the load to wait for: one that is under way, or a new one for all the others.
    fn board(&self, missing: Vec<K>, found: &mut HashMap<K, Arc<V>>) -> Vec<(Vec<K>, Flight<K, V>)> {
        let inner = &self.inner;
        let mut waits = Vec::new();
        let mut fresh = Vec::new();
        let (sender, receiver) = watch::channel(None);
        {
            let mut flights = inner.flights.lock().unwrap_or_else(PoisonError::into_inner);
            for key in missing {
                if let Some(flight) = flights.get(&key) {
                    inner.counters.coalesced.fetch_add(1, Ordering::Relaxed);
                    waits.push((vec![key], flight.clone()));
                } else if let Some(row) = inner.held.get(&key) {
                    // It landed between the first look and the lock.
                    inner.counters.hits.fetch_add(1, Ordering::Relaxed);
                    found.extend(row.map(|row| (key, row)));
                } else {
                    inner.counters.misses.fetch_add(1, Ordering::Relaxed);
                    flights.insert(key, receiver.clone());
                    fresh.push(key);
                }
            }
        }
        if !fresh.is_empty() {
            // A task of its own, so that a caller who goes away does not end the load for the others.
            let span = tracing::info_span!("load", cache = inner.name, keys = fresh.len());
            tokio::spawn(carried(self.clone().fly(fresh.clone(), sender).instrument(span)));
            waits.push((fresh, receiver));
        }
        waits
    }

    async fn fly(self, keys: Vec<K>, sender: watch::Sender<Option<Landed<K, V>>>) {
        let inner = &self.inner;
        let begun = Instant::now();
        let landed = (inner.load)(keys.clone()).await.map_err(Arc::new).map(|mut rows| {
            Arc::new(
                keys.iter()
                    .map(|key| (*key, rows.remove(key).map(Arc::new)))
                    .collect::<HashMap<_, _>>(),
            )
        });
        inner.counters.loads.fetch_add(1, Ordering::Relaxed);
        inner
            .counters
            .load_us
            .fetch_add(begun.elapsed().as_micros() as u64, Ordering::Relaxed);
        {
            let mut flights = inner.flights.lock().unwrap_or_else(PoisonError::into_inner);
            let own = sender.subscribe();
            for key in &keys {
                // Not ours any more: the key was invalidated, and perhaps somebody newer is loading it.
                if !flights.get(key).is_some_and(|flight| flight.same_channel(&own)) {
                    continue;
                }
                flights.remove(key);
                if let Ok(rows) = &landed {
                    inner.held.insert(*key, rows.get(key).cloned().flatten());
                }
            }
        }
        sender.send_replace(Some(landed));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::Semaphore;

    use super::*;

    struct Source {
        value: AtomicUsize,
        loads: AtomicUsize,
        gate: Semaphore,
    }

    fn cache_over(source: &Arc<Source>) -> RowCache<u32, usize> {
        let source = Arc::clone(source);
        Caches::default().rows(
            "test",
            1 << 20,
            |_| 8,
            move |keys: Vec<u32>| {
                let source = Arc::clone(&source);
                async move {
                    source.loads.fetch_add(1, Ordering::SeqCst);
                    let value = source.value.load(Ordering::SeqCst);
                    source
                        .gate
                        .acquire()
                        .await
                        .map_err(|_| DbErr::Custom("closed".into()))?
                        .forget();
                    Ok(keys
                        .into_iter()
                        .filter(|key| *key < 100)
                        .map(|key| (key, value))
                        .collect())
                }
            },
        )
    }

    fn source(permits: usize) -> Arc<Source> {
        Arc::new(Source {
            value: AtomicUsize::new(1),
            loads: AtomicUsize::new(0),
            gate: Semaphore::new(permits),
        })
    }

    #[tokio::test]
    async fn a_thousand_cold_readers_cost_one_load() {
        let source = source(0);
        let cache = cache_over(&source);
        let readers: Vec<_> = (0..1000)
            .map(|_| {
                tokio::spawn({
                    let cache = cache.clone();
                    async move { cache.get_many([1, 2, 3]).await }
                })
            })
            .collect();
        while cache.stats().coalesced < 2997 {
            tokio::task::yield_now().await;
        }
        source.gate.add_permits(1);
        for reader in readers {
            assert_eq!(reader.await.expect("no panic").expect("a load").len(), 3);
        }
        assert_eq!(source.loads.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_value_read_before_an_invalidation_is_not_kept_after_it() {
        let source = source(0);
        let cache = cache_over(&source);
        let early = tokio::spawn({
            let cache = cache.clone();
            async move { cache.get(7).await }
        });
        while source.loads.load(Ordering::SeqCst) < 1 {
            tokio::task::yield_now().await;
        }
        source.value.store(2, Ordering::SeqCst);
        cache.invalidate([7]);
        source.gate.add_permits(2);
        assert_eq!(early.await.expect("no panic").expect("a load").as_deref(), Some(&1));
        assert_eq!(cache.get(7).await.expect("a load").as_deref(), Some(&2));
        assert_eq!(cache.get(7).await.expect("a load").as_deref(), Some(&2));
        assert_eq!(source.loads.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn an_offered_row_is_kept_unless_something_was_invalidated_since() {
        let source = source(1);
        let cache = cache_over(&source);
        let moment = cache.moment();
        cache.offer(moment, [(1, 40)]);
        assert_eq!(cache.get(1).await.expect("a hit").as_deref(), Some(&40));
        cache.invalidate([2]);
        cache.offer(moment, [(1, 50), (2, 50)]);
        assert_eq!(cache.get(1).await.expect("a hit").as_deref(), Some(&40));
        assert_eq!(cache.get(2).await.expect("a load").as_deref(), Some(&1));
    }

    #[tokio::test]
    async fn a_missing_row_is_remembered_as_missing_and_an_error_is_not() {
        let source = source(1);
        let cache = cache_over(&source);
        assert!(cache.get(500).await.expect("a load").is_none());
        assert!(cache.get(500).await.expect("a load").is_none());
        assert_eq!(source.loads.load(Ordering::SeqCst), 1);
        source.gate.close();
        assert!(cache.get(1).await.is_err());
        assert!(cache.get(1).await.is_err());
        assert_eq!(source.loads.load(Ordering::SeqCst), 3);
    }
}
