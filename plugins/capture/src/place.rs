//! Where recordings lie, and what their files are called.

use std::{io, path::PathBuf};

use entities::id::LibraryId;
use kernel::{blob::Root, error::Failure, plugin::Kernel, store::Tx};
use schema::library::own::{OwnFolder, stem};
pub use schema::library::own::{placed, work};

use crate::code;

/// The folder of a library's recordings.
pub fn folder(kernel: &Kernel, library: LibraryId) -> PathBuf {
    OwnFolder::Captures.of(kernel, library)
}

/// Does something below the folder of recordings, off the async threads.
///
/// # Errors
/// When the disk refuses.
pub async fn below<T: Send + 'static>(
    kernel: &Kernel,
    work: impl FnOnce(&Root) -> io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let refused = |error| Failure::new(&code::NO_ROOM, format!("in the folder of recordings: {error}"));
    OwnFolder::Captures.below(kernel, refused, work).await
}

/// Makes the folder of a library's recordings one of its paths, if it is not yet.
///
/// # Errors
/// The database fails.
pub async fn ensure_path(kernel: &Kernel, tx: &Tx, library: LibraryId) -> Result<(), Failure> {
    OwnFolder::Captures.ensure_path(kernel, tx, library).await
}

/// The name of a recording's file: the source and when it began, in UTC, then what is unique.
pub fn file_name(source: &str, started_at: i64, unique: &str) -> String {
    let name = format!("{} {} {unique}.mp4", stem(source), told(started_at));
    name.trim_start().to_owned()
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
