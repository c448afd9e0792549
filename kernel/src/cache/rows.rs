//! Rows by key: what is missing is loaded once for all who ask, and what was read before an invalidation is never kept
//! after it. Inserting and invalidating both happen under the lock that knows which loads are under way.

use std::{
    collections::HashMap,
    fmt::Debug,
    future::Future,
    hash::Hash,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use foldhash::fast::RandomState;
use moka::{notification::RemovalCause, sync::Cache};
use sea_orm::DbErr;
use tokio::sync::watch;
use tracing::Instrument;

use super::{AnyCache, CacheStats, Caches, Counters, TIME_TO_LIVE, TIME_TO_LIVE_MISSING};
use crate::work::carried;

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
        let capacity_bytes = self.share_of(capacity_bytes);
        let counters = Arc::new(Counters::default());
        let evicted = Arc::clone(&counters);
        // Forty bytes stand for the key, the entry and moka's own bookkeeping: an estimate.
        #[expect(clippy::disallowed_methods, reason = "this is the one maker of caches")]
        let held = Cache::builder()
            .name(name)
            .max_capacity(capacity_bytes)
            .weigher(move |_: &K, held: &Held<V>| 40 + held.row().map_or(0, weigh))
            .time_to_live(TIME_TO_LIVE)
            .eviction_listener(move |_, _, cause| {
                if matches!(cause, RemovalCause::Size | RemovalCause::Expired) {
                    evicted.evictions.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build_with_hasher(RandomState::default());
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

/// What a key has: `None` is a row known to be missing.
pub type Found<V> = Option<Arc<V>>;

/// What is held of a key: its row, or since when it is known to have none. That is forgotten sooner than rows are, and moka
/// would keep a wheel of timers if it had to know.
enum Held<V> {
    Row(Arc<V>),
    Missing(Instant),
}

impl<V> Clone for Held<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Row(row) => Self::Row(Arc::clone(row)),
            Self::Missing(since) => Self::Missing(*since),
        }
    }
}

impl<V> From<Found<V>> for Held<V> {
    fn from(found: Found<V>) -> Self {
        found.map_or_else(|| Self::Missing(Instant::now()), Self::Row)
    }
}

impl<V> Held<V> {
    fn row(&self) -> Option<&V> {
        match self {
            Self::Row(row) => Some(row),
            Self::Missing(_) => None,
        }
    }

    fn found(self) -> Option<Found<V>> {
        match self {
            Self::Row(row) => Some(Some(row)),
            Self::Missing(since) => (since.elapsed() < TIME_TO_LIVE_MISSING).then_some(None),
        }
    }
}

/// What a load came to; a key without a row is absent.
pub type Loaded<K, V> = Result<HashMap<K, V>, Arc<DbErr>>;

type Landed<K, V> = Result<Arc<HashMap<K, Found<V>>>, Arc<DbErr>>;
type Flight<K, V> = watch::Receiver<Option<Landed<K, V>>>;
type Load<K, V> = dyn Fn(Vec<K>) -> Pin<Box<dyn Future<Output = Result<HashMap<K, V>, DbErr>> + Send>> + Send + Sync;

/// A moment before a read, for [`RowCache::offer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(u64);

struct Inner<K, V> {
    name: &'static str,
    capacity_bytes: u64,
    held: Cache<K, Held<V>, RandomState>,
    /// Grows with each invalidation, under the lock of `flights`.
    invalidations: AtomicU64,
    flights: Mutex<HashMap<K, Flight<K, V>>>,
    load: Box<Load<K, V>>,
    counters: Arc<Counters>,
}

impl<K, V> Inner<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    fn look(&self, key: &K) -> Option<Found<V>> {
        self.held.get(key)?.found()
    }
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
        let (mut found, missing) = self.held(keys);
        if missing.is_empty() {
            return Ok(found);
        }
        let boarded = self.board(missing, &mut found);
        let own = boarded.own.as_ref().map(|own| own.sender.subscribe());
        if let Some(own) = boarded.own {
            // A task of its own, so that a caller who goes away does not end the load for the others.
            let span = tracing::info_span!("load", cache = inner.name, keys = own.keys.len());
            let cache = self.clone();
            let fly = async move {
                let load = (cache.inner.load)(own.keys.clone());
                own.fly(async { load.await.map_err(Arc::new) }).await;
            };
            tokio::spawn(carried(fly.instrument(span)));
        }
        if let Some(mut own) = own {
            let landed = own
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|landed| landed.clone());
            let rows = landed.unwrap_or_else(interrupted)?;
            take(&rows, &mut found);
        }
        self.join(boarded.others, &mut found).await?;
        Ok(found)
    }

    /// The same for keys that are hardly in memory, but what nobody is loading yet is read by `load`, as a part of the caller's
    /// own work. Whoever waits for a caller that goes away loads by itself.
    pub async fn get_many_by<F>(
        &self,
        keys: impl IntoIterator<Item = K>,
        load: impl FnOnce(Vec<K>) -> F,
    ) -> Result<HashMap<K, Arc<V>>, Arc<DbErr>>
    where
        F: Future<Output = Loaded<K, V>>,
    {
        let mut found = HashMap::new();
        let boarded = self.board(keys, &mut found);
        if let Some(own) = boarded.own {
            let landed = own.sender.subscribe();
            let read = load(own.keys.clone());
            own.fly(read).await;
            let landed = landed.borrow().clone();
            let rows = landed.unwrap_or_else(interrupted)?;
            take(&rows, &mut found);
        }
        self.join(boarded.others, &mut found).await?;
        Ok(found)
    }

    /// What is in memory of these keys, and which keys are not.
    fn held(&self, keys: impl IntoIterator<Item = K>) -> (HashMap<K, Arc<V>>, Vec<K>) {
        let inner = &self.inner;
        let (mut found, mut missing) = (HashMap::new(), Vec::new());
        for key in keys {
            match inner.look(&key) {
                Some(row) => {
                    inner.counters.hits.fetch_add(1, Ordering::Relaxed);
                    found.extend(row.map(|row| (key, row)));
                }
                None => missing.push(key),
            }
        }
        (found, missing)
    }

    /// Waits for what others are loading; what they gave up is loaded.
    async fn join(&self, others: Vec<(K, Flight<K, V>)>, found: &mut HashMap<K, Arc<V>>) -> Result<(), Arc<DbErr>> {
        let mut given_up = Vec::new();
        for (key, mut flight) in others {
            let Ok(landed) = flight.wait_for(Option::is_some).await.map(|landed| landed.clone()) else {
                given_up.push(key);
                continue;
            };
            let rows = landed.unwrap_or_else(interrupted)?;
            found.extend(rows.get(&key).cloned().flatten().map(|row| (key, row)));
        }
        if !given_up.is_empty() {
            found.extend(Box::pin(self.get_many(given_up)).await?);
        }
        Ok(())
    }

    /// The row of one key.
    pub async fn get(&self, key: K) -> Result<Found<V>, Arc<DbErr>> {
        Ok(self.get_many([key]).await?.remove(&key))
    }

    /// What is known of a key without loading: nothing, or its row, or that it has none.
    pub fn peek(&self, key: K) -> Option<Found<V>> {
        let found = self.inner.look(&key)?;
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
            // Nothing was invalidated, so what is held is the same row, and to look is cheaper than to write.
            if matches!(self.inner.held.get(&key), Some(Held::Row(_))) {
                continue;
            }
            self.inner.held.insert(key, Held::Row(Arc::new(row)));
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
    fn board(&self, missing: impl IntoIterator<Item = K>, found: &mut HashMap<K, Arc<V>>) -> Boarded<K, V> {
        let inner = &self.inner;
        let (mut others, mut fresh) = (Vec::new(), Vec::new());
        let (sender, receiver) = watch::channel(None);
        {
            let mut flights = inner.flights.lock().unwrap_or_else(PoisonError::into_inner);
            for key in missing {
                if let Some(flight) = flights.get(&key) {
                    inner.counters.coalesced.fetch_add(1, Ordering::Relaxed);
                    others.push((key, flight.clone()));
                } else if let Some(row) = inner.look(&key) {
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
        let own = (!fresh.is_empty()).then(|| Own {
            cache: self.clone(),
            keys: fresh,
            sender,
        });
        Boarded { others, own }
    }
}

/// What a caller waits for.
struct Boarded<K, V>
where
    K: Hash + Eq + Copy + Debug + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    others: Vec<(K, Flight<K, V>)>,
    own: Option<Own<K, V>>,
}

/// A load that the caller begins. Dropped before it has landed, it leaves its keys to whoever asks next.
struct Own<K, V>
where
    K: Hash + Eq + Copy + Debug + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    cache: RowCache<K, V>,
    keys: Vec<K>,
    sender: watch::Sender<Option<Landed<K, V>>>,
}

impl<K, V> Own<K, V>
where
    K: Hash + Eq + Copy + Debug + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    async fn fly(self, read: impl Future<Output = Loaded<K, V>>) {
        let inner = &self.cache.inner;
        let begun = Instant::now();
        let landed = read.await.map(|mut rows| {
            let found = self.keys.iter().map(|key| (*key, rows.remove(key).map(Arc::new)));
            Arc::new(found.collect::<HashMap<_, _>>())
        });
        inner.counters.loads.fetch_add(1, Ordering::Relaxed);
        inner
            .counters
            .load_us
            .fetch_add(begun.elapsed().as_micros() as u64, Ordering::Relaxed);
        self.leave(|key| {
            if let Ok(rows) = &landed {
                inner.held.insert(key, rows.get(&key).cloned().flatten().into());
            }
        });
        self.sender.send_replace(Some(landed));
    }

    /// Ends the flight of each key that is still of this load; the others were invalidated, and perhaps somebody newer is
    /// loading them.
    fn leave(&self, mut end: impl FnMut(K)) {
        let mut flights = self.cache.inner.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let own = self.sender.subscribe();
        for key in &self.keys {
            if flights.get(key).is_some_and(|flight| flight.same_channel(&own)) {
                flights.remove(key);
                end(*key);
            }
        }
    }
}

impl<K, V> Drop for Own<K, V>
where
    K: Hash + Eq + Copy + Debug + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    fn drop(&mut self) {
        if self.sender.borrow().is_none() {
            self.leave(drop);
        }
    }
}

fn take<K: Hash + Eq + Copy, V>(rows: &HashMap<K, Found<V>>, found: &mut HashMap<K, Arc<V>>) {
    found.extend(
        rows.iter()
            .filter_map(|(key, row)| Some((*key, Arc::clone(row.as_ref()?)))),
    );
}

fn interrupted<K, V>() -> Landed<K, V> {
    Err(Arc::new(DbErr::Custom("the load of rows was interrupted".into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_row_is_forgotten_sooner_than_a_row() {
        let since = |age| {
            Instant::now()
                .checked_sub(age)
                .expect("a machine that has run for a minute")
        };
        let missing = |age| Held::<u8>::Missing(since(age)).found();
        assert_eq!(missing(TIME_TO_LIVE_MISSING / 2), Some(None));
        assert_eq!(missing(TIME_TO_LIVE_MISSING), None);
    }
}
