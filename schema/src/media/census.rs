//! The census: what filters ask of items and facets count, of all items in memory. A database joins and groups half a
//! million rows for seconds; here it is a pass over some megabytes.
//!
//! It is made once a statement was slow on a library that is large, and kept current by the log of changes, which all
//! processes write: before each use the items that changed since the last one are read again. Where it is not there, or
//! does not know what a filter asks for, the database answers as before.

mod count;
mod own;
mod read;
mod table;
mod test;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use entities::id::{MediaId, UserId};
use kernel::{changes, error::Failure, sql};
use sea_orm::{DatabaseConnection, DbErr};

use self::{own::Owns, table::Table, test::Plan};
use crate::{
    kit::libraries::Libraries,
    media::{
        facets::{Counts, Facet},
        filter::{self, Descendants},
        inputs::MediaFilter,
    },
};

/// A statement that takes longer is worth a census.
const SLOW: Duration = Duration::from_millis(50);
/// Fewer items are no work for a database, however busy the machine is.
const FEW: i64 = 50_000;
/// More changes than this at once are read as everything is.
const MOST_CHANGES: usize = 5_000;
/// Nobody has asked for so long: the memory is for others.
const UNUSED: Duration = Duration::from_secs(900);

/// The items of a list, as positions in one census.
#[derive(Debug)]
pub struct Found {
    census: u64,
    positions: Vec<u32>,
    /// How many items there are in all.
    pub n_media: usize,
    /// Whether they are the list, and not more than it.
    pub is_exact: bool,
}

impl Found {
    /// How many they are.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// The bytes it takes in a cache.
    pub fn weigh(&self) -> u32 {
        64 + 4 * self.positions.len() as u32
    }
}

struct Held {
    /// Tells one census from the next.
    number: u64,
    /// The last entry of the log that is in it.
    sequence: i64,
    table: Table,
}

/// The census of a process. Clones are handles to the same one.
#[derive(Clone)]
pub struct Census {
    db: DatabaseConnection,
    owns: Owns,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    held: RwLock<Option<Held>>,
    /// Whoever brings it up to date.
    turn: tokio::sync::Mutex<u64>,
    is_making: AtomicBool,
    used_at: Mutex<Option<Instant>>,
}

impl Census {
    /// None yet.
    pub fn new(db: DatabaseConnection) -> Self {
        Self {
            owns: Owns::new(db.clone()),
            db,
            inner: Arc::default(),
        }
    }

    /// Hears that an account rated or viewed items.
    pub fn hear_own(&self, user: UserId, media: &[MediaId]) {
        self.owns.hear(user, media);
    }

    /// Hears how long a statement took that a census would have spared; makes one in the background where that is worth it.
    pub fn hear(&self, took: Duration) {
        if took < SLOW || self.inner.is_making.swap(true, Ordering::SeqCst) {
            return;
        }
        let census = self.clone();
        tokio::spawn(async move {
            if let Err(error) = census.make_if_worth().await {
                tracing::warn!(%error, "the census could not be made; lists are counted by the database");
            }
            census.inner.is_making.store(false, Ordering::SeqCst);
        });
    }

    /// Makes none by itself from now on, for who looks at what the database does.
    pub fn hold_off(&self) {
        self.inner.is_making.store(true, Ordering::SeqCst);
    }

    async fn make_if_worth(&self) -> Result<(), DbErr> {
        if self.is_there() {
            return Ok(());
        }
        let rows = sql::rows(
            &self.db,
            "select count(*) from (select 1 from media limit $1) few",
            [FEW.into()],
        )
        .await?;
        let n_media: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
        if n_media < FEW {
            return Ok(());
        }
        self.make().await
    }

    /// Reads all items.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn make(&self) -> Result<(), DbErr> {
        let begun = Instant::now();
        // What is written while the rows are read is read again.
        let sequence = changes::extent(&self.db).await?.newest;
        let table = read::all(&self.db).await?;
        let (n_media, n_bytes) = (table.ids.len(), table.n_bytes());
        let mut turn = self.inner.turn.lock().await;
        *turn += 1;
        let number = *turn;
        let held = Held {
            number,
            sequence,
            table,
        };
        *self.inner.held.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
        self.touch();
        self.forget_when_unused(number);
        let elapsed_ms = begun.elapsed().as_millis() as u64;
        tracing::info!(n_media, n_bytes, elapsed_ms, "a census of all items is in memory");
        Ok(())
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.read(|_| ()).is_some()
    }

    fn touch(&self) {
        *self.inner.used_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn forget_when_unused(&self, number: u64) {
        let (inner, owns) = (Arc::downgrade(&self.inner), self.owns.clone());
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(UNUSED / 4).await;
                let Some(inner) = inner.upgrade() else { return };
                let mut held = inner.held.write().unwrap_or_else(PoisonError::into_inner);
                if held.as_ref().is_none_or(|held| held.number != number) {
                    return;
                }
                let used_at = *inner.used_at.lock().unwrap_or_else(PoisonError::into_inner);
                if used_at.is_none_or(|used_at| used_at.elapsed() > UNUSED) {
                    *held = None;
                    owns.clear();
                    return;
                }
            }
        });
    }

    fn read<T>(&self, look: impl FnOnce(&Held) -> T) -> Option<T> {
        let held = self.inner.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(look)
    }

    /// Reads again what has changed; false where there is no census, or none any more.
    async fn is_current(&self) -> Result<bool, DbErr> {
        if !self.is_there() {
            return Ok(false);
        }
        let _turn = self.inner.turn.lock().await;
        let Some(sequence) = self.read(|held| held.sequence) else {
            return Ok(false);
        };
        self.touch();
        let behind = sequence.max(1) - 1;
        let entries = changes::since(&self.db, behind).await?;
        let known = entries.iter().take_while(|entry| entry.sequence <= sequence).count();
        let new = &entries[known..];
        // The entry that was read last must still be there: a log that has another end is another database's.
        let is_same_log = sequence == 0 || known == 1;
        let is_whole = (sequence + 1..).zip(new).all(|(next, entry)| entry.sequence == next);
        let changed: Option<BTreeSet<i64>> = new.iter().try_fold(BTreeSet::new(), |mut all, entry| {
            all.extend(entry.media.as_ref()?.iter().map(|id| id.0));
            Some(all)
        });
        let changed = changed.filter(|changed| is_same_log && is_whole && changed.len() <= MOST_CHANGES);
        let Some(changed) = changed else {
            *self.inner.held.write().unwrap_or_else(PoisonError::into_inner) = None;
            self.hear(Duration::MAX);
            return Ok(false);
        };
        let Some(last) = new.last() else { return Ok(true) };
        let changed: Vec<i64> = changed.into_iter().collect();
        let rows = read::some(&self.db, &changed).await?;
        let mut held = self.inner.held.write().unwrap_or_else(PoisonError::into_inner);
        let Some(current) = held.as_mut() else { return Ok(false) };
        rows.put(&mut current.table, &changed)?;
        current.sequence = last.sequence;
        if current.table.is_worn() {
            *held = None;
            self.hear(Duration::MAX);
        }
        Ok(held.is_some())
    }

    /// The items of a viewer's filter, and perhaps more: then with what must be asked of them besides. Absent where there is
    /// no census.
    ///
    /// # Errors
    /// An id is none, or the database fails.
    pub async fn find(
        &self,
        viewer: UserId,
        filter: Option<&MediaFilter>,
        descendants: &Descendants,
        sees: &Libraries,
    ) -> Result<Option<(Found, Option<MediaFilter>)>, Failure> {
        if !self.is_current().await? {
            return Ok(None);
        }
        let own = match filter.is_some_and(filter::mentions_viewer) {
            true => self.owns.of(viewer).await?,
            false => None,
        };
        let (census, filter) = (self.clone(), filter.cloned());
        let (descendants, sees) = (descendants.clone(), sees.clone());
        let find = move || {
            let own = own
                .as_ref()
                .map(|own| own.read().unwrap_or_else(PoisonError::into_inner));
            census.read(|held| {
                let plan = Plan::new(&held.table, own.as_deref(), filter.as_ref(), &descendants, &sees)?;
                let found = Found {
                    census: held.number,
                    positions: plan.find(&held.table),
                    n_media: held.table.ids.len(),
                    is_exact: plan.rest.is_none(),
                };
                Ok((found, plan.rest))
            })
        };
        let found = tokio::task::spawn_blocking(find).await.map_err(Failure::internal)?;
        found.transpose()
    }

    /// The ids of what was found; absent where the census is another one by now.
    pub fn ids(&self, found: &Found) -> Option<Vec<i64>> {
        self.of(found, |table| {
            let ids = found.positions.iter().map(|at| table.ids[*at as usize]);
            ids.collect()
        })
    }

    /// These items, which are the list; those that it does not know are left out.
    pub fn exactly(&self, found: &Found, ids: &[i64]) -> Option<Found> {
        self.of(found, |table| Found {
            census: found.census,
            positions: ids.iter().filter_map(|id| table.position(*id)).collect(),
            n_media: found.n_media,
            is_exact: true,
        })
    }

    /// What was found of these items, whose ids grow, too.
    pub fn both(&self, found: &Found, ids: &[i64]) -> Option<Found> {
        self.of(found, |table| {
            // Nearly all ids of the table grow as well, so that both are walked along together.
            let mut next = 0;
            let mut is_in = |id: i64| {
                if next > 0 && ids[next - 1] >= id {
                    return ids.binary_search(&id).is_ok();
                }
                next += ids[next..].iter().take_while(|other| **other < id).count();
                ids.get(next) == Some(&id)
            };
            let positions = found.positions.iter().copied();
            Found {
                census: found.census,
                positions: positions.filter(|at| is_in(table.ids[*at as usize])).collect(),
                n_media: found.n_media,
                is_exact: found.is_exact,
            }
        })
    }

    /// How many of the items have which value; absent where the census is another one by now, or does not know.
    pub fn count(&self, found: &Found, facet: Facet, first: usize) -> Option<Counts> {
        if !found.is_exact {
            return None;
        }
        self.of(found, |table| count::count(table, &found.positions, facet, first))
            .flatten()
    }

    fn of<T>(&self, found: &Found, look: impl FnOnce(&Table) -> T) -> Option<T> {
        self.read(|held| (held.number == found.census).then(|| look(&held.table)))
            .flatten()
    }
}
