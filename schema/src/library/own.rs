//! Where files lie that the server itself makes for a library: below its data directory, in a folder that is one of the
//! library's paths. Unfinished ones are beside it on the same file system, where no scan looks, and move when they are whole.

use std::{
    io,
    path::{Path, PathBuf},
};

use entities::id::{LibraryId, LibraryPathId};
use kernel::{
    blob::{RelativePath, Root},
    error::Failure,
    events::LibraryChanged,
    plugin::Kernel,
    sql,
    store::Tx,
};

const WORK: &str = ".work";
/// Characters of a title that a file is named after, and their bytes: letters of some scripts take several.
const MAX_CHARS: usize = 60;
const MAX_BYTES: usize = 120;

/// What a folder of the data directory holds for all libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnFolder {
    /// Parts of items.
    Clips,
    /// What was recorded of live sources.
    Captures,
}

/// Whether the server itself fills this path of a library.
pub fn is_own(kernel: &Kernel, path: &str) -> bool {
    let path = Path::new(path);
    [OwnFolder::Clips, OwnFolder::Captures]
        .iter()
        .any(|folder| path.starts_with(folder.top(kernel)))
}

/// The folder of unfinished files, below the top.
pub fn work_folder() -> RelativePath {
    RelativePath::root().join(WORK.as_bytes())
}

/// An unfinished file, below the top.
pub fn work(name: &str) -> RelativePath {
    work_folder().join(name.as_bytes())
}

/// A whole file of a library, below the top.
pub fn placed(library: LibraryId, name: &str) -> RelativePath {
    let folder = RelativePath::root().join(library.to_string().as_bytes());
    folder.join(name.as_bytes())
}

/// The beginning of a file's name that says what people call it: safe on every file system, and short.
pub fn stem(title: &str) -> String {
    let safe = |letter: char| match letter {
        letter if letter.is_alphanumeric() || " -_.,()'&+".contains(letter) => letter,
        _ => '_',
    };
    let shown = title.trim().trim_start_matches('.');
    let mut name: String = shown.chars().map(safe).take(MAX_CHARS).collect();
    while name.len() > MAX_BYTES {
        name.pop();
    }
    name.trim().to_owned()
}

impl OwnFolder {
    /// The folder for all libraries.
    pub fn top(self, kernel: &Kernel) -> PathBuf {
        kernel.data_dir.join(match self {
            Self::Clips => "clips",
            Self::Captures => "captures",
        })
    }

    /// The folder that is a library's path.
    pub fn of(self, kernel: &Kernel, library: LibraryId) -> PathBuf {
        self.top(kernel).join(library.to_string())
    }

    /// Does something below the top, off the async threads; `refused` says what it was when the disk refuses.
    ///
    /// # Errors
    /// What `refused` makes.
    pub async fn below<T: Send + 'static>(
        self,
        kernel: &Kernel,
        refused: impl FnOnce(io::Error) -> Failure,
        work: impl FnOnce(&Root) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let top = self.top(kernel);
        let done = tokio::task::spawn_blocking(move || {
            let root = Root::make(&top)?;
            root.ensure_folder(&work_folder())?;
            work(&root)
        });
        done.await.map_err(Failure::internal)?.map_err(refused)
    }

    /// Makes the folder one of the library's paths, if it is not yet.
    ///
    /// # Errors
    /// The database fails.
    pub async fn ensure_path(self, kernel: &Kernel, tx: &Tx, library: LibraryId) -> Result<(), Failure> {
        let path = self.of(kernel, library).display().to_string();
        let known = "select id from library_path where library_id = $1 and path = $2";
        let values = [library.0.into(), path.clone().into()];
        if !sql::rows(&**tx, known, values).await?.is_empty() {
            return Ok(());
        }
        let text = "insert into library_path (id, library_id, path, position) values ($1, $2, $3, \
            (select coalesce(max(position), -1) + 1 from library_path where library_id = $2)) \
            on conflict (library_id, path) do nothing";
        let values = [LibraryPathId::new().0.into(), library.0.into(), path.into()];
        if sql::execute(&**tx, text, values).await? > 0 {
            tx.publish(LibraryChanged { library });
        }
        Ok(())
    }
}
