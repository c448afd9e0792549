//! Writes what was read of a file, and the search index with it.

use entities::id::{FileId, MediaId};
use kernel::{sql, store::Tx};
use schema::search::subtitles;
use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use crate::{queue::Task, read::Read};

/// After so many milliseconds what failed for a reason that may pass is tried again.
const RETRY_MS: i64 = 6 * 3_600_000;

/// Writes what was read, unless the file is gone meanwhile or belongs to another item.
///
/// # Errors
/// When the database fails.
pub async fn write(tx: &Tx, task: &Task, read: &Read, version: i32, now: i64) -> Result<(), DbErr> {
    lock(tx, task.media).await?;
    let there = "select id from file where id = $1 and media_id = $2";
    if sql::rows(&**tx, there, [task.file.0.into(), task.media.0.into()])
        .await?
        .is_empty()
    {
        return Ok(());
    }
    forget(tx, task.file).await?;
    let retry_at = read
        .fault
        .as_ref()
        .filter(|fault| fault.is_passing)
        .map(|_| now + RETRY_MS);
    let text =
        "insert into subtitle_text (file_id, size, mtime_ns, beside, version, n_lines, failure, retry_at, read_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values = [
        task.file.0.into(),
        task.size.into(),
        task.mtime_ns.into(),
        task.beside.clone().into(),
        version.into(),
        (read.lines.len() as i64).into(),
        read.fault.as_ref().map(|fault| fault.message.clone()).into(),
        retry_at.into(),
        now.into(),
    ];
    sql::execute(&**tx, text, values).await?;
    if !read.lines.is_empty() {
        let text = "insert into subtitle_lines (file_id, packed) values ($1, $2)";
        sql::execute(&**tx, text, [task.file.0.into(), read.lines.pack().into()]).await?;
    }
    subtitles::refresh(tx, &[task.media]).await
}

/// Forgets what a file's subtitles said, for they are gone.
///
/// # Errors
/// When the database fails.
pub async fn remove(tx: &Tx, media: MediaId, file: FileId) -> Result<(), DbErr> {
    lock(tx, media).await?;
    forget(tx, file).await?;
    subtitles::refresh(tx, &[media]).await
}

async fn forget(tx: &Tx, file: FileId) -> Result<(), DbErr> {
    sql::execute(&**tx, "delete from subtitle_text where file_id = $1", [file.0.into()]).await?;
    Ok(())
}

/// Whoever moves files between items has locked them, too. SQLite has one writer.
async fn lock(tx: &Tx, media: MediaId) -> Result<(), DbErr> {
    if tx.get_database_backend() == DbBackend::Postgres {
        sql::rows(&**tx, "select id from media where id = $1 for update", [media.0.into()]).await?;
    }
    Ok(())
}
