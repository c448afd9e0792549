//! What searches find of a large library, in memory: a list's filter, order and facets change, and its search stays. Of a list
//! that is kept only those items are looked at again that were indexed since.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use entities::id::MediaId;
use kernel::{cache::AnswerCache, error::Failure, events::MediaRemoved, plugin::Kernel};
use sea_orm::{DatabaseConnection, sea_query::SelectStatement};

use crate::{
    kit::listed::ids_of,
    search::{Term, index::MediaIndexed, matching},
};

/// The bytes of all lists.
const CAPACITY: u64 = 64 << 20;
/// A search that finds more is not kept.
const MOST: usize = 1_000_000;
/// More items that were indexed since are a reason to ask for all again.
const MOST_RECENT: usize = 500;

/// The lists of a process. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Searches {
    db: DatabaseConnection,
    held: AnswerCache<Kept>,
    recent: Arc<Mutex<Recent>>,
}

/// A list; whoever brings it up to date does so for all who wait.
struct Kept {
    n_ids: usize,
    list: tokio::sync::Mutex<List>,
}

struct List {
    /// The last fact that is in it.
    heeded: u64,
    /// Absent where there were too many.
    ids: Option<Arc<[i64]>>,
}

impl Kept {
    fn weigh(&self) -> u32 {
        (64 + 8 * self.n_ids) as u32
    }
}

/// What was indexed lately.
#[derive(Debug, Default)]
struct Recent {
    /// The number of the newest fact.
    newest: u64,
    /// Facts up to this one are forgotten.
    forgotten: u64,
    facts: VecDeque<Vec<i64>>,
    n_items: usize,
}

impl Recent {
    fn hear(&mut self, media: &[MediaId]) {
        self.newest += 1;
        self.n_items += media.len();
        self.facts.push_back(media.iter().map(|id| id.0).collect());
        while self.n_items > MOST_RECENT {
            let Some(oldest) = self.facts.pop_front() else { break };
            self.n_items -= oldest.len();
            self.forgotten += 1;
        }
    }

    /// The items of all facts after this one; absent where some are forgotten.
    fn since(&self, fact: u64) -> Option<BTreeSet<i64>> {
        let n_heeded = fact.checked_sub(self.forgotten)? as usize;
        Some(self.facts.iter().skip(n_heeded).flatten().copied().collect())
    }
}

impl Searches {
    /// Makes the cache, once per process, and lets it hear what is indexed.
    pub fn new(kernel: &Kernel) -> Self {
        let recent = Arc::new(Mutex::new(Recent::default()));
        let hears = Arc::clone(&recent);
        kernel
            .events
            .on::<MediaIndexed>(move |fact| held(&hears).hear(&fact.media));
        let hears = Arc::clone(&recent);
        kernel
            .events
            .on::<MediaRemoved>(move |fact| held(&hears).hear(&fact.media));
        Self {
            db: kernel.store.reader().clone(),
            held: kernel.caches.answers("search.found", CAPACITY, Kept::weigh),
            recent,
        }
    }

    /// The ids of all items that a search finds, whether they are missing or not, from the smallest; absent when nothing but
    /// exclusions is asked for, or more is found than is kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, terms: &[Term]) -> Result<Option<Arc<[i64]>>, Failure> {
        let backend = self.db.get_database_backend();
        let Some(all) = matching::found(terms, backend) else {
            return Ok(None);
        };
        // The facts first: what is indexed meanwhile is looked at again.
        let heeded = held(&self.recent).newest;
        let read = async || {
            let ids = self.read(&all).await?;
            Ok::<_, Failure>(Kept {
                n_ids: ids.as_ref().map_or(0, |ids| ids.len()),
                list: tokio::sync::Mutex::new(List { heeded, ids }),
            })
        };
        let kept = self.held.get_or_load(&format!("{terms:?}"), read).await?;
        let mut list = kept.list.lock().await;
        let (newest, changed) = {
            let recent = held(&self.recent);
            (recent.newest, recent.since(list.heeded))
        };
        if newest == list.heeded {
            return Ok(list.ids.clone());
        }
        list.ids = match (&list.ids, changed) {
            (None, _) => None,
            (Some(_), None) => self.read(&all).await?,
            (Some(ids), Some(changed)) => {
                let changed: Vec<i64> = changed.into_iter().collect();
                let found = match matching::found_among(terms, &changed, backend) {
                    Some(among) => ids_of(&self.db, &among).await?,
                    None => Vec::new(),
                };
                Some(replaced(ids, &changed, &found))
            }
        };
        list.heeded = newest;
        Ok(list.ids.clone())
    }

    async fn read(&self, all: &SelectStatement) -> Result<Option<Arc<[i64]>>, Failure> {
        let mut ids = ids_of(&self.db, all.clone().limit(MOST as u64 + 1)).await?;
        ids.sort_unstable();
        Ok((ids.len() <= MOST).then(|| ids.into()))
    }
}

/// A list in which what has changed is there as far as it is found now.
fn replaced(ids: &[i64], changed: &[i64], found: &[i64]) -> Arc<[i64]> {
    let mut all: Vec<i64> = ids
        .iter()
        .filter(|id| changed.binary_search(id).is_err())
        .chain(found)
        .copied()
        .collect();
    // A run and a few at its end: this is a merge.
    all.sort();
    all.into()
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[i64]) -> Vec<MediaId> {
        ids.iter().copied().map(MediaId).collect()
    }

    #[test]
    fn what_was_indexed_since_is_known_until_there_was_much_of_it() {
        let mut recent = Recent::default();
        assert_eq!(recent.since(0), Some(BTreeSet::new()));
        recent.hear(&ids(&[3, 4]));
        recent.hear(&ids(&[4, 5]));
        assert_eq!(recent.since(0), Some(BTreeSet::from([3, 4, 5])));
        assert_eq!(recent.since(1), Some(BTreeSet::from([4, 5])));
        assert_eq!(recent.since(2), Some(BTreeSet::new()));
        let many: Vec<i64> = (0..MOST_RECENT as i64 - 1).collect();
        recent.hear(&ids(&many));
        assert_eq!((recent.since(0), recent.since(1)), (None, None));
        assert_eq!(recent.since(2).map(|all| all.len()), Some(MOST_RECENT - 1));
        // Too many at once: whoever asked before must ask for all again.
        recent.hear(&ids(&(0..MOST_RECENT as i64 + 1).collect::<Vec<_>>()));
        assert_eq!(
            (recent.newest, recent.since(3), recent.since(4)),
            (4, None, Some(BTreeSet::new()))
        );
    }

    #[test]
    fn what_has_changed_is_in_a_list_as_far_as_it_is_found() {
        assert_eq!(replaced(&[1, 3, 5, 7], &[3, 4, 7], &[4, 7])[..], [1, 4, 5, 7]);
        assert_eq!(replaced(&[], &[2], &[2])[..], [2]);
    }
}
