//! Reading the audit log: who may see and undo an edit, and how long edits are kept.

use entities::{
    edit,
    id::EditId,
    job::{self, JobStatus},
    user::Role,
};
use kernel::{
    error::Failure,
    plugin::Kernel,
    sql,
    store::{Durability, Tx},
};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QuerySelect};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{
    codes::{EDIT_NOT_FOUND, EDIT_RUNNING, EDIT_UNDONE},
    table::{SubjectKind, Table},
};
use crate::kit::access::Viewer;

/// How long edits are kept, in milliseconds: ninety days.
pub const KEEP_MS: i64 = 90 * 24 * 3600 * 1000;
/// Edits that one statement removes; SQLite has one writer.
const SLICE: u64 = 200;

/// What an edit did to a row.
#[derive(Debug, Clone, Deserialize)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// Absent for a new row.
    pub before: Option<Map<String, Json>>,
    /// Absent for a row that went.
    pub after: Option<Map<String, Json>>,
}

impl Difference {
    /// Its table; none when a later version dropped it.
    pub fn table(&self) -> Option<&'static Table> {
        Table::of(&self.table)
    }

    /// A column of either image as a whole number.
    pub fn int(&self, column: &str) -> Option<i64> {
        let of = |image: &Option<Map<String, Json>>| image.as_ref()?.get(column)?.as_i64();
        of(&self.after).or_else(|| of(&self.before))
    }
}

/// What an edit did to one thing.
#[derive(Debug, Clone)]
pub struct Record {
    /// The edit.
    pub edit: EditId,
    /// The place in it.
    pub position: i64,
    /// What the thing is.
    pub kind: SubjectKind,
    /// Which one.
    pub subject: i64,
    /// The rows.
    pub differences: Vec<Difference>,
}

/// The records of edits whose place is in a range.
///
/// # Errors
/// When the database fails.
pub async fn records(db: &impl ConnectionTrait, edits: &[EditId], from: i64, to: i64) -> Result<Vec<Record>, DbErr> {
    let text = format!(
        "select edit_id, position, kind, subject_id, changes from edit_subject \
         where edit_id in ({}) and position >= $1 and position < $2 order by edit_id, position",
        sql::ids(edits.iter().copied())
    );
    let mut records = Vec::new();
    for row in sql::rows(db, text, [from.into(), to.into()]).await? {
        let Some(kind) = SubjectKind::of(row.try_get_by_index(2)?) else {
            continue;
        };
        let changes: String = row.try_get_by_index(4)?;
        let differences = serde_json::from_str(&changes);
        records.push(Record {
            edit: row.try_get_by_index(0)?,
            position: row.try_get_by_index(1)?,
            kind,
            subject: row.try_get_by_index(3)?,
            differences: differences.map_err(|error| DbErr::Json(error.to_string()))?,
        });
    }
    Ok(records)
}

/// The edit of a token, if this viewer may undo it now: one's own, and for editors everybody's but what is private.
///
/// # Errors
/// There is no such edit for this viewer, it was undone, or its job has not ended.
pub async fn undoable(tx: &Tx, viewer: &Viewer, id: EditId) -> Result<edit::Model, Failure> {
    // Held, so that nobody else undoes it meanwhile.
    let row = edit::Entity::find_by_id(id).lock_exclusive().one(&**tx).await?;
    let is_own = |row: &edit::Model| row.user_id == Some(viewer.user);
    // Who edits some libraries only cannot know what others' edits are about.
    let may_others = viewer.role != Role::Viewer && viewer.edits.is_all();
    let may = |row: &edit::Model| is_own(row) || (!row.is_private && may_others);
    let Some(row) = row.filter(may) else {
        let message = format!("no edit `{id}` that you may undo; edits are kept for ninety days");
        return Err(Failure::new(&EDIT_NOT_FOUND, message));
    };
    if !row.is_private && viewer.role == Role::Viewer {
        let message = "this account or token may not edit, so it may not undo edits".to_owned();
        return Err(Failure::new(&kernel::error::code::FORBIDDEN, message));
    }
    if viewer.role != Role::Admin && is_of_settings(tx, id).await? {
        let message = "settings are for administrators, and so is undoing an edit of them".to_owned();
        return Err(Failure::new(&kernel::error::code::FORBIDDEN, message));
    }
    if let Some(by) = row.undone_by_id {
        let message = format!("the edit `{id}` was undone by `{by}`; undo that one to have it again");
        return Err(Failure::new(&EDIT_UNDONE, message));
    }
    if let Some(job) = row.job_id {
        let job = job::Entity::find_by_id(job).one(&**tx).await?;
        let is_live = |state: JobStatus| !state.is_terminal();
        if job.is_some_and(|job| is_live(job.state)) {
            let message = format!("the edit `{id}` is still being made; cancel its job or wait for its end");
            return Err(Failure::new(&EDIT_RUNNING, message));
        }
    }
    Ok(row)
}

async fn is_of_settings(tx: &Tx, id: EditId) -> Result<bool, DbErr> {
    let text = "select 1 from edit_subject where edit_id = $1 and kind = $2 limit 1";
    let kind = SubjectKind::Setting.number();
    Ok(!sql::rows(&**tx, text, [id.0.into(), kind.into()]).await?.is_empty())
}

/// Says that an edit was not undone after all.
///
/// # Errors
/// When the database fails.
pub async fn mark_standing(tx: &Tx, id: EditId) -> Result<(), DbErr> {
    sql::execute(
        &**tx,
        "update edit set undone_by_id = null where id = $1",
        [id.0.into()],
    )
    .await?;
    Ok(())
}

/// Forgets edits that are older than they are kept; says how many.
///
/// # Errors
/// When the database fails.
pub async fn forget_old(kernel: &Kernel) -> Result<u64, DbErr> {
    let before = kernel.clock.now_ms() - KEEP_MS;
    let mut n = 0;
    loop {
        let tx = kernel.store.begin(Durability::Normal).await?;
        let text = format!(
            "delete from edit where id in (select id from edit where created_at < $1 order by created_at limit {SLICE})"
        );
        let gone = sql::execute(&*tx, text, [before.into()]).await?;
        tx.commit().await?;
        n += gone;
        if gone < SLICE {
            return Ok(n);
        }
    }
}
