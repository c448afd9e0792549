//! From a file's id to its open descriptor: rows say where it is, and `blob` opens it below its root.

use std::{fs::File, io, path::PathBuf};

use entities::{file, folder, id::FileId, library_path};
use sea_orm::{
    DbErr, FromQueryResult,
    sea_query::{Alias, Expr, ExprTrait, JoinType, Query},
};

use crate::{
    blob::{Facts, RelativePath, Root},
    store::Store,
    subtitle_file::SubtitleFile,
};

/// Where a file is, as the last scan saw it.
#[derive(Debug, FromQueryResult)]
pub struct LibraryFile {
    /// The last part of its path.
    pub name: Vec<u8>,
    /// Its path below the library path, for messages.
    pub path: String,
    /// What the probe found it to be.
    pub container: Option<String>,
    /// Its size as the last scan saw it.
    pub size: i64,
    /// Its modification time as the last scan saw it.
    pub mtime_ns: i64,
    /// The files of subtitles beside it, as the row has them; see [`crate::subtitle_file`].
    pub subtitles: String,
    folder: Vec<u8>,
    root: String,
}

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is gone.
    #[error("`{path}` is not where the last scan saw it; scan its library again")]
    Missing {
        /// Its path below the library path.
        path: String,
    },
    /// The disk or its permissions refuse.
    #[error("`{path}` cannot be read by the server; check its disk and its permissions")]
    Unreadable {
        /// Its path below the library path.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl LibraryFile {
    /// Finds a file's place, in one statement.
    pub async fn find(store: &Store, id: FileId) -> Result<Option<Self>, DbErr> {
        let file_column = |column| Expr::col((file::Entity, column));
        let folder_column = |column| Expr::col((folder::Entity, column));
        let root_column = |column| Expr::col((library_path::Entity, column));
        let mut query = Query::select();
        for column in [
            file::Column::Name,
            file::Column::Path,
            file::Column::Container,
            file::Column::Size,
            file::Column::MtimeNs,
            file::Column::Subtitles,
        ] {
            query.column((file::Entity, column));
        }
        query
            .expr_as(folder_column(folder::Column::Path), Alias::new("folder"))
            .expr_as(root_column(library_path::Column::Path), Alias::new("root"))
            .from(file::Entity)
            .join(
                JoinType::InnerJoin,
                folder::Entity,
                folder_column(folder::Column::Id).equals((file::Entity, file::Column::FolderId)),
            )
            .join(
                JoinType::InnerJoin,
                library_path::Entity,
                root_column(library_path::Column::Id).equals((folder::Entity, folder::Column::LibraryPathId)),
            )
            .and_where(file_column(file::Column::Id).eq(id));
        Self::find_by_statement(store.backend().build(&query))
            .one(store.reader())
            .await
    }

    /// Opens it for reading, and says what the descriptor shows.
    pub async fn open(&self) -> Result<(File, Facts), OpenError> {
        self.open_named(&self.name).await
    }

    /// Opens a file beside it.
    pub async fn open_beside(&self, file: &SubtitleFile) -> Result<(File, Facts), OpenError> {
        self.open_named(&file.name(&self.name)).await
    }

    async fn open_named(&self, name: &[u8]) -> Result<(File, Facts), OpenError> {
        let root = PathBuf::from(&self.root);
        let path = RelativePath::from_bytes(self.folder.clone()).join(name);
        let opened = tokio::task::spawn_blocking(move || Root::open(&root)?.open_file(&path)).await;
        opened
            .unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
            .map_err(|error| self.refusal(error))
    }

    fn refusal(&self, source: io::Error) -> OpenError {
        let path = self.path.clone();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => OpenError::Missing { path },
            _ => OpenError::Unreadable { path, source },
        }
    }
}
