//! Where clips and unfinished work lie: below the data directory, in a folder that is one of its library's paths.

use std::path::PathBuf;

use entities::id::{LibraryId, LibraryPathId};
use kernel::{
    blob::{RelativePath, Root},
    error::Failure,
    events::LibraryChanged,
    plugin::Kernel,
    sql,
    store::Tx,
};

use crate::code;

/// Unfinished work, beside the folders of libraries.
const WORK: &str = ".work";

/// The folder of all clips.
pub fn top(kernel: &Kernel) -> PathBuf {
    kernel.data_dir.join("clips")
}

/// The folder of a library's clips.
pub fn folder(kernel: &Kernel, library: LibraryId) -> PathBuf {
    top(kernel).join(library.to_string())
}

/// The folder of unfinished work.
pub fn work_folder() -> RelativePath {
    RelativePath::root().join(WORK.as_bytes())
}

/// A file of unfinished work.
pub fn work(name: &str) -> RelativePath {
    work_folder().join(name.as_bytes())
}

/// Where a clip of a library lies.
pub fn placed(library: LibraryId, name: &str) -> RelativePath {
    RelativePath::root()
        .join(library.to_string().as_bytes())
        .join(name.as_bytes())
}

/// Does something below the folder of clips, off the async threads.
///
/// # Errors
/// When the disk refuses.
pub async fn below<T: Send + 'static>(
    kernel: &Kernel,
    work: impl FnOnce(&Root) -> std::io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let top = top(kernel);
    let done = tokio::task::spawn_blocking(move || {
        let root = Root::make(&top)?;
        root.ensure_folder(&RelativePath::root().join(WORK.as_bytes()))?;
        work(&root)
    });
    let done = done.await.map_err(Failure::internal)?;
    done.map_err(|error| Failure::new(&code::NO_ROOM, format!("in the folder of clips: {error}")))
}

/// Makes the folder of a library's clips one of its paths, if it is not yet.
pub async fn ensure_path(kernel: &Kernel, tx: &Tx, library: LibraryId) -> Result<(), Failure> {
    let path = folder(kernel, library).display().to_string();
    let known = "select id from library_path where library_id = $1 and path = $2";
    let values = [library.0.into(), path.clone().into()];
    if !sql::rows(&**tx, known, values).await?.is_empty() {
        return Ok(());
    }
    let text = "insert into library_path (id, library_id, path, position) values ($1, $2, $3, \
        (select coalesce(max(position), -1) + 1 from library_path where library_id = $2))";
    let values = [LibraryPathId::new().0.into(), library.0.into(), path.into()];
    sql::execute(&**tx, text, values).await?;
    tx.publish(LibraryChanged { library });
    Ok(())
}

/// A name for a clip's file: what people read, then what is unique.
pub fn file_name(title: &str, unique: &str, extension: &str) -> String {
    let safe = |letter: char| match letter {
        letter if letter.is_alphanumeric() || " -_.,()'&+".contains(letter) => letter,
        _ => '_',
    };
    let mut name: String = title
        .trim()
        .trim_start_matches('.')
        .chars()
        .map(safe)
        .take(60)
        .collect();
    // Letters of other scripts take several bytes, and file systems count these.
    while name.len() > 120 {
        name.pop();
    }
    match name.trim() {
        "" => format!("{unique}.{extension}"),
        name => format!("{name} {unique}.{extension}"),
    }
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn names_are_safe_and_short_and_never_the_same() {
        assert_eq!(
            file_name("Night: Train/..", "clp_1", "mp4"),
            "Night_ Train_.. clp_1.mp4"
        );
        assert_eq!(file_name("...", "clp_1", "gif"), "clp_1.gif");
        assert!(file_name(&"ж".repeat(500), "clp_1", "mp4").len() < 140);
        assert_ne!(file_name("a", "clp_1", "mp4"), file_name("a", "clp_2", "mp4"));
    }
}
