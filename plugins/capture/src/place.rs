//! Where recordings lie: below the data directory. What is being written is in a folder that no scan looks into, on the
//! same file system as the folders of libraries, to which it moves when it is whole.

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

const WORK: &str = ".work";

/// The folder of all recordings.
pub fn top(kernel: &Kernel) -> PathBuf {
    kernel.data_dir.join("captures")
}

/// The folder of a library's recordings.
pub fn folder(kernel: &Kernel, library: LibraryId) -> PathBuf {
    top(kernel).join(library.to_string())
}

/// A file that is being written.
pub fn work(name: &str) -> RelativePath {
    RelativePath::root().join(WORK.as_bytes()).join(name.as_bytes())
}

/// Where a whole recording lies.
pub fn placed(library: LibraryId, name: &str) -> RelativePath {
    RelativePath::root()
        .join(library.to_string().as_bytes())
        .join(name.as_bytes())
}

/// Does something below the folder of recordings, off the async threads.
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
    done.map_err(|error| Failure::new(&code::NO_ROOM, format!("in the folder of recordings: {error}")))
}

/// Makes the folder of a library's recordings one of its paths, if it is not yet.
///
/// # Errors
/// The database fails.
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

/// The name of a recording's file: the source and when it began, in UTC, then what is unique.
pub fn file_name(source: &str, started_at: i64, unique: &str) -> String {
    let safe = |letter: char| match letter {
        letter if letter.is_alphanumeric() || " -_.,()'&+".contains(letter) => letter,
        _ => '_',
    };
    let trimmed = source.trim().trim_start_matches('.');
    let mut name: String = trimmed.chars().map(safe).take(60).collect();
    // Letters of other scripts take several bytes, and file systems count these.
    while name.len() > 120 {
        name.pop();
    }
    format!("{} {} {unique}.mp4", name.trim(), told(started_at))
        .trim_start()
        .to_owned()
}

/// A time for people and for file names, in UTC.
pub fn told(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.strftime("%Y-%m-%d %H.%M.%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn names_are_safe_and_tell_when() {
        let name = file_name("../Front: door", 1_795_266_000_000, "cpt_1");
        assert_eq!(name, "_Front_ door 2026-11-21 13.00.00 cpt_1.mp4");
        assert!(file_name(&"ж".repeat(500), 0, "cpt_1").len() < 170);
    }
}
