//! What is to be drawn: items without a current set, or those that somebody asked for. Keyset pages over ids, so that
//! a killed job finds its place again in the rows themselves.

use entities::{
    id::{FileId, LibraryId, MediaId},
    media::MediaKind,
};
use kernel::sql;
use sea_orm::{ActiveEnum, ConnectionTrait, DbErr, QueryResult, Value};

use crate::recipe::{Subject, VERSION};

/// Before the first item: ids are positive.
pub const START: MediaId = MediaId(0);
/// Items that one statement reads.
pub const PAGE: usize = 200;

/// An item to draw, with the file that it is drawn from.
#[derive(Debug, Clone)]
pub struct Task {
    /// The item.
    pub media: MediaId,
    /// The primary file if it is present, else the first that is.
    pub file: FileId,
    /// Its size as the last scan saw it.
    pub size: i64,
    /// Its modification time as the last scan saw it.
    pub mtime_ns: i64,
    /// Its path below the library path.
    pub path: String,
    /// What the recipe goes by.
    pub subject: Subject,
}

impl Task {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        let path: String = row.try_get_by_index(4)?;
        let extension = path
            .rsplit_once('.')
            .map(|(_, extension)| extension)
            .filter(|extension| !extension.is_empty() && extension.len() <= 8 && !extension.contains('/'));
        let subject = Subject {
            kind: MediaKind::try_from_value(&row.try_get_by_index(5)?)
                .map_err(|error| DbErr::Type(error.to_string()))?,
            duration_us: row.try_get_by_index(6)?,
            has_sound: row.try_get_by_index::<Option<String>>(7)?.is_some(),
            extension: extension.map(str::to_ascii_lowercase),
        };
        Ok(Self {
            media: MediaId(row.try_get_by_index(0)?),
            file: FileId(row.try_get_by_index(1)?),
            size: row.try_get_by_index(2)?,
            mtime_ns: row.try_get_by_index(3)?,
            path,
            subject,
        })
    }
}

/// Which items are looked at.
#[derive(Debug, Clone, Copy)]
pub enum Range<'a> {
    /// All.
    All,
    /// Those of a library.
    Library(LibraryId),
    /// These.
    These(&'a [MediaId]),
    /// Those that a request names.
    Request(i64),
}

/// Which of them are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Need<'a> {
    /// Which items are looked at.
    pub range: Range<'a>,
    /// Whether what has a current set is drawn again.
    pub remakes: bool,
    /// Whether what failed is tried again although neither the file nor FFmpeg changed.
    pub retries: bool,
    /// Which FFmpeg runs: another one may draw what an earlier one could not.
    pub ffmpeg: &'a str,
    /// Now, for failures that pass.
    pub now: i64,
}

impl Need<'_> {
    /// What follows `from`, and its parameters from `$1` on.
    fn condition(&self) -> (String, Vec<Value>) {
        let mut text = "media m join library l on l.id = m.library_id join file f on f.id = coalesce(\
            (select p.id from file p where p.id = m.primary_file_id and p.media_id = m.id and p.status = 0), \
            (select min(c.id) from file c where c.media_id = m.id and c.status = 0)) \
            where m.missing_at is null and l.is_online"
            .to_owned();
        let mut values: Vec<Value> = Vec::new();
        match self.range {
            Range::All => {}
            Range::Library(library) => text.push_str(&format!(" and m.library_id = {}", library.0)),
            Range::These(media) => text.push_str(&format!(" and m.id in ({})", sql::ids(media.iter().copied()))),
            Range::Request(request) => text.push_str(&format!(
                " and exists (select 1 from picture_request r where r.request_id = {request} and r.media_id = m.id)"
            )),
        }
        if !self.remakes {
            text.push_str(&format!(
                " and not exists (select 1 from picture_set s join file d on d.id = s.file_id where s.media_id = m.id \
                 and s.version = {VERSION} and d.media_id = m.id and d.size = s.size and d.mtime_ns = s.mtime_ns)"
            ));
        }
        if !self.retries {
            values.extend([self.ffmpeg.into(), self.now.into()]);
            text.push_str(&format!(
                " and not exists (select 1 from picture_failure x where x.media_id = m.id and x.file_id = f.id \
                 and x.size = f.size and x.mtime_ns = f.mtime_ns and x.version = {VERSION} and x.ffmpeg = $1 \
                 and (x.retry_at is null or x.retry_at > $2))"
            ));
        }
        (text, values)
    }

    /// How many there are.
    pub async fn count<C: ConnectionTrait>(&self, db: &C) -> Result<u64, DbErr> {
        let (condition, values) = self.condition();
        let rows = sql::rows(db, format!("select count(*) from {condition}"), values).await?;
        let n: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(n as u64)
    }

    /// The next ones after an item, by id.
    pub async fn after<C: ConnectionTrait>(&self, db: &C, after: MediaId, limit: usize) -> Result<Vec<Task>, DbErr> {
        let (condition, values) = self.condition();
        let text = format!(
            "select m.id, f.id, f.size, f.mtime_ns, f.path, m.kind, coalesce(f.duration_us, m.duration_us), \
             m.audio_codec from {condition} and m.id > {} order by m.id limit {limit}",
            after.0
        );
        sql::rows(db, text, values).await?.iter().map(Task::read).collect()
    }
}
