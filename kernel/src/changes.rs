//! The log of what was added, changed and removed: written by each transaction before it commits, in the order of commits,
//! so that whoever was away, in whatever process, reads on where it stopped. It is bounded: who was away for longer reads
//! everything anew.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
};

use entities::id::MediaId;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, TryGetable, Value};

use crate::sql;

/// So many entries are kept, and some more.
pub const KEPT: i64 = 100_000;
/// After so many transactions of a process older ones are dropped.
const SLACK: u64 = 500;
/// An entry of more items than this does not name them.
pub const MOST_NAMED: usize = 2_000;
/// Entries in one read.
const CHUNK: u64 = 1_000;

/// What happened to items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// They are new.
    Added = 0,
    /// They, their files, streams or edges changed.
    Changed = 1,
    /// They are gone, or none of their files is present any more.
    Removed = 2,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place: greater than those of all commits before.
    pub sequence: i64,
    /// What happened.
    pub kind: ChangeKind,
    /// To which items; absent where they were too many to name.
    pub media: Option<Vec<MediaId>>,
}

/// Which entries there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The last one that was dropped, or 0.
    pub dropped: i64,
    /// The newest, or 0.
    pub newest: i64,
}

impl Extent {
    /// Whether all that came after an entry is still there.
    pub fn reaches(self, sequence: i64) -> bool {
        (self.dropped..=self.newest).contains(&sequence)
    }
}

/// Which entries there are now.
///
/// # Errors
/// When the database fails.
pub async fn extent(db: &impl ConnectionTrait) -> Result<Extent, DbErr> {
    let text = "select coalesce((select min(id) from library_change) - 1, 0), coalesce((select max(id) from library_change), 0)";
    let rows = sql::rows(db, text, []).await?;
    let number = |at: usize| rows.first().map_or(Ok(0), |row| row.try_get_by_index(at));
    Ok(Extent {
        dropped: number(0)?,
        newest: number(1)?,
    })
}

/// The entries after this one, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn since(db: &impl ConnectionTrait, sequence: i64) -> Result<Vec<Entry>, DbErr> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let last = entries.last().map_or(sequence, |entry| entry.sequence);
        let text = format!("select id, kind, media_ids from library_change where id > $1 order by id limit {CHUNK}");
        let rows = sql::rows(db, text, [last.into()]).await?;
        let n_rows = rows.len() as u64;
        for row in rows {
            entries.push(entry(&row)?);
        }
        if n_rows < CHUNK {
            return Ok(entries);
        }
    }
}

fn entry(row: &QueryResult) -> Result<Entry, DbErr> {
    let kind = match row.try_get_by_index::<i64>(1)? {
        0 => ChangeKind::Added,
        2 => ChangeKind::Removed,
        _ => ChangeKind::Changed,
    };
    let ids = Option::<String>::try_get_by_index(row, 2)?;
    // What cannot be read is as good as unnamed.
    let media = ids.and_then(|ids| serde_json::from_str::<Vec<i64>>(&ids).ok());
    Ok(Entry {
        sequence: row.try_get_by_index(0)?,
        kind,
        media: media.map(|ids| ids.into_iter().map(MediaId).collect()),
    })
}

/// The ids of an entry as it keeps them; nothing for too many to name.
pub fn named<T: Copy + Into<i64>>(media: &BTreeSet<T>) -> Option<String> {
    (media.len() <= MOST_NAMED).then(|| format!("[{}]", sql::ids(media.iter().copied())))
}

/// What makes entries on PostgreSQL come in the order of commits: a number is taken once this lock is held, which goes with
/// the transaction. SQLite has one writer.
pub const HOLD: &str = "select pg_advisory_xact_lock(8315163817431)";

/// What a transaction will have changed.
#[derive(Debug, Default)]
pub(crate) struct Pending([BTreeSet<i64>; 3]);

impl Pending {
    pub(crate) fn add(&mut self, kind: ChangeKind, media: &[MediaId]) {
        self.0[kind as usize].extend(media.iter().map(|id| id.0));
    }

    /// Writes an entry a kind; the last statement of its transaction.
    pub(crate) async fn write(self, tx: &DatabaseTransaction, now: i64) -> Result<(), DbErr> {
        let mut values: Vec<Value> = Vec::new();
        let mut entries = Vec::new();
        for (kind, media) in self.0.iter().enumerate().filter(|(_, media)| !media.is_empty()) {
            values.push(named(media).into());
            let n = values.len();
            entries.push(format!(
                "select {n} as n, {kind} as kind, cast(${n} as text) as media_ids"
            ));
        }
        if entries.is_empty() {
            return Ok(());
        }
        let entries = entries.join(" union all ");
        let insert = "insert into library_change (id, kind, media_ids, created_at)";
        let text = match tx.get_database_backend() {
            DbBackend::Postgres => format!(
                "with held as materialized ({HOLD}), entries as ({entries}) {insert} \
                 select nextval('library_change_id_seq'), kind, media_ids, {now} from held, entries"
            ),
            _ => format!(
                "with entries as ({entries}), newest as (select coalesce(max(id), 0) as id from library_change) {insert} \
                 select newest.id + n, kind, media_ids, {now} from newest, entries"
            ),
        };
        sql::execute(tx, text, values).await?;
        if is_one_of(SLACK) {
            let text = "delete from library_change where id <= (select max(id) from library_change) - $1";
            sql::execute(tx, text, [KEPT.into()]).await?;
        }
        Ok(())
    }
}

/// Once in so many calls.
fn is_one_of(n: u64) -> bool {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    CALLS.fetch_add(1, Ordering::Relaxed) % n == n - 1
}
