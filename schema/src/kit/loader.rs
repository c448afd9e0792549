//! Loaders of one request: they gather the keys that its fields ask for, and ask the shared cache once.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use foldhash::fast::RandomState;
use kernel::{
    cache::{Found, Moment, RowCache},
    error::Failure,
};
use sea_orm::DbErr;

use crate::kit::turn::{self, Batches};

/// How often a loader of the crate `dataloader` yields before it reads.
pub const YIELDS: usize = 48;

/// Keys of one statement; SQLite takes 32,766 values.
const MAX_KEYS: usize = 10_000;

type Loaded<K, V> = Result<Arc<HashMap<K, Arc<V>>>, Arc<DbErr>>;

type Admitted = Result<Arc<HashSet<i64>>, Arc<DbErr>>;

/// Which of the shared rows a request may have; the others are not there for it.
pub enum Gate<K, V> {
    /// The row itself says it.
    Row(Box<dyn Fn(&V) -> bool + Send + Sync>),
    /// The database does.
    Asking(Asking<K>),
}

/// A gate that asks, and what it was told.
pub struct Asking<K> {
    batches: Batches<i64, Admitted>,
    number: fn(K) -> i64,
    known: Mutex<HashMap<i64, bool>>,
}

impl<K: Into<i64> + Copy, V> Gate<K, V> {
    /// Asks which ids are let through, all of a standstill at once, and each of them once.
    pub fn asking(batches: Batches<i64, Admitted>) -> Self {
        Self::Asking(Asking {
            batches,
            number: K::into,
            known: Mutex::default(),
        })
    }
}

impl<K: Copy, V> Gate<K, V> {
    /// Leaves out what is not let through.
    async fn admit(&self, mut pairs: Vec<(K, Arc<V>)>) -> Result<Vec<(K, Arc<V>)>, Failure> {
        match self {
            Self::Row(admits) => pairs.retain(|(_, row)| admits(row)),
            Self::Asking(asking) => {
                let number = asking.number;
                let lock = || asking.known.lock().unwrap_or_else(PoisonError::into_inner);
                let unknown: Vec<i64> = {
                    let known = lock();
                    let ids = pairs.iter().map(|(key, _)| number(*key));
                    ids.filter(|id| !known.contains_key(id)).collect()
                };
                if !unknown.is_empty() {
                    let admitted = asking.batches.get(unknown.iter().copied()).await??;
                    lock().extend(unknown.into_iter().map(|id| (id, admitted.contains(&id))));
                }
                let known = lock();
                pairs.retain(|(key, _)| known.get(&number(*key)).copied().unwrap_or(false));
            }
        }
        Ok(pairs)
    }
}

/// The rows of one kind, for one request.
pub struct Rows<K, V>
where
    K: Hash + Eq + Copy + Debug + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    cache: RowCache<K, V>,
    batches: Batches<K, Loaded<K, V>>,
    /// What this request has read: a full cache may keep nothing of it, and here it is found sooner.
    read: Mutex<Read<K, V>>,
    /// Absent for whoever may have all rows.
    gate: Option<Gate<K, V>>,
}

/// What was read, and up to when it was fresh.
struct Read<K, V> {
    at: Moment,
    rows: HashMap<K, Found<V>, RandomState>,
}

impl<K, V> Read<K, V> {
    /// What was read since this moment; the rest is forgotten.
    fn since(&mut self, moment: Moment) -> &mut HashMap<K, Found<V>, RandomState> {
        if self.at != moment {
            (self.at, self.rows) = (moment, HashMap::default());
        }
        &mut self.rows
    }
}

impl<K, V> Rows<K, V>
where
    K: Hash + Eq + Copy + Debug + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// A loader in front of a cache.
    pub fn new(cache: &RowCache<K, V>) -> Self {
        let behind = cache.clone();
        let batches = Batches::new(move |keys: Vec<K>| {
            let cache = behind.clone();
            async move {
                let mut rows = HashMap::new();
                for keys in turn::distinct(keys).chunks(MAX_KEYS) {
                    rows.extend(cache.get_many(keys.iter().copied()).await?);
                }
                Ok(Arc::new(rows))
            }
        });
        Self::over(cache, batches)
    }

    /// A loader whose rows are read as a part of the request's own work, by statements that others share.
    pub fn joined<F>(cache: &RowCache<K, V>, load: impl Fn(Vec<K>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = kernel::cache::Loaded<K, V>> + Send,
    {
        let (behind, load) = (cache.clone(), Arc::new(load));
        let batches = Batches::over_others(move |keys: Vec<K>| {
            let (cache, load) = (behind.clone(), Arc::clone(&load));
            async move {
                let mut rows = HashMap::new();
                for keys in turn::distinct(keys).chunks(MAX_KEYS) {
                    rows.extend(cache.get_many_by(keys.iter().copied(), &*load).await?);
                }
                Ok(Arc::new(rows))
            }
        });
        Self::over(cache, batches)
    }

    fn over(cache: &RowCache<K, V>, batches: Batches<K, Loaded<K, V>>) -> Self {
        Self {
            cache: cache.clone(),
            batches,
            read: Mutex::new(Read {
                at: cache.moment(),
                rows: HashMap::default(),
            }),
            gate: None,
        }
    }

    /// From now on only some rows are there.
    pub fn guard(&mut self, gate: Gate<K, V>) {
        self.gate = Some(gate);
    }

    /// The row of a key, if there is one.
    pub async fn get(&self, key: K) -> Result<Option<Arc<V>>, Failure> {
        // What is in memory need not wait for siblings.
        let row = match self.known(key) {
            Some(known) => known,
            // In a box of its own, for every field's future holds this one, and most find their row at hand.
            None => Box::pin(self.load(&[key])).await?.get(&key).cloned(),
        };
        match (&self.gate, row) {
            (Some(gate), Some(row)) => {
                let mut admitted = Box::pin(gate.admit(vec![(key, row)])).await?;
                Ok(admitted.pop().map(|(_, row)| row))
            }
            (_, row) => Ok(row),
        }
    }

    /// The rows of keys, in their order; a key without a row is left out.
    pub async fn get_many(&self, keys: Vec<K>) -> Result<Vec<Arc<V>>, Failure> {
        Ok(self.get_pairs(keys).await?.into_iter().map(|(_, row)| row).collect())
    }

    /// Keys with their rows, in their order; a key without a row is left out.
    pub async fn get_pairs(&self, keys: Vec<K>) -> Result<Vec<(K, Arc<V>)>, Failure> {
        let known: Vec<Option<Found<V>>> = keys.iter().map(|key| self.known(*key)).collect();
        let unknown = keys.iter().zip(&known).filter(|(_, known)| known.is_none());
        let unknown: Vec<K> = unknown.map(|(key, _)| *key).collect();
        let loaded = match unknown.is_empty() {
            true => Arc::default(),
            false => Box::pin(self.load(&unknown)).await?,
        };
        let row = |(key, known): (K, Option<Found<V>>)| {
            let row = known.unwrap_or_else(|| loaded.get(&key).cloned())?;
            Some((key, row))
        };
        let pairs = keys.into_iter().zip(known).filter_map(row).collect();
        match &self.gate {
            Some(gate) => Box::pin(gate.admit(pairs)).await,
            None => Ok(pairs),
        }
    }

    /// The moment before a read whose rows will be kept by [`Rows::keep`].
    pub fn moment(&self) -> Moment {
        self.cache.moment()
    }

    /// Keeps rows that a read of something else brought along since a moment.
    pub fn keep(&self, moment: Moment, rows: impl IntoIterator<Item = (K, V)>) {
        self.cache.offer(moment, rows);
    }

    fn known(&self, key: K) -> Option<Found<V>> {
        let at = self.cache.moment();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        // Whatever was dropped from the cache since may be among what was read before.
        if let Some(found) = read.since(at).get(&key) {
            return Some(found.clone());
        }
        let found = self.cache.peek(key)?;
        read.rows.insert(key, found.clone());
        Some(found)
    }

    async fn load(&self, keys: &[K]) -> Result<Arc<HashMap<K, Arc<V>>>, Failure> {
        let moment = self.cache.moment();
        let loaded = self.batches.get(keys.iter().copied()).await??;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = keys.iter().map(|key| (*key, loaded.get(key).cloned()));
        read.since(moment).extend(rows);
        Ok(loaded)
    }
}
