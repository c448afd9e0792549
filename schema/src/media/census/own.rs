//! What accounts did with items, beside the census: read whole once for each account that filters by it, then only what it
//! did since.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use entities::id::{MediaId, UserId};
use foldhash::fast::RandomState;
use kernel::sql;
use sea_orm::{DatabaseConnection, DbErr, QueryResult};

/// So many accounts are held at once.
const MOST_ACCOUNTS: usize = 16;
/// More than this at once are read as all are.
const MOST_STALE: usize = 5_000;
/// Rows in one statement: none of them keeps a connection for long.
const CHUNK: usize = 20_000;
/// After so long all is read again: what nobody told of has changed, too.
const LIFE: Duration = Duration::from_secs(60);

/// What an account did with an item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deed {
    /// 0 to 100.
    pub rating: Option<i32>,
    /// Whether it is a favorite.
    pub is_favorite: bool,
    /// How often it was viewed.
    pub n_views: i64,
}

/// What one account did, by item.
#[derive(Debug, Default)]
pub struct Own(HashMap<i64, Deed, RandomState>);

impl Own {
    /// What it did with an item.
    pub fn of(&self, media: i64) -> Deed {
        self.0.get(&media).copied().unwrap_or_default()
    }

    fn put(&mut self, row: &QueryResult) -> Result<(), DbErr> {
        let deed = Deed {
            rating: row.try_get_by_index(1)?,
            is_favorite: row.try_get_by_index(2)?,
            n_views: row.try_get_by_index(3)?,
        };
        self.0.insert(row.try_get_by_index(0)?, deed);
        Ok(())
    }
}

const COLUMNS: &str = "media_id, rating, is_favorite, n_views";

async fn all(db: &DatabaseConnection, user: UserId) -> Result<Own, DbErr> {
    let mut own = Own::default();
    let mut last = 0;
    loop {
        let text = format!(
            "select {COLUMNS} from media_user where user_id = $1 and media_id > $2 order by media_id limit {CHUNK}"
        );
        let rows = sql::rows(db, text, [user.0.into(), last.into()]).await?;
        for row in &rows {
            own.put(row)?;
        }
        match rows.last() {
            Some(row) if rows.len() == CHUNK => last = row.try_get_by_index(0)?,
            _ => return Ok(own),
        }
    }
}

struct Held {
    /// Absent while it is read.
    own: Option<Arc<RwLock<Own>>>,
    /// What it did since, each with the number of the news.
    stale: BTreeMap<i64, u64>,
    /// The same for the time in which all is being read.
    meanwhile: BTreeMap<i64, u64>,
    n_news: u64,
    read_at: Instant,
    used_at: Instant,
    /// The reading of all that is under way: another one's outcome is of another time.
    reading: Option<Arc<()>>,
}

/// What some accounts did. Clones are handles to the same.
#[derive(Clone)]
pub struct Owns {
    db: DatabaseConnection,
    held: Arc<Mutex<HashMap<UserId, Held>>>,
    /// Whoever reads what is stale.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Owns {
    /// None yet.
    pub fn new(db: DatabaseConnection) -> Self {
        Self {
            db,
            held: Arc::default(),
            turn: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears that an account did something.
    pub fn hear(&self, user: UserId, media: &[MediaId]) {
        if let Some(held) = self.lock().get_mut(&user) {
            held.n_news += 1;
            let news = media.iter().map(|id| (id.0, held.n_news));
            if held.reading.is_some() {
                held.meanwhile.extend(news.clone());
            }
            held.stale.extend(news);
        }
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// What an account did until now. Absent the first time, which has it read in the background.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(&self, user: UserId) -> Result<Option<Arc<RwLock<Own>>>, DbErr> {
        let _turn = self.turn.lock().await;
        let (own, stale) = {
            let mut all = self.lock();
            let Some(held) = all.get_mut(&user) else {
                make_room(&mut all);
                let held = all.entry(user).or_insert_with(Held::new);
                self.read(user, held);
                return Ok(None);
            };
            held.used_at = Instant::now();
            let Some(own) = held.own.clone() else { return Ok(None) };
            let is_much = held.stale.len() > MOST_STALE;
            if (is_much || held.read_at.elapsed() > LIFE) && held.reading.is_none() {
                self.read(user, held);
            }
            if is_much {
                return Ok(None);
            }
            (own, held.stale.clone())
        };
        if stale.is_empty() {
            return Ok(Some(own));
        }
        let ids = sql::ids(stale.keys().copied());
        let text = format!("select {COLUMNS} from media_user where user_id = $1 and media_id in ({ids})");
        let rows = sql::rows(&self.db, text, [user.0.into()]).await?;
        {
            let mut known = own.write().unwrap_or_else(PoisonError::into_inner);
            for id in stale.keys() {
                known.0.remove(id);
            }
            for row in &rows {
                known.put(row)?;
            }
        }
        if let Some(held) = self.lock().get_mut(&user) {
            // What was told of meanwhile is read once more.
            held.stale.retain(|id, news| stale.get(id) != Some(news));
        }
        Ok(Some(own))
    }

    /// Reads all that an account did.
    fn read(&self, user: UserId, held: &mut Held) {
        let (owns, reading) = (self.clone(), Arc::new(()));
        held.meanwhile.clear();
        held.reading = Some(Arc::clone(&reading));
        tokio::spawn(async move {
            let read = all(&owns.db, user).await;
            let mut all = owns.lock();
            let is_it = |held: &&mut Held| held.reading.as_ref().is_some_and(|other| Arc::ptr_eq(other, &reading));
            let Some(held) = all.get_mut(&user).filter(is_it) else {
                return;
            };
            match read {
                Ok(own) => {
                    held.own = Some(Arc::new(RwLock::new(own)));
                    held.stale = std::mem::take(&mut held.meanwhile);
                    held.read_at = Instant::now();
                    held.reading = None;
                }
                Err(error) => {
                    all.remove(&user);
                    tracing::warn!(%error, "what an account did could not be read; filters by it ask the database");
                }
            }
        });
    }
}

impl Held {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            own: None,
            stale: BTreeMap::new(),
            meanwhile: BTreeMap::new(),
            n_news: 0,
            read_at: now,
            used_at: now,
            reading: None,
        }
    }
}

fn make_room(all: &mut HashMap<UserId, Held>) {
    while all.len() >= MOST_ACCOUNTS {
        let Some(oldest) = all.iter().min_by_key(|(_, held)| held.used_at).map(|(user, _)| *user) else {
            return;
        };
        all.remove(&oldest);
    }
}
