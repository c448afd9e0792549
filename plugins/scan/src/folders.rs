//! The folders a scan looks into: their rows, and when each is done, so that its digest may be kept.

use entities::id::{FolderId, LibraryPathId};
use kernel::{blob::RelativePath, store::Tx};
use sea_orm::DbErr;

use crate::{compare::FolderWork, known::GONE, sql};

/// One folder on its way.
#[derive(Debug)]
struct State {
    work: FolderWork,
    id: Option<FolderId>,
    n_pending: usize,
    is_written: bool,
}

/// The changed folders of a scan. A digest is written only with, or after, the last file of its folder.
#[derive(Debug)]
pub struct Folders {
    states: Vec<State>,
    paths: Vec<LibraryPathId>,
}

impl Folders {
    /// The folders of a comparison; `paths` are the library's paths in their order.
    pub fn new(folders: Vec<FolderWork>, paths: Vec<LibraryPathId>) -> Self {
        let state = |work: FolderWork| State {
            id: work.known,
            work,
            n_pending: 0,
            is_written: false,
        };
        Self {
            states: folders.into_iter().map(state).collect(),
            paths,
        }
    }

    /// Says that one more file of a folder is to be recorded.
    pub fn expect(&mut self, folder: usize) {
        self.states[folder].n_pending += 1;
    }

    /// Says that a file of a folder has its result.
    pub fn done(&mut self, folder: usize) {
        self.states[folder].n_pending -= 1;
    }

    /// Says that something in the folder must be looked at by the next scan.
    pub fn unsettle(&mut self, folder: usize) {
        self.states[folder].work.is_settled = false;
    }

    /// Which of the library's paths a folder is below.
    pub fn root(&self, folder: usize) -> usize {
        self.states[folder].work.root
    }

    /// The library path a folder is below.
    pub fn library_path(&self, folder: usize) -> LibraryPathId {
        self.paths[self.states[folder].work.root]
    }

    /// The library's paths, in their order.
    pub fn paths(&self) -> &[LibraryPathId] {
        &self.paths
    }

    /// A folder's path.
    pub fn path(&self, folder: usize) -> &RelativePath {
        &self.states[folder].work.path
    }

    /// A folder's row, which [`ensure`](Self::ensure) made.
    pub fn id(&self, folder: usize) -> FolderId {
        self.states[folder]
            .id
            .expect("a folder's row is made before those of its files")
    }

    /// Makes the rows of these folders that have none.
    pub async fn ensure(&mut self, tx: &Tx, folders: impl IntoIterator<Item = usize>) -> Result<(), DbErr> {
        let mut rows = Vec::new();
        for folder in folders {
            let state = &mut self.states[folder];
            if state.id.is_none() {
                let id = FolderId::new();
                state.id = Some(id);
                rows.push((
                    id,
                    self.paths[state.work.root],
                    state.work.path.as_bytes().to_vec(),
                    None,
                ));
            }
        }
        write(tx, rows).await
    }

    /// Writes the digests of all folders that have become complete.
    pub async fn write_complete(&mut self, tx: &Tx) -> Result<(), DbErr> {
        let mut rows = Vec::new();
        for state in self
            .states
            .iter_mut()
            .filter(|state| !state.is_written && state.n_pending == 0)
        {
            state.is_written = true;
            if !state.work.is_settled && state.id.is_none() {
                continue;
            }
            let id = *state.id.get_or_insert_with(FolderId::new);
            let digest = state.work.is_settled.then(|| state.work.digest.to_vec());
            rows.push((
                id,
                self.paths[state.work.root],
                state.work.path.as_bytes().to_vec(),
                digest,
            ));
        }
        write(tx, rows).await
    }

    /// Whether any folder still waits for its digest to be written.
    pub fn has_complete(&self) -> bool {
        self.states
            .iter()
            .any(|state| !state.is_written && state.n_pending == 0)
    }
}

/// A row: its id, its library path, its path, and its digest once it is complete.
type Row = (FolderId, LibraryPathId, Vec<u8>, Option<Vec<u8>>);

async fn write(tx: &Tx, rows: Vec<Row>) -> Result<(), DbErr> {
    for chunk in rows.chunks(sql::CHUNK) {
        let values = chunk.iter().flat_map(|(id, path_id, path, digest)| {
            [
                id.0.into(),
                path_id.0.into(),
                path.clone().into(),
                digest.clone().into(),
            ]
        });
        let text = format!(
            "insert into folder (id, library_path_id, path, digest) values {} \
             on conflict (library_path_id, path) do update set digest = excluded.digest",
            sql::tuples(chunk.len(), 4)
        );
        sql::execute(&**tx, text, values.collect()).await?;
    }
    Ok(())
}

/// Marks folders as gone and dealt with.
pub async fn write_gone(tx: &Tx, folders: &[FolderId]) -> Result<(), DbErr> {
    for chunk in folders.chunks(sql::CHUNK) {
        let text = format!("update folder set digest = $1 where id in ({})", sql::ids(chunk));
        sql::execute(&**tx, text, vec![GONE.to_vec().into()]).await?;
    }
    Ok(())
}
