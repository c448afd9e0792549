//! Where bytes lie while they come: in a hidden folder of the library's own path, so that they need not be copied into
//! their place; those of parts, which go to no library, in the data directory.

use std::{fs::File, io, path::PathBuf};

use entities::id::{LibraryId, LibraryPathId, UploadId};
use kernel::{
    blob::{self, RelativePath, Room, Root, UPLOAD_FOLDER},
    error::Failure,
    plugin::Kernel,
    sql,
};

use schema::{kit::libraries::Libraries, library::own};

use crate::{code, row::Row};

/// The folder of parts in the data directory.
const PARTS_FOLDER: &[u8] = b"uploads";
/// What the files are called.
const SUFFIX: &str = ".part";
/// What the folders are called in which pages' media are fetched.
const PAGE_SUFFIX: &str = ".page";

/// A folder with files that are on their way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What it is below.
    pub root: PathBuf,
    folder: &'static [u8],
}

impl Place {
    /// Where an upload's bytes are.
    pub fn of(kernel: &Kernel, row: &Row) -> Self {
        match &row.root {
            Some(root) => Self::in_library(root.clone()),
            None => Self::of_parts(kernel),
        }
    }

    /// In a library's path.
    pub fn in_library(root: PathBuf) -> Self {
        Self {
            root,
            folder: UPLOAD_FOLDER,
        }
    }

    /// In the data directory.
    pub fn of_parts(kernel: &Kernel) -> Self {
        Self {
            root: kernel.data_dir.to_path_buf(),
            folder: PARTS_FOLDER,
        }
    }

    /// The file of an upload, below the root.
    pub fn file(&self, id: UploadId) -> RelativePath {
        self.folder().join(format!("{id}{SUFFIX}").as_bytes())
    }

    /// The folder in which an upload is fetched from a page, below the root.
    pub fn page(&self, id: UploadId) -> RelativePath {
        self.folder().join(format!("{id}{PAGE_SUFFIX}").as_bytes())
    }

    /// Which upload a folder of pages belongs to.
    pub fn page_of(name: &[u8]) -> Option<UploadId> {
        std::str::from_utf8(name).ok()?.strip_suffix(PAGE_SUFFIX)?.parse().ok()
    }

    /// The folder, below the root.
    pub fn folder(&self) -> RelativePath {
        RelativePath::root().join(self.folder)
    }

    /// Which upload a file in the folder belongs to.
    pub fn upload_of(name: &[u8]) -> Option<UploadId> {
        std::str::from_utf8(name).ok()?.strip_suffix(SUFFIX)?.parse().ok()
    }

    /// Makes the file of an upload, and keeps room for it. It is there after a crash.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn make(&self, id: UploadId, n_bytes: u64) -> Result<(), Failure> {
        let (folder, file) = (self.folder(), self.file(id));
        self.run(move |root| {
            root.ensure_folder(&folder)?;
            let made = root.work_file(&file)?;
            if let Err(error) = blob::reserve(&made, n_bytes) {
                root.remove_file(&file)?;
                return Err(error);
            }
            root.sync_folder(&folder)
        })
        .await
    }

    /// Opens the file of an upload.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn open(&self, id: UploadId) -> Result<File, Failure> {
        let file = self.file(id);
        self.run(move |root| root.work_file(&file)).await
    }

    /// Removes the file of an upload, if it is there.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn remove(&self, id: UploadId) -> Result<(), Failure> {
        let file = self.file(id);
        self.run(move |root| root.remove_file(&file).map(drop)).await
    }

    /// The room where the files are.
    ///
    /// # Errors
    /// When the disk does not say.
    pub async fn room(&self) -> Result<Room, Failure> {
        self.run(Root::room).await
    }

    /// Does something below the root, off the async threads.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Root) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let root = self.root.clone();
        let done = tokio::task::spawn_blocking(move || work(&Root::open(&root)?)).await;
        done.map_err(Failure::internal)?
            .map_err(|error| refused(&self.root, &error))
    }
}

/// What the disk's refusal means.
pub fn refused(root: &std::path::Path, error: &io::Error) -> Failure {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => &code::NO_ROOM,
        _ => &code::DISK,
    };
    Failure::new(code, format!("in `{}`: {error}", root.display()))
}

/// The library that a client named by id or name, or the only one that it sees, with the path that uploads go to: its
/// first one that is not the server's own.
///
/// # Errors
/// When it is not said which, or there is none such, or it is offline.
pub async fn library(
    kernel: &Kernel,
    sees: &Libraries,
    wanted: Option<&str>,
) -> Result<(LibraryId, LibraryPathId, PathBuf), Failure> {
    let db = kernel.store.reader();
    let text = "select library.id, library.name, library.is_online, library_path.id, library_path.path from library \
        join library_path on library_path.library_id = library.id order by library.id, library_path.position";
    let none = |message: String| Failure::new(&code::NO_LIBRARY, message);
    let mut found: Option<(LibraryId, LibraryPathId, PathBuf)> = None;
    for row in sql::rows(db, text, []).await? {
        let (id, name): (i64, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let id = LibraryId(id);
        let path: String = row.try_get_by_index(4)?;
        let is_it =
            wanted.is_none_or(|wanted| wanted == id.to_string() || wanted.to_lowercase() == name.to_lowercase());
        if !is_it || !sees.has(id) || own::is_own(kernel, &path) {
            continue;
        }
        match &found {
            Some((known, ..)) if *known == id => continue,
            Some(_) => {
                return Err(none(
                    "there are several libraries: name one in the metadata `library`".to_owned(),
                ));
            }
            None => {}
        }
        if !row.try_get_by_index::<bool>(2)? {
            return Err(none(format!("the library `{name}` is offline")));
        }
        found = Some((id, LibraryPathId(row.try_get_by_index(3)?), path.into()));
    }
    found.ok_or_else(|| match wanted {
        Some(wanted) => none(format!("there is no library `{wanted}`")),
        None => none("there is no library yet".to_owned()),
    })
}
