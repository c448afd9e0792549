//! The rows of the trash: a file's place before, and how far it is on its way in, back or out.

use std::path::PathBuf;

use entities::id::{FileId, LibraryPathId, MediaId};
use kernel::{
    blob::{RelativePath, TRASH_FOLDER},
    sql,
    store::Tx,
};
use sea_orm::{ConnectionTrait, DbErr, QueryResult};

/// What is happening to a file of the trash. The row says it first, then the disk follows, then the row again: so that
/// after a crash it can be told what was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is on its way in.
    Entering = 0,
    /// It is there.
    Held = 1,
    /// It is on its way back.
    Returning = 2,
    /// It is being removed for good.
    Leaving = 3,
}

impl Step {
    fn of(number: i32) -> Result<Self, DbErr> {
        match number {
            0 => Ok(Self::Entering),
            1 => Ok(Self::Held),
            2 => Ok(Self::Returning),
            3 => Ok(Self::Leaving),
            other => Err(DbErr::Type(format!("{other} is no step of the trash"))),
        }
    }
}

/// A file of the trash.
#[derive(Debug, Clone)]
pub struct Held {
    /// The file.
    pub file: FileId,
    /// Its item.
    pub media: MediaId,
    /// Where it is on its way.
    pub step: Step,
    /// The path of its library.
    pub library_path: LibraryPathId,
    /// The same in the file system.
    pub root: PathBuf,
    /// The folder it came from, below that.
    pub folder: RelativePath,
    /// The name it had there.
    pub name: Vec<u8>,
    /// Bytes.
    pub size: i64,
    /// Modification time, for comparison with what is on the disk.
    pub mtime_ns: i64,
    /// When it was put there, in UTC milliseconds.
    pub trashed_at: i64,
}

impl Held {
    /// Where it came from.
    pub fn place(&self) -> RelativePath {
        self.folder.join(&self.name)
    }

    /// The folder of the trash that is its own, so that equal names do not meet.
    pub fn trash_folder(&self) -> RelativePath {
        RelativePath::root()
            .join(TRASH_FOLDER)
            .join(self.file.to_string().as_bytes())
    }

    /// Where it is in the trash.
    pub fn trash_place(&self) -> RelativePath {
        self.trash_folder().join(&self.name)
    }

    /// The name that its row has while it is in the trash: none that a file can have, so that a new file may take its place.
    pub fn row_name(&self) -> Vec<u8> {
        [&self.name, &b"/"[..], self.file.to_string().as_bytes()].concat()
    }
}

const SELECT: &str = "select held.file_id, file.media_id, held.step, held.library_path_id, library_path.path, held.folder, \
    held.name, file.size, file.mtime_ns, held.trashed_at from trash_file as held \
    join file on file.id = held.file_id join library_path on library_path.id = held.library_path_id";

/// The rows with these files.
pub async fn by_files<C: ConnectionTrait>(db: &C, files: &[FileId]) -> Result<Vec<Held>, DbErr> {
    let text = format!(
        "{SELECT} where held.file_id in ({}) order by held.file_id",
        sql::ids(files.iter().copied())
    );
    sql::rows(db, text, []).await?.iter().map(held).collect()
}

/// The rows of what was on its way when a process ended.
pub async fn unfinished<C: ConnectionTrait>(db: &C, after: FileId) -> Result<Vec<Held>, DbErr> {
    let text = format!("{SELECT} where held.step <> 1 and held.file_id > $1 order by held.file_id limit 100");
    sql::rows(db, text, [after.0.into()]).await?.iter().map(held).collect()
}

/// Rows that were put there before a moment, the oldest first, after another one.
pub async fn older_than<C: ConnectionTrait>(
    db: &C,
    before: i64,
    after: (i64, FileId),
    limit: u64,
) -> Result<Vec<Held>, DbErr> {
    let text = format!(
        "{SELECT} where held.step in (1, 3) and held.trashed_at < $1 and (held.trashed_at, held.file_id) > ($2, $3) \
         order by held.trashed_at, held.file_id limit {limit}"
    );
    let values = [before.into(), after.0.into(), after.1.0.into()];
    sql::rows(db, text, values).await?.iter().map(held).collect()
}

/// How many were put there before a moment.
pub async fn n_older_than<C: ConnectionTrait>(db: &C, before: i64) -> Result<u64, DbErr> {
    let text = "select count(*) from trash_file where step in (1, 3) and trashed_at < $1";
    let rows = sql::rows(db, text, [before.into()]).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.try_get_by_index::<i64>(0))? as u64)
}

/// Lets files go from one step to another; gives those that were at it.
pub async fn go(tx: &Tx, files: &[FileId], from: Step, to: Step) -> Result<Vec<FileId>, DbErr> {
    let text = format!(
        "update trash_file set step = $2 where step = $1 and file_id in ({}) returning file_id",
        sql::ids(files.iter().copied())
    );
    let rows = sql::rows(&**tx, text, [(from as i32).into(), (to as i32).into()]).await?;
    rows.iter().map(|row| row.try_get_by_index(0).map(FileId)).collect()
}

/// Takes a file out of the table.
pub async fn forget(tx: &Tx, file: FileId) -> Result<(), DbErr> {
    sql::execute(&**tx, "delete from trash_file where file_id = $1", [file.0.into()]).await?;
    Ok(())
}

fn held(row: &QueryResult) -> Result<Held, DbErr> {
    Ok(Held {
        file: FileId(row.try_get_by_index(0)?),
        media: MediaId(row.try_get_by_index(1)?),
        step: Step::of(row.try_get_by_index(2)?)?,
        library_path: LibraryPathId(row.try_get_by_index(3)?),
        root: PathBuf::from(row.try_get_by_index::<String>(4)?),
        folder: RelativePath::from_bytes(row.try_get_by_index(5)?),
        name: row.try_get_by_index(6)?,
        size: row.try_get_by_index(7)?,
        mtime_ns: row.try_get_by_index(8)?,
        trashed_at: row.try_get_by_index(9)?,
    })
}
