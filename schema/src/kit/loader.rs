//! Loaders of one request: they gather the keys that sibling fields ask for, and ask the shared cache once.

use std::{collections::HashMap, fmt::Debug, hash::Hash, sync::Arc};

use dataloader::{BatchFn, cached::Loader};
use kernel::{cache::RowCache, error::Failure};
use sea_orm::DbErr;

use crate::limits;

/// Polls that a loader waits for more keys. Sibling fields of two hundred items wake in about a dozen polls, because
/// they pass one lock and tokio's budget on; with 4, the streams of forty items took twelve statements instead of two,
/// and with 24, a page of forty cards with their pictures took nine instead of eight.
pub const YIELDS: usize = 48;

type Loaded<V> = Result<Option<Arc<V>>, Arc<DbErr>>;

/// Asks a row cache for a batch.
pub struct FromCache<K, V> {
    cache: RowCache<K, V>,
}

impl<K, V> BatchFn<K, Loaded<V>> for FromCache<K, V>
where
    K: Hash + Eq + Copy + Debug + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    async fn load(&mut self, keys: &[K]) -> HashMap<K, Loaded<V>> {
        match self.cache.get_many(keys.iter().copied()).await {
            Ok(mut rows) => keys.iter().map(|key| (*key, Ok(rows.remove(key)))).collect(),
            Err(error) => keys.iter().map(|key| (*key, Err(Arc::clone(&error)))).collect(),
        }
    }
}

/// The rows of one kind, for one request.
pub struct Rows<K, V>
where
    K: Hash + Eq + Copy + Debug + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    cache: RowCache<K, V>,
    loader: Loader<K, Loaded<V>, FromCache<K, V>>,
}

impl<K, V> Rows<K, V>
where
    K: Hash + Eq + Copy + Debug + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// A loader in front of a cache.
    pub fn new(cache: &RowCache<K, V>) -> Self {
        let loader = Loader::new(FromCache { cache: cache.clone() });
        Self {
            cache: cache.clone(),
            loader: loader.with_yield_count(YIELDS).with_max_batch_size(limits::PAGE_OF_IDS),
        }
    }

    /// The row of a key, if there is one.
    pub async fn get(&self, key: K) -> Result<Option<Arc<V>>, Failure> {
        // What is in memory need not wait for siblings.
        if let Some(known) = self.cache.peek(key) {
            return Ok(known);
        }
        let loaded = self.loader.try_load(key).await.map_err(Failure::internal)?;
        Ok(loaded?)
    }

    /// The rows of keys, in their order; a key without a row is left out.
    pub async fn get_many(&self, keys: Vec<K>) -> Result<Vec<Arc<V>>, Failure> {
        Ok(self.get_pairs(keys).await?.into_iter().map(|(_, row)| row).collect())
    }

    /// Keys with their rows, in their order; a key without a row is left out.
    pub async fn get_pairs(&self, keys: Vec<K>) -> Result<Vec<(K, Arc<V>)>, Failure> {
        let known = keys.iter().map(|key| Some((*key, self.cache.peek(*key)?)));
        if let Some(known) = known.collect::<Option<Vec<_>>>() {
            return Ok(known.into_iter().filter_map(|(key, row)| Some((key, row?))).collect());
        }
        let mut loaded = self
            .loader
            .try_load_many(keys.clone())
            .await
            .map_err(Failure::internal)?;
        let mut rows = Vec::with_capacity(keys.len());
        for key in keys {
            rows.extend(loaded.remove(&key).transpose()?.flatten().map(|row| (key, row)));
        }
        Ok(rows)
    }
}
