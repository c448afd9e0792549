//! What is to be read: files with subtitles that nobody has read as they are now. Keyset pages over ids, so that a killed job
//! finds its place again in the rows themselves.

use std::collections::BTreeSet;

use entities::{
    file::FileStatus,
    id::{FileId, MediaId},
    stream::StreamKind,
};
use kernel::sql;
use sea_orm::{ConnectionTrait, DbErr, QueryResult};

/// Before the first file: ids are positive.
pub const START: (MediaId, FileId) = (MediaId(0), FileId(0));
/// Files that one statement finds.
pub const PAGE: usize = 200;
/// Raised when the same files would give other lines. It counts in twos: a file whose own streams were read, too, is one ahead.
const VERSION: i32 = 2;

/// A file whose subtitles are read.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its item.
    pub media: MediaId,
    /// The file.
    pub file: FileId,
    /// Its size as the last scan saw it.
    pub size: i64,
    /// Its modification time as the last scan saw it.
    pub mtime_ns: i64,
    /// The files of subtitles beside it, as its row has them.
    pub beside: String,
    /// Its path below the library path.
    pub path: String,
    /// Where its presentation begins, in microseconds on its own clock.
    pub start_us: i64,
    /// Whether streams of text are inside.
    pub has_streams: bool,
}

impl Task {
    /// Where it stands in the order of the queue.
    pub fn place(&self) -> (MediaId, FileId) {
        (self.media, self.file)
    }

    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            media: MediaId(row.try_get_by_index(0)?),
            file: FileId(row.try_get_by_index(1)?),
            size: row.try_get_by_index(2)?,
            mtime_ns: row.try_get_by_index(3)?,
            beside: row.try_get_by_index(4)?,
            path: row.try_get_by_index(5)?,
            start_us: row.try_get_by_index(6)?,
            has_streams: row.try_get_by_index::<i32>(7)? == 1,
        })
    }
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Need<'a> {
    /// Only files of these items.
    pub only: Option<&'a BTreeSet<MediaId>>,
    /// Whether streams inside films are read.
    pub embedded: bool,
    /// Now, for failures that pass.
    pub now: i64,
}

impl Need<'_> {
    /// The version that rows of [`Task`]s have when they are read.
    pub fn version(&self) -> i32 {
        VERSION + i32::from(self.embedded)
    }

    fn only(&self, column: &str) -> String {
        let list = |only: &BTreeSet<MediaId>| format!(" and {column} in ({})", sql::ids(only.iter().copied()));
        self.only.map_or_else(String::new, list)
    }

    /// What follows `from`.
    fn condition(&self) -> String {
        format!(
            "media m join file f on f.media_id = m.id join library l on l.id = m.library_id
             where m.has_subtitles and m.missing_at is null and f.status = {} and l.is_online{}
             and not exists (select 1 from subtitle_text t where t.file_id = f.id and t.size = f.size
                 and t.mtime_ns = f.mtime_ns and t.beside = f.subtitles and t.version >= {}
                 and (t.retry_at is null or t.retry_at > {}))",
            FileStatus::Present as i32,
            self.only("m.id"),
            self.version(),
            self.now,
        )
    }

    /// How many files there are to read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count<C: ConnectionTrait>(&self, db: &C) -> Result<u64, DbErr> {
        let rows = sql::rows(db, format!("select count(*) from {}", self.condition()), []).await?;
        let n: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(n as u64)
    }

    /// The next files behind a place, by item.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn after<C: ConnectionTrait>(
        &self,
        db: &C,
        (media, file): (MediaId, FileId),
        limit: usize,
    ) -> Result<Vec<Task>, DbErr> {
        let text = format!(
            "select m.id, f.id, f.size, f.mtime_ns, f.subtitles, f.path, coalesce(f.start_us, 0),
                 case when exists (select 1 from stream s where s.file_id = f.id and s.kind = {} and s.is_text)
                 then 1 else 0 end
             from {} and (m.id, f.id) > ({}, {}) order by m.id, f.id limit {limit}",
            StreamKind::Subtitle as i32,
            self.condition(),
            media.0,
            file.0,
        );
        sql::rows(db, text, []).await?.iter().map(Task::read).collect()
    }

    /// Files whose lines are of subtitles that are gone, with their items.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn gone<C: ConnectionTrait>(&self, db: &C) -> Result<Vec<(MediaId, FileId)>, DbErr> {
        let text = format!(
            "select m.id, f.id from subtitle_text t join file f on f.id = t.file_id join media m on m.id = f.media_id
             where t.n_lines > 0 and not m.has_subtitles{} order by m.id limit {PAGE}",
            self.only("f.media_id"),
        );
        let place = |row: &QueryResult| Ok((MediaId(row.try_get_by_index(0)?), FileId(row.try_get_by_index(1)?)));
        sql::rows(db, text, []).await?.iter().map(place).collect()
    }
}
