//! Files that are no items, and why: one row for each, cleared when the file is fine or gone.

use std::collections::HashMap;

use entities::id::{FileId, LibraryId, LibraryPathId, ScanFailureId};
use kernel::{
    blob::{Facts, RelativePath},
    plugin::Kernel,
    store::Tx,
};
use media_engine::engine::Engine;
use media_proto::error::MediaError;
use sea_orm::{ConnectionTrait, DbErr, QueryResult};

use crate::{
    code,
    scope::{Scope, Within},
    sql,
};

/// Why a file or folder has no good result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A stable name.
    pub code: String,
    /// For people.
    pub reason: String,
    /// Whether the next scan should try again although nothing changed.
    pub is_passing: bool,
}

impl Fault {
    /// A fault of the file system.
    pub fn io(error: &std::io::Error) -> Self {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => &code::FILE_VANISHED,
            std::io::ErrorKind::PermissionDenied => &code::PERMISSION_DENIED,
            _ => &code::FILE_UNREADABLE,
        };
        Self {
            code: code.name.to_owned(),
            reason: error.to_string(),
            is_passing: true,
        }
    }

    /// A fault that the media engine reports.
    pub fn media(error: &MediaError) -> Self {
        Self {
            code: error.code().to_owned(),
            reason: error.to_string(),
            is_passing: !error.blames_file(),
        }
    }

    /// A file that was still written to when the scan ended.
    pub fn busy() -> Self {
        let reason = "the file was still growing or changing; the next scan tries it again";
        Self {
            code: code::FILE_BUSY.name.to_owned(),
            reason: reason.to_owned(),
            is_passing: true,
        }
    }

    /// A file that opens and holds nothing.
    pub fn no_media() -> Self {
        let reason = "the file holds neither picture nor sound";
        Self {
            code: code::NO_MEDIA.name.to_owned(),
            reason: reason.to_owned(),
            is_passing: false,
        }
    }
}

/// A row of `scan_failure`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureRow {
    /// Its id.
    pub id: ScanFailureId,
    /// The library.
    pub library: LibraryId,
    /// Which of its paths.
    pub library_path: LibraryPathId,
    /// Below that path, as bytes.
    pub path: Vec<u8>,
    /// The same as text.
    pub path_text: String,
    /// The file's row, if it was fine once.
    pub file: Option<FileId>,
    /// A stable name.
    pub code: String,
    /// For people.
    pub reason: String,
    /// What `stat` said of it: size, time and inode; zero for a folder.
    pub identity: (i64, i64, i64),
    /// When it was first seen, UTC milliseconds.
    pub first_at: i64,
    /// When it was last tried.
    pub last_at: i64,
    /// Which FFmpeg failed, as [`Prober::ffmpeg`].
    pub ffmpeg: String,
    /// Whether this scan tries it again although nothing changed.
    pub is_again: bool,
}

/// What failures are judged by: another FFmpeg may read what an earlier one could not.
#[derive(Debug, Clone, Default)]
pub struct Prober {
    /// The hash of the FFmpeg that runs; empty while none does.
    pub ffmpeg: String,
    /// Whether everything that failed is to be tried again.
    pub is_forced: bool,
}

impl Prober {
    /// What the engine of this kernel is.
    pub fn of(kernel: &Kernel, is_forced: bool) -> Self {
        let ffmpeg = kernel
            .parts
            .get::<Engine>()
            .map(|engine| engine.ffmpeg().ffmpeg_hash.clone());
        Self {
            ffmpeg: ffmpeg.unwrap_or_default(),
            is_forced,
        }
    }

    fn tries_again(&self, row: &FailureRow) -> bool {
        self.is_forced || (!self.ffmpeg.is_empty() && row.ffmpeg != self.ffmpeg)
    }
}

const COLUMNS: &str = "id, library_id, library_path_id, path, path_text, file_id, code, reason, size, mtime_ns, inode, \
    first_at, last_at, ffmpeg";

impl FailureRow {
    /// Whether the file still is what failed, so that trying it again cannot help.
    pub fn is_same(&self, facts: &Facts) -> bool {
        self.identity == (facts.size, facts.mtime_ns, facts.inode) && !self.is_passing() && !self.is_again
    }

    /// Whether the next scan tries it again although nothing changed.
    pub fn is_passing(&self) -> bool {
        let passing = [
            "MEDIA_IO",
            "MEDIA_CANCELED",
            "MEDIA_BUSY",
            "MEDIA_UNAVAILABLE",
            "MEDIA_VERSION",
            "MEDIA_INVALID",
        ];
        let is_ours = self.code.starts_with("SCAN_") && self.code != code::NO_MEDIA.name;
        is_ours || passing.contains(&self.code.as_str())
    }

    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            id: ScanFailureId(row.try_get_by_index(0)?),
            library: LibraryId(row.try_get_by_index(1)?),
            library_path: LibraryPathId(row.try_get_by_index(2)?),
            path: row.try_get_by_index(3)?,
            path_text: row.try_get_by_index(4)?,
            file: row.try_get_by_index::<Option<i64>>(5)?.map(FileId),
            code: row.try_get_by_index(6)?,
            reason: row.try_get_by_index(7)?,
            identity: (
                row.try_get_by_index(8)?,
                row.try_get_by_index(9)?,
                row.try_get_by_index(10)?,
            ),
            first_at: row.try_get_by_index(11)?,
            last_at: row.try_get_by_index(12)?,
            ffmpeg: row.try_get_by_index(13)?,
            is_again: false,
        })
    }
}

/// The failures of a library by path.
pub type KnownFailures = HashMap<(LibraryPathId, Vec<u8>), FailureRow>;

/// All failures of a library, and which of them this prober tries again.
pub async fn known<C: ConnectionTrait>(db: &C, library: LibraryId, prober: &Prober) -> Result<KnownFailures, DbErr> {
    let text = format!("select {COLUMNS} from scan_failure where library_id = $1");
    let rows = sql::rows(db, text, vec![library.0.into()]).await?;
    let rows = rows.iter().map(FailureRow::read).collect::<Result<Vec<_>, _>>()?;
    Ok(rows
        .into_iter()
        .map(|mut row| {
            row.is_again = prober.tries_again(&row);
            ((row.library_path, row.path.clone()), row)
        })
        .collect())
}

/// How many failures a library has, or these folders of it, and how many of them are of files that a walk could see.
pub async fn count<C: ConnectionTrait>(db: &C, library: LibraryId, within: &[Within]) -> Result<(u64, u64), DbErr> {
    if !within.is_empty() {
        let known = known(db, library, &Prober::default()).await?;
        let in_scope = |((library_path, path), _): &(&(LibraryPathId, Vec<u8>), &FailureRow)| {
            Scope::of(within, *library_path).covers(path)
        };
        let rows: Vec<&FailureRow> = known.iter().filter(in_scope).map(|(_, row)| row).collect();
        let n_files = rows.iter().filter(|row| row.identity.2 != 0).count();
        return Ok((rows.len() as u64, n_files as u64));
    }
    let text = "select count(*), count(case when inode <> 0 then 1 end) from scan_failure where library_id = $1";
    let rows = sql::rows(db, text, vec![library.0.into()]).await?;
    let Some(row) = rows.first() else { return Ok((0, 0)) };
    Ok((
        row.try_get_by_index::<i64>(0)? as u64,
        row.try_get_by_index::<i64>(1)? as u64,
    ))
}

/// The failures of these ids.
pub async fn by_ids<C: ConnectionTrait>(db: &C, ids: &[ScanFailureId]) -> Result<Vec<FailureRow>, DbErr> {
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(sql::CHUNK) {
        let text = format!("select {COLUMNS} from scan_failure where id in ({})", sql::ids(chunk));
        for row in sql::rows(db, text, Vec::new()).await? {
            found.push(FailureRow::read(&row)?);
        }
    }
    Ok(found)
}

/// A failure to write down.
#[derive(Debug, Clone)]
pub struct NewFailure {
    /// Which of the library's paths.
    pub library_path: LibraryPathId,
    /// Below that path.
    pub path: RelativePath,
    /// The file's row, if it has one.
    pub file: Option<FileId>,
    /// What `stat` said, if it could be asked.
    pub facts: Option<Facts>,
    /// Why.
    pub fault: Fault,
}

/// Writes failures down; one that is known keeps its id and its first time.
pub async fn write(
    tx: &Tx,
    library: LibraryId,
    now: i64,
    prober: &Prober,
    failures: &[NewFailure],
) -> Result<(), DbErr> {
    for chunk in failures.chunks(sql::CHUNK) {
        let mut values = Vec::with_capacity(chunk.len() * 14);
        for failure in chunk {
            let facts = failure
                .facts
                .map_or((0, 0, 0), |facts| (facts.size, facts.mtime_ns, facts.inode));
            values.extend([
                ScanFailureId::new().0.into(),
                library.0.into(),
                failure.library_path.0.into(),
            ]);
            values.extend([failure.path.as_bytes().to_vec().into(), failure.path.display().into()]);
            values.extend([
                failure.file.map(|file| file.0).into(),
                failure.fault.code.clone().into(),
            ]);
            values.push(crate::facts::text(&failure.fault.reason).into());
            values.extend([facts.0.into(), facts.1.into(), facts.2.into(), now.into(), now.into()]);
            values.push(prober.ffmpeg.clone().into());
        }
        let text = format!(
            "insert into scan_failure ({COLUMNS}) values {} on conflict (library_path_id, path) do update set \
             file_id = excluded.file_id, code = excluded.code, reason = excluded.reason, size = excluded.size, \
             mtime_ns = excluded.mtime_ns, inode = excluded.inode, last_at = excluded.last_at, ffmpeg = excluded.ffmpeg",
            sql::tuples(chunk.len(), 14)
        );
        sql::execute(&**tx, text, values).await?;
    }
    Ok(())
}

/// Removes failures that are no more.
pub async fn clear(tx: &Tx, failures: &[ScanFailureId]) -> Result<(), DbErr> {
    for chunk in failures.chunks(sql::CHUNK) {
        let text = format!("delete from scan_failure where id in ({})", sql::ids(chunk));
        sql::execute(&**tx, text, Vec::new()).await?;
    }
    Ok(())
}
