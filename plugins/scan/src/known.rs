//! What the database knows of a library before a scan, read in a few compact statements.

use std::collections::{HashMap, HashSet};

use entities::{
    file::FileStatus,
    id::{FileId, FolderId, LibraryId, LibraryPathId, MediaId},
    library, library_path,
};
use kernel::{
    blob::{Facts, RelativePath, Root},
    store::Tx,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QueryOrder, QueryResult};

use crate::{
    sql,
    walk::{Digest, KnownFolder},
};

/// How many known files are looked for before a path is believed to be the right one.
const SAMPLE: u64 = 32;

/// A library and its paths.
#[derive(Debug)]
pub struct KnownLibrary {
    /// Its row.
    pub row: library::Model,
    /// Its paths, in their order.
    pub paths: Vec<library_path::Model>,
}

/// A file's row, as far as a scan compares it.
#[derive(Debug, Clone)]
pub struct KnownFile {
    /// Its id.
    pub id: FileId,
    /// Its item.
    pub media: MediaId,
    /// Its folder.
    pub folder: FolderId,
    /// The last part of its path.
    pub name: Vec<u8>,
    /// Whether it was there when last looked for.
    pub is_present: bool,
    /// Bytes.
    pub size: i64,
    /// Modification time.
    pub mtime_ns: i64,
    /// Inode number.
    pub inode: i64,
    /// Device number.
    pub device: i64,
    /// The quick fingerprint.
    pub fingerprint: Option<Vec<u8>>,
    /// The full hash.
    pub content_hash: Option<Vec<u8>>,
    /// The files of subtitles beside it.
    pub subtitles: String,
}

impl KnownFile {
    /// Whether `stat` says the same of it as when it was recorded. The device may differ after a mount.
    pub fn is_same(&self, facts: &Facts) -> bool {
        self.inode == facts.inode && self.is_same_content(facts)
    }

    /// Whether size and time are those that were recorded.
    pub fn is_same_content(&self, facts: &Facts) -> bool {
        self.size == facts.size && self.mtime_ns == facts.mtime_ns
    }
}

/// The library with its paths; none when it was deleted.
pub async fn library<C: ConnectionTrait>(db: &C, id: LibraryId) -> Result<Option<KnownLibrary>, DbErr> {
    let Some(row) = library::Entity::find_by_id(id).one(db).await? else {
        return Ok(None);
    };
    let paths = library_path::Entity::find()
        .filter(library_path::Column::LibraryId.eq(id))
        .order_by_asc(library_path::Column::Position)
        .order_by_asc(library_path::Column::Id)
        .all(db)
        .await?;
    Ok(Some(KnownLibrary { row, paths }))
}

/// A gone folder's digest: it has been dealt with, and its rows need no look until it is back.
pub const GONE: &[u8] = b"";

/// The folders of a path, and among them those already dealt with as gone.
#[derive(Debug, Default)]
pub struct KnownFolders {
    /// By their path.
    pub by_path: HashMap<Vec<u8>, KnownFolder>,
    /// Those that an earlier scan found gone.
    pub gone: HashSet<FolderId>,
}

/// All folders of a path with their digests, in one statement.
pub async fn folders<C: ConnectionTrait>(db: &C, path: LibraryPathId) -> Result<KnownFolders, DbErr> {
    let text = "select id, path, digest from folder where library_path_id = $1";
    let rows = sql::rows(db, text, vec![path.0.into()]).await?;
    let mut known = KnownFolders {
        by_path: HashMap::with_capacity(rows.len()),
        gone: HashSet::new(),
    };
    for row in rows {
        let id = FolderId(row.try_get_by_index(0)?);
        let digest: Option<Vec<u8>> = row.try_get_by_index(2)?;
        if digest.as_deref() == Some(GONE) {
            known.gone.insert(id);
        }
        let digest = digest.and_then(|bytes| Digest::try_from(bytes).ok());
        known
            .by_path
            .insert(row.try_get_by_index(1)?, KnownFolder { id, digest });
    }
    Ok(known)
}

const FILE_COLUMNS: &str =
    "id, media_id, folder_id, name, status, size, mtime_ns, inode, device, fingerprint, content_hash, subtitles";

/// The files of some folders.
pub async fn files_of<C: ConnectionTrait>(db: &C, folders: &[FolderId]) -> Result<Vec<KnownFile>, DbErr> {
    let mut files = Vec::new();
    for chunk in folders.chunks(sql::CHUNK) {
        let text = format!(
            "select {FILE_COLUMNS} from file where folder_id in ({})",
            sql::ids(chunk)
        );
        for row in sql::rows(db, text, Vec::new()).await? {
            files.push(file(&row)?);
        }
    }
    Ok(files)
}

/// Of these files those that nobody put in the trash since they were read. They stay out of it until the transaction ends.
pub async fn in_place(tx: &Tx, files: impl IntoIterator<Item = FileId>) -> Result<HashSet<FileId>, DbErr> {
    let files: Vec<FileId> = files.into_iter().collect();
    // SQLite has one writer, and who writes has locked everything.
    let lock = match tx.get_database_backend() {
        DbBackend::Postgres => "order by id for update",
        _ => "",
    };
    let mut in_place = HashSet::with_capacity(files.len());
    for chunk in files.chunks(sql::CHUNK) {
        let text = format!(
            "select id from file where id in ({}) and status <> {} {lock}",
            sql::ids(chunk),
            FileStatus::Trashed as i32
        );
        for row in sql::rows(&**tx, text, Vec::new()).await? {
            in_place.insert(FileId(row.try_get_by_index(0)?));
        }
    }
    Ok(in_place)
}

/// All files of a library that an earlier scan found missing.
pub async fn missing_files<C: ConnectionTrait>(db: &C, library: LibraryId) -> Result<Vec<KnownFile>, DbErr> {
    let text = format!("select {FILE_COLUMNS} from file where library_id = $1 and status = 1");
    sql::rows(db, text, vec![library.0.into()])
        .await?
        .iter()
        .map(file)
        .collect()
}

/// Files of a library with one of these fingerprints, present ones and older ones first.
pub async fn files_like<C: ConnectionTrait>(
    db: &C,
    library: LibraryId,
    fingerprints: &[Vec<u8>],
) -> Result<Vec<KnownFile>, DbErr> {
    let mut files = Vec::new();
    for chunk in fingerprints.chunks(sql::CHUNK) {
        let marks = sql::marks(2, chunk.len());
        let text = format!(
            "select {FILE_COLUMNS} from file where library_id = $1 and fingerprint in ({marks}) order by status, id"
        );
        let mut values = vec![library.0.into()];
        values.extend(chunk.iter().map(|fingerprint| fingerprint.clone().into()));
        for row in sql::rows(db, text, values).await? {
            files.push(file(&row)?);
        }
    }
    Ok(files)
}

/// Present files of a library.
pub async fn n_present<C: ConnectionTrait>(db: &C, library: LibraryId) -> Result<u64, DbErr> {
    let text = "select count(*) from file where library_id = $1 and status = 0";
    let rows = sql::rows(db, text, vec![library.0.into()]).await?;
    let n: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
    Ok(n as u64)
}

/// Paths of up to 32 present files below a library path: half of the oldest, half of the newest.
pub async fn sample<C: ConnectionTrait>(db: &C, path: &library_path::Model) -> Result<Vec<RelativePath>, DbErr> {
    let half = |order: &str| {
        format!(
            "select * from (select folder.path as folder_path, file.name as file_name from file \
             join folder on folder.id = file.folder_id \
             where file.library_id = $1 and file.status = 0 and folder.library_path_id = $2 \
             order by file.id {order} limit {}) as half",
            SAMPLE / 2
        )
    };
    let text = format!("{} union all {}", half("asc"), half("desc"));
    let rows = sql::rows(db, text, vec![path.library_id.0.into(), path.id.0.into()]).await?;
    let path = |row: &QueryResult| -> Result<RelativePath, DbErr> {
        let folder = RelativePath::from_bytes(row.try_get_by_index(0)?);
        Ok(folder.join(&row.try_get_by_index::<Vec<u8>>(1)?))
    };
    rows.iter().map(path).collect()
}

/// Whether at least one of some paths is a file below the root. Blocks.
pub fn holds_any(root: &Root, paths: &[RelativePath]) -> bool {
    paths
        .iter()
        .any(|path| root.open_file(path).is_ok() || is_unreadable(root, path))
}

/// A file that exists but may not be read still shows that the right path is mounted.
fn is_unreadable(root: &Root, path: &RelativePath) -> bool {
    matches!(root.open_file(path), Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied)
}

fn file(row: &QueryResult) -> Result<KnownFile, DbErr> {
    let status: i32 = row.try_get_by_index(4)?;
    Ok(KnownFile {
        id: FileId(row.try_get_by_index(0)?),
        media: MediaId(row.try_get_by_index(1)?),
        folder: FolderId(row.try_get_by_index(2)?),
        name: row.try_get_by_index(3)?,
        is_present: status == FileStatus::Present as i32,
        size: row.try_get_by_index(5)?,
        mtime_ns: row.try_get_by_index(6)?,
        inode: row.try_get_by_index(7)?,
        device: row.try_get_by_index(8)?,
        fingerprint: row.try_get_by_index(9)?,
        content_hash: row.try_get_by_index(10)?,
        subtitles: row.try_get_by_index(11)?,
    })
}
