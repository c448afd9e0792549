//! Rows of uploads: what has been promised to whom, and how far it is.

use std::path::PathBuf;

use entities::id::{JobId, LibraryId, LibraryPathId, MediaId, UploadId, UserId};
use kernel::{
    blob::RelativePath,
    error::Failure,
    sql,
    store::{Store, Tx},
};
use schema::kit::error::violates;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Value};

use crate::code;

/// How far an upload is, as rows say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Bytes are coming, or are awaited.
    Receiving = 0,
    /// All bytes are there; they are looked at.
    Checking = 1,
    /// Its name in the library is chosen.
    Placing = 2,
    /// The file is in its place, and no item yet.
    Placed = 3,
    /// It is an item.
    Ready = 4,
    /// The same bytes were there before.
    Duplicate = 5,
    /// It could not be taken in.
    Failed = 6,
    /// The server fetches it from a page.
    Fetching = 7,
}

impl State {
    fn of(number: i32) -> Result<Self, DbErr> {
        let all = [
            Self::Receiving,
            Self::Checking,
            Self::Placing,
            Self::Placed,
            Self::Ready,
            Self::Duplicate,
            Self::Failed,
            Self::Fetching,
        ];
        let found = all.into_iter().find(|state| *state as i32 == number);
        found.ok_or_else(|| DbErr::Type(format!("an upload has the unknown status {number}")))
    }
}

/// What an upload is in a concatenation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concat {
    /// A file of its own.
    Whole = 0,
    /// A part of a file.
    Partial = 1,
    /// A file made of parts.
    Final = 2,
}

/// An upload.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its id.
    pub id: UploadId,
    /// Whose it is.
    pub user: UserId,
    /// Where it goes; none for parts.
    pub library: Option<LibraryId>,
    /// The path of the library that it is received and placed in.
    pub library_path: Option<LibraryPathId>,
    /// That path on the disk.
    pub root: Option<PathBuf>,
    /// The client's name for it.
    pub filename: Option<String>,
    /// The header `Upload-Metadata`, as it came.
    pub metadata: String,
    /// What it is in a concatenation.
    pub concat: Concat,
    /// The parts of a final one.
    pub parts: Vec<UploadId>,
    /// Its length; none while the client has not said it.
    pub n_bytes: Option<u64>,
    /// How many bytes are surely on the disk.
    pub n_received: u64,
    /// How far it is.
    pub state: State,
    /// When the file was last modified at the client, UTC milliseconds.
    pub modified_at: Option<i64>,
    /// BLAKE3 of all bytes, once they were read.
    pub content_hash: Option<Vec<u8>>,
    /// Its place below the library's path, once it is chosen.
    pub target: Option<RelativePath>,
    /// The inode of its file when the place was chosen.
    pub inode: Option<i64>,
    /// When it is forgotten unless something happens.
    pub expires_at: i64,
    /// When it began.
    pub created_at: i64,
}

const COLUMNS: &str = "upload.id, upload.user_id, upload.library_id, upload.library_path_id, library_path.path, \
    upload.filename, upload.metadata, upload.concat, upload.parts, upload.n_bytes, upload.n_received, upload.status, \
    upload.modified_at, upload.content_hash, upload.target_folder, upload.target_name, upload.inode, upload.expires_at, \
    upload.created_at from upload left join library_path on library_path.id = upload.library_path_id";

fn row(row: &QueryResult) -> Result<Row, DbErr> {
    let folder: Option<Vec<u8>> = row.try_get_by_index(14)?;
    let name: Option<Vec<u8>> = row.try_get_by_index(15)?;
    // Only we write the list.
    let parts: Vec<UploadId> = serde_json::from_str(&row.try_get_by_index::<String>(8)?).unwrap_or_default();
    Ok(Row {
        id: UploadId(row.try_get_by_index(0)?),
        user: UserId(row.try_get_by_index(1)?),
        library: row.try_get_by_index::<Option<i64>>(2)?.map(LibraryId),
        library_path: row.try_get_by_index::<Option<i64>>(3)?.map(LibraryPathId),
        root: row.try_get_by_index::<Option<String>>(4)?.map(PathBuf::from),
        filename: row.try_get_by_index(5)?,
        metadata: row.try_get_by_index(6)?,
        concat: match row.try_get_by_index::<i32>(7)? {
            1 => Concat::Partial,
            2 => Concat::Final,
            _ => Concat::Whole,
        },
        parts,
        n_bytes: row.try_get_by_index::<Option<i64>>(9)?.map(i64::unsigned_abs),
        n_received: row.try_get_by_index::<i64>(10)?.unsigned_abs(),
        state: State::of(row.try_get_by_index(11)?)?,
        modified_at: row.try_get_by_index(12)?,
        content_hash: row.try_get_by_index(13)?,
        target: folder
            .zip(name)
            .map(|(folder, name)| RelativePath::from_bytes(folder).join(&name)),
        inode: row.try_get_by_index(16)?,
        expires_at: row.try_get_by_index(17)?,
        created_at: row.try_get_by_index(18)?,
    })
}

/// Reads an upload.
pub async fn find<C: ConnectionTrait>(db: &C, id: UploadId) -> Result<Option<Row>, DbErr> {
    let text = format!("select {COLUMNS} where upload.id = $1");
    let rows = sql::rows(db, text, [id.0.into()]).await?;
    rows.first().map(row).transpose()
}

/// Writes a new upload.
pub async fn insert(tx: &Tx, row: &Row) -> Result<(), Failure> {
    let text = "insert into upload (id, user_id, library_id, library_path_id, filename, metadata, concat, parts, n_bytes, \
        n_received, status, epoch, modified_at, expires_at, created_at, updated_at) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12, $13, $14, $14)";
    let parts = serde_json::to_string(&row.parts).map_err(Failure::internal)?;
    let values: [Value; 14] = [
        row.id.0.into(),
        row.user.0.into(),
        row.library.map(|id| id.0).into(),
        row.library_path.map(|id| id.0).into(),
        row.filename.clone().into(),
        row.metadata.clone().into(),
        (row.concat as i32).into(),
        parts.into(),
        row.n_bytes.map(|n| n as i64).into(),
        (row.n_received as i64).into(),
        (row.state as i32).into(),
        row.modified_at.into(),
        row.expires_at.into(),
        row.created_at.into(),
    ];
    sql::execute(&**tx, text, values).await?;
    Ok(())
}

/// What one account and all accounts have on their way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open {
    /// Unfinished uploads of the account.
    pub n_own: u64,
    /// Bytes that are announced for all unfinished uploads and have not come yet.
    pub n_awaited: u64,
    /// Bytes that all unfinished uploads may have in the end.
    pub n_bytes: u64,
}

/// Counts what is on its way. Until the transaction ends, nobody else begins one.
pub async fn open(tx: &Tx, store: &Store, user: UserId) -> Result<Open, DbErr> {
    if store.backend() == DbBackend::Postgres {
        // SQLite has one writer anyway. The number only has to be nobody else's.
        sql::rows(&**tx, "select pg_advisory_xact_lock(7235961)", []).await?;
    }
    let text = "select coalesce(sum(case when user_id = $1 and (n_bytes is null or n_received < n_bytes) then 1 else 0 end), 0), \
        cast(coalesce(sum(coalesce(n_bytes, n_received) - n_received), 0) as bigint), \
        cast(coalesce(sum(coalesce(n_bytes, n_received)), 0) as bigint) from upload \
        where status = 0 or status = 7 and exists (select 1 from job where job.id = upload.job_id and job.state in (0, 1, 2, 6))";
    let rows = sql::rows(&**tx, text, [user.0.into()]).await?;
    let Some(row) = rows.first() else {
        return Ok(Open::default());
    };
    Ok(Open {
        n_own: row.try_get_by_index::<i64>(0)?.unsigned_abs(),
        n_awaited: row.try_get_by_index::<i64>(1)?.unsigned_abs(),
        n_bytes: row.try_get_by_index::<i64>(2)?.unsigned_abs(),
    })
}

/// What a writer found when it took an upload.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// The fence of its commits.
    pub epoch: i64,
    /// Bytes that are surely on the disk.
    pub n_received: u64,
    /// Its length, if it is known.
    pub n_bytes: Option<u64>,
}

/// Takes an upload for one writer: commits of every earlier one are refused from now on. None if it takes no more bytes.
pub async fn take(tx: &Tx, id: UploadId) -> Result<Option<Taken>, DbErr> {
    let text = "update upload set epoch = epoch + 1, wanted_at = null where id = $1 and status = 0 \
        returning epoch, n_received, n_bytes";
    let rows = sql::rows(&**tx, text, [id.0.into()]).await?;
    let taken = |row: &QueryResult| {
        Ok(Taken {
            epoch: row.try_get_by_index(0)?,
            n_received: row.try_get_by_index::<i64>(1)?.unsigned_abs(),
            n_bytes: row.try_get_by_index::<Option<i64>>(2)?.map(i64::unsigned_abs),
        })
    };
    rows.first().map(taken).transpose()
}

/// Asks a writer of another process to make way.
pub async fn want(tx: &Tx, id: UploadId, now: i64) -> Result<(), DbErr> {
    sql::execute(
        &**tx,
        "update upload set wanted_at = $2 where id = $1",
        [id.0.into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Says that bytes are surely on the disk. None if a later writer has taken the upload; else whether somebody wants it.
pub async fn advance(
    tx: &Tx,
    (id, epoch): (UploadId, i64),
    n_received: u64,
    (now, expires_at): (i64, i64),
) -> Result<Option<bool>, DbErr> {
    let text = "update upload set n_received = $3, updated_at = $4, expires_at = $5 \
        where id = $1 and epoch = $2 and status = 0 and n_received <= $3 returning wanted_at";
    let values: [Value; 5] = [
        id.0.into(),
        epoch.into(),
        (n_received as i64).into(),
        now.into(),
        expires_at.into(),
    ];
    let rows = sql::rows(&**tx, text, values).await?;
    let wanted = |row: &QueryResult| row.try_get_by_index::<Option<i64>>(0).map(|at| at.is_some());
    rows.first().map(wanted).transpose()
}

/// Says how long the file is; once.
pub async fn set_length(tx: &Tx, id: UploadId, n_bytes: u64) -> Result<bool, DbErr> {
    let text = "update upload set n_bytes = $2 where id = $1 and n_bytes is null and status = 0 and n_received <= $2";
    Ok(sql::execute(&**tx, text, [id.0.into(), (n_bytes as i64).into()]).await? > 0)
}

/// Lets an upload go from one state to another; says whether it was in that one.
pub async fn go(tx: &Tx, id: UploadId, (from, to): (State, State), now: i64) -> Result<bool, DbErr> {
    let text = "update upload set status = $3, updated_at = $4 where id = $1 and status = $2";
    let values: [Value; 4] = [id.0.into(), (from as i32).into(), (to as i32).into(), now.into()];
    Ok(sql::execute(&**tx, text, values).await? > 0)
}

/// Says which job takes it in.
pub async fn set_job(tx: &Tx, id: UploadId, job: JobId) -> Result<(), DbErr> {
    sql::execute(
        &**tx,
        "update upload set job_id = $2 where id = $1",
        [id.0.into(), job.0.into()],
    )
    .await?;
    Ok(())
}

/// Says what its bytes are, and where they will be.
pub async fn set_target(tx: &Tx, row: &Row, hash: &[u8], target: &RelativePath, inode: i64) -> Result<(), Failure> {
    let Some((folder, name)) = target.split() else {
        return Err(Failure::internal(format!("`{target}` names no file")));
    };
    let text = "update upload set status = 2, content_hash = $2, target_folder = $3, target_name = $4, inode = $5 \
        where id = $1 and status in (1, 2)";
    let values: [Value; 5] = [
        row.id.0.into(),
        hash.to_vec().into(),
        folder.as_bytes().to_vec().into(),
        name.to_vec().into(),
        inode.into(),
    ];
    match sql::execute(&**tx, text, values).await {
        // Of two that ask for their twin at once, neither sees the other.
        Err(error) if violates(&error, "upload_content_hash_key") => {
            let message = "another upload has the same bytes and is being put in its place";
            Err(Failure::new(&code::TWIN, message))
        }
        done => Ok(done.map(|_| ())?),
    }
}

/// Another upload of the same bytes that is being placed, or waits to become an item, or is one: it may have become one since
/// items were looked at.
pub async fn twin(tx: &Tx, id: UploadId, hash: &[u8]) -> Result<Option<(UploadId, State)>, DbErr> {
    let text = "select id, status from upload where content_hash = $2 and id <> $1 and (status in (2, 3) or status = 4 and \
        exists (select 1 from folder join file on file.folder_id = folder.id \
        where folder.library_path_id = upload.library_path_id and folder.path = upload.target_folder \
        and file.name = upload.target_name and file.status = 0 and file.inode = upload.inode and file.size = upload.n_bytes)) \
        order by status";
    let rows = sql::rows(&**tx, text, [id.0.into(), hash.to_vec().into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some((
        UploadId(row.try_get_by_index(0)?),
        State::of(row.try_get_by_index(1)?)?,
    )))
}

/// Says that the same bytes were there before: as an item, or as another upload that becomes one.
pub async fn set_duplicate(
    tx: &Tx,
    id: UploadId,
    hash: &[u8],
    (media, twin): (Option<MediaId>, Option<UploadId>),
    (now, expires_at): (i64, i64),
) -> Result<(), DbErr> {
    let text = "update upload set status = 5, content_hash = $2, media_id = $3, twin_id = $4, updated_at = $5, \
        expires_at = $6 where id = $1 and status = 1";
    let values: [Value; 6] = [
        id.0.into(),
        hash.to_vec().into(),
        media.map(|id| id.0).into(),
        twin.map(|id| id.0).into(),
        now.into(),
        expires_at.into(),
    ];
    sql::execute(&**tx, text, values).await?;
    Ok(())
}

/// Says why it could not be taken in.
pub async fn set_failed(
    tx: &Tx,
    id: UploadId,
    hash: Option<&[u8]>,
    (code, message): (&str, &str),
    (now, expires_at): (i64, i64),
) -> Result<(), DbErr> {
    let text = "update upload set status = 6, content_hash = coalesce($2, content_hash), error_code = $3, \
        error_message = $4, updated_at = $5, expires_at = $6 where id = $1 and status in (1, 2)";
    let values: [Value; 6] = [
        id.0.into(),
        hash.map(<[u8]>::to_vec).into(),
        code.into(),
        message.into(),
        now.into(),
        expires_at.into(),
    ];
    sql::execute(&**tx, text, values).await?;
    Ok(())
}

/// Forgets an upload in one of these states; says whether it was there.
pub async fn forget(tx: &Tx, id: UploadId, states: &[State]) -> Result<bool, DbErr> {
    let states: Vec<i64> = states.iter().map(|state| *state as i64).collect();
    let text = format!("delete from upload where id = $1 and status in ({})", sql::ids(states));
    Ok(sql::execute(&**tx, text, [id.0.into()]).await? > 0)
}

/// Uploads whose time is over, the oldest first.
pub async fn expired<C: ConnectionTrait>(db: &C, now: i64, limit: u64) -> Result<Vec<Row>, DbErr> {
    let text = format!(
        "select {COLUMNS} where upload.expires_at < $1 and upload.status in (0, 4, 5, 6, 7) order by upload.expires_at limit {limit}"
    );
    sql::rows(db, text, [now.into()]).await?.iter().map(row).collect()
}
