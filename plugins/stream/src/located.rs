//! From a file's id to its open descriptor: rows say where it is, and `kernel::blob` opens it below its root.

use std::{fs::File, io, path::PathBuf};

use entities::{file, folder, id::FileId, library_path};
use kernel::{
    blob::{Facts, RelativePath, Root},
    error::Failure,
    plugin::Kernel,
};
use sea_orm::{
    DbErr, FromQueryResult,
    sea_query::{Alias, Expr, ExprTrait, JoinType, Query},
};

use crate::code;

/// Where a file is, as the last scan saw it.
#[derive(Debug, FromQueryResult)]
pub struct Located {
    /// The last part of its path.
    pub name: Vec<u8>,
    /// Its path below the library path, for messages.
    pub path: String,
    /// What the probe found it to be.
    pub container: Option<String>,
    folder: Vec<u8>,
    root: String,
}

/// Finds a file's place, in one statement.
pub async fn locate(kernel: &Kernel, id: FileId) -> Result<Option<Located>, DbErr> {
    let file_column = |column| Expr::col((file::Entity, column));
    let folder_column = |column| Expr::col((folder::Entity, column));
    let root_column = |column| Expr::col((library_path::Entity, column));
    let mut query = Query::select();
    for column in [file::Column::Name, file::Column::Path, file::Column::Container] {
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
    let store = &kernel.store;
    Located::find_by_statement(store.backend().build(&query))
        .one(store.reader())
        .await
}

impl Located {
    /// Opens it for reading.
    ///
    /// # Errors
    /// `STREAM_FILE_MISSING` when it is gone, `STREAM_FILE_UNREADABLE` when the disk or its permissions refuse.
    pub async fn open(&self) -> Result<(File, Facts), Failure> {
        let root = PathBuf::from(&self.root);
        let path = RelativePath::from_bytes(self.folder.clone()).join(&self.name);
        let opened = tokio::task::spawn_blocking(move || Root::open(&root)?.open_file(&path)).await;
        opened.map_err(Failure::internal)?.map_err(|error| self.refusal(&error))
    }

    fn refusal(&self, error: &io::Error) -> Failure {
        let path = &self.path;
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                let message = format!("`{path}` is not where the last scan saw it; scan its library again");
                Failure::new(&code::FILE_MISSING, message)
            }
            _ => {
                tracing::warn!(path, %error, "a file could not be opened");
                let message = format!("`{path}` cannot be read by the server; check its disk and its permissions");
                Failure::new(&code::FILE_UNREADABLE, message)
            }
        }
    }
}
