//! An edit while it is being made: rules state differences, and the edit does everything else.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    mem,
};

use entities::{
    edit,
    id::{EditId, JobId, LibraryId, MediaId, UserId},
};
use kernel::{error::Failure, plugin::Kernel, sql, store::Tx};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, TryGetable};
use serde_json::{Value as Json, json};

use super::{
    change::{Change, coalesced},
    effects::Effects,
    row::Row,
    settlement::Settlement,
    table::{MEDIA_USER, SAVED_FILTER, SubjectKind, Table},
    write,
};
use crate::kit::{
    access::{Viewer, only_looks},
    libraries::Libraries,
    visible::Named,
};

/// An item that an edit holds until it ends.
#[derive(Debug, Clone, Copy)]
pub struct Locked {
    /// When its library first saw it.
    pub added_at: i64,
    /// Whether counters count it: a file of it is present.
    pub is_counted: bool,
    /// The library that it is in.
    pub library: LibraryId,
}

/// Who makes an edit.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The account.
    pub user: UserId,
    /// Its name now.
    pub name: String,
    /// The libraries whose items are there for it.
    pub sees: Libraries,
    /// The libraries whose items it may change.
    pub edits: Libraries,
}

impl From<&Viewer> for Actor {
    fn from(viewer: &Viewer) -> Self {
        Self {
            user: viewer.user,
            name: viewer.name.clone(),
            sees: viewer.sees.clone(),
            edits: viewer.edits.clone(),
        }
    }
}

/// What an edit came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// By which it can be undone; absent when nothing changed.
    pub token: Option<EditId>,
    /// How many things changed.
    pub n_subjects: i64,
}

/// An edit that is being made, in a transaction of its own.
pub struct Edit {
    tx: Tx,
    /// The time of everything in it.
    pub now: i64,
    id: EditId,
    actor: Actor,
    action: String,
    undoes: Option<EditId>,
    undone: Vec<(i64, Option<i64>)>,
    position: i64,
    n_subjects: i64,
    n_changes: i64,
    /// Subjects and changes that its row counts already.
    recorded: (i64, i64),
    is_private: bool,
    subjects: Vec<Json>,
    pending: Vec<Change>,
    locked: HashMap<i64, Locked>,
    effects: Effects,
}

/// How many differences are held before they are written.
const MANY: usize = 4_000;

impl Edit {
    /// Begins an edit: `action` is the mutation's name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(kernel: &Kernel, viewer: &Viewer, action: &str) -> Result<Self, Failure> {
        let tx = kernel.store.begin_shared().await?;
        Ok(Self::over(tx, kernel.clock.now_ms(), viewer.into(), action))
    }

    /// An edit in a transaction that was begun for it.
    pub fn over(tx: Tx, now: i64, actor: Actor, action: &str) -> Self {
        Self {
            tx,
            now,
            id: EditId::new(),
            actor,
            action: action.to_owned(),
            undoes: None,
            undone: Vec::new(),
            position: 0,
            n_subjects: 0,
            n_changes: 0,
            recorded: (0, 0),
            is_private: true,
            subjects: Vec::new(),
            pending: Vec::new(),
            locked: HashMap::new(),
            effects: Effects::default(),
        }
    }

    /// The next part of an edit that a job makes in several transactions.
    pub fn resume(tx: Tx, now: i64, row: &edit::Model) -> Self {
        let actor = Actor {
            user: row.user_id.unwrap_or(UserId(0)),
            name: row.actor.clone(),
            // What a job changes was chosen among what the account may change.
            sees: Libraries::All,
            edits: Libraries::All,
        };
        let mut resumed = Self::over(tx, now, actor, &row.action);
        resumed.id = row.id;
        resumed.position = row.n_subjects;
        resumed.is_private = row.is_private;
        resumed
    }

    /// Says that this edit takes another one back: that one is marked, and what it had undone itself stands again.
    pub fn undoes(&mut self, other: &edit::Model) {
        self.undoes = Some(other.id);
        self.undone = vec![(other.id.0, Some(self.id.0))];
        self.undone.extend(other.undoes_id.map(|first| (first.0, None)));
    }

    /// The transaction, for reading and for what follows from the edit.
    pub fn tx(&self) -> &Tx {
        &self.tx
    }

    /// By what the edit is known.
    pub fn id(&self) -> EditId {
        self.id
    }

    /// Holds items until the edit ends; gives those that exist for who makes it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lock(&mut self, media: &[MediaId]) -> Result<HashMap<i64, Locked>, DbErr> {
        let wanted: BTreeSet<i64> = media.iter().map(|id| id.0).collect();
        let new: Vec<i64> = wanted
            .iter()
            .copied()
            .filter(|id| !self.locked.contains_key(id))
            .collect();
        let lock = if self.tx.get_database_backend() == DbBackend::Postgres {
            "for update"
        } else {
            ""
        };
        for chunk in new.chunks(sql::CHUNK) {
            let list = sql::ids(chunk.iter().copied());
            let text = format!(
                "select id, added_at, missing_at, library_id from media where id in ({list}) order by id {lock}"
            );
            for row in sql::rows(&*self.tx, text, []).await? {
                let missing_at: Option<i64> = row.try_get_by_index(2)?;
                let locked = Locked {
                    added_at: row.try_get_by_index(1)?,
                    is_counted: missing_at.is_none(),
                    library: LibraryId(row.try_get_by_index(3)?),
                };
                self.locked.insert(row.try_get_by_index(0)?, locked);
            }
        }
        let of = |id: &i64| self.seen(*id).map(|locked| (*id, *locked));
        Ok(wanted.iter().filter_map(of).collect())
    }

    /// Takes up an item that another statement of the transaction has locked.
    pub(super) fn locked(&mut self, id: i64, locked: Locked) {
        self.locked.insert(id, locked);
    }

    /// Whether it holds an item.
    pub fn holds(&self, media: MediaId) -> bool {
        self.seen(media.0).is_some()
    }

    /// Whether a library is there for who makes the edit.
    pub fn sees(&self, library: LibraryId) -> bool {
        self.actor.sees.has(library)
    }

    /// Whether who makes the edit may change the items of all libraries.
    pub fn reaches_all(&self) -> bool {
        self.actor.edits.is_all()
    }

    fn seen(&self, media: i64) -> Option<&Locked> {
        let locked = self.locked.get(&media)?;
        self.actor.sees.has(locked.library).then_some(locked)
    }

    /// Refuses items of libraries that who makes the edit may not change; those that do not exist are fine.
    ///
    /// # Errors
    /// One is in such a library, or the database fails.
    pub async fn must_edit(&mut self, media: &[MediaId]) -> Result<(), Failure> {
        if self.actor.edits.is_all() {
            return Ok(());
        }
        self.lock(media).await?;
        let locked = media.iter().filter_map(|id| self.locked.get(&id.0));
        let mut foreign = locked.filter(|locked| !self.actor.edits.has(locked.library));
        foreign.next().map_or(Ok(()), |_| Err(only_looks()))
    }

    /// The present rows of a table whose column has one of these values. Changes that are stated but not written yet
    /// are not among them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(&self, table: &'static Table, column: &str, ids: &[i64]) -> Result<Vec<Row>, DbErr> {
        write::read(&*self.tx, table, column, ids).await
    }

    /// States a new row.
    pub fn insert(&mut self, table: &'static Table, row: Row) {
        self.state(Change {
            table,
            before: None,
            after: Some(row),
        });
    }

    /// States that a row goes.
    pub fn delete(&mut self, table: &'static Table, row: Row) {
        self.state(Change {
            table,
            before: Some(row),
            after: None,
        });
    }

    /// States that a row becomes another one; nothing if it is the same.
    pub fn update(&mut self, table: &'static Table, before: Row, after: Row) {
        if before != after {
            self.state(Change {
                table,
                before: Some(before),
                after: Some(after),
            });
        }
    }

    /// States a difference that was worked out elsewhere.
    pub(super) fn state(&mut self, change: Change) {
        self.pending.push(change);
    }

    /// Removes all rows of a table whose column has one of these values; gives them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_all(&mut self, table: &'static Table, column: &str, ids: &[i64]) -> Result<Vec<Row>, Failure> {
        let rows = self.read(table, column, ids).await?;
        for row in &rows {
            self.delete(table, row.clone());
        }
        self.write_if_many().await?;
        Ok(rows)
    }

    /// Writes what was stated once it is much, so that memory stays small.
    ///
    /// # Errors
    /// As [`Edit::write`].
    pub async fn write_if_many(&mut self) -> Result<(), Failure> {
        if self.pending.len() >= MANY {
            self.write().await
        } else {
            Ok(())
        }
    }

    /// Writes what was stated so far, so that the transaction sees it.
    ///
    /// # Errors
    /// A name is taken, or the database fails.
    pub async fn write(&mut self) -> Result<(), Failure> {
        let changes = coalesced(mem::take(&mut self.pending));
        if changes.is_empty() {
            return Ok(());
        }
        let items: Vec<MediaId> = Effects::items(&changes).into_iter().map(MediaId).collect();
        self.lock(&items).await?;
        let of_everyone = changes.iter().filter(|change| !is_own(change.table));
        let touched: Vec<MediaId> = of_everyone.flat_map(Change::media).map(MediaId).collect();
        self.must_edit(&touched).await?;
        write::write(&self.tx, &changes, self.now).await?;
        self.effects.add(&changes, &self.locked);
        self.is_private &= changes.iter().all(|change| is_own(change.table));
        self.record(&changes);
        if self.subjects.len() >= MANY {
            let settlement = Settlement {
                head: Some(self.head(None)),
                subjects: mem::take(&mut self.subjects),
                ..Settlement::default()
            };
            settlement.write(&self.tx).await?;
        }
        Ok(())
    }

    /// Records the edit before its first difference, because a job makes it later.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(mut self, job: JobId) -> Result<EditId, Failure> {
        let settlement = Settlement {
            head: Some(self.head(Some(job))),
            undone: mem::take(&mut self.undone),
            ..Settlement::default()
        };
        settlement.write(&self.tx).await?;
        self.tx.commit().await?;
        Ok(self.id)
    }

    /// Writes the rest and ends the edit.
    ///
    /// # Errors
    /// As [`Edit::write`].
    pub async fn commit(mut self) -> Result<Done, Failure> {
        let done = self.settle().await?;
        let Self { tx, effects, .. } = self;
        effects.publish(&tx);
        tx.commit().await?;
        Ok(done)
    }

    /// Everything of [`Edit::commit`] but the end of the transaction, for a job that saves its state in it.
    ///
    /// # Errors
    /// As [`Edit::write`].
    pub async fn settle(&mut self) -> Result<Done, Failure> {
        self.write().await?;
        let mut settlement = self.effects.settle(&self.tx, self.now).await?;
        settlement.undone = mem::take(&mut self.undone);
        let has_changes = self.n_subjects > 0;
        if has_changes {
            settlement.head = Some(self.head(None));
            settlement.subjects = mem::take(&mut self.subjects);
        }
        settlement.write(&self.tx).await?;
        Ok(Done {
            token: has_changes.then_some(self.id),
            n_subjects: self.n_subjects,
        })
    }

    /// Its row, with what was not counted in it yet.
    fn head(&mut self, job: Option<JobId>) -> Json {
        let (n_subjects, n_changes) = mem::replace(&mut self.recorded, (self.n_subjects, self.n_changes));
        json!([
            self.id.0,
            self.actor.user.0,
            self.actor.name,
            self.action,
            self.is_private,
            self.n_subjects - n_subjects,
            self.n_changes - n_changes,
            job.map(|job| job.0),
            self.undoes.map(|undoes| undoes.0),
            self.now,
        ])
    }

    fn record(&mut self, changes: &[Change]) {
        let mut subjects: BTreeMap<(SubjectKind, i64), Vec<Json>> = BTreeMap::new();
        let mut order = Vec::new();
        for change in changes {
            let subject = change.subject();
            let kept = subjects.entry(subject).or_default();
            if kept.is_empty() {
                order.push(subject);
            }
            kept.push(change.kept());
        }
        self.n_changes += changes.len() as i64;
        self.n_subjects += order.len() as i64;
        for subject in order {
            let (kind, id) = subject;
            let kept = Json::Array(subjects.remove(&subject).unwrap_or_default()).to_string();
            self.subjects
                .push(json!([self.id.0, self.position, kind.number(), id, kept]));
            self.position += 1;
        }
    }

    /// Ends the transaction of a part of which [`Edit::settle`] was called.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish(self) -> Result<(), Failure> {
        let Self { tx, effects, .. } = self;
        effects.publish(&tx);
        tx.commit().await?;
        Ok(())
    }
}

/// Whether the rows of a table belong to one account alone.
fn is_own(table: &Table) -> bool {
    [MEDIA_USER.name, SAVED_FILTER.name].contains(&table.name)
}

/// Refuses ids of which the table has no row; `path` is the list in the input, or the one id.
///
/// # Errors
/// An id is unknown, or the database fails.
pub async fn must_exist<T>(
    edit: &Edit,
    table: &str,
    noun: &str,
    ids: &[T],
    path: impl Fn(usize) -> String,
) -> Result<(), Failure>
where
    T: Copy + Into<i64> + ToString,
{
    if ids.is_empty() {
        return Ok(());
    }
    let mut known = BTreeSet::new();
    for chunk in ids.chunks(sql::CHUNK) {
        // What is not there for who edits does not exist.
        let shown = Named::of_table(table).and_then(|named| named.condition(&edit.actor.sees));
        let and = shown.map_or_else(String::new, |shown| format!(" and {shown}"));
        let text = format!(
            "select id from {table} where id in ({}){and}",
            sql::ids(chunk.iter().copied())
        );
        for row in sql::rows(&*edit.tx, text, []).await? {
            known.insert(i64::try_get_by(&row, 0).map_err(DbErr::from)?);
        }
    }
    match ids.iter().position(|id| !known.contains(&(*id).into())) {
        Some(index) => Err(Failure::field(
            path(index),
            format!("no {noun} `{}`", ids[index].to_string()),
        )),
        None => Ok(()),
    }
}
