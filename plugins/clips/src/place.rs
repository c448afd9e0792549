//! Where clips and unfinished work lie, and what their files are called.

use std::{io, path::PathBuf};

use entities::id::LibraryId;
use kernel::{blob::Root, error::Failure, plugin::Kernel, store::Tx};
use schema::library::own::{OwnFolder, stem};
pub use schema::library::own::{placed, work, work_folder};

use crate::code;

/// The folder of a library's clips.
pub fn folder(kernel: &Kernel, library: LibraryId) -> PathBuf {
    OwnFolder::Clips.of(kernel, library)
}

/// Does something below the folder of clips, off the async threads.
///
/// # Errors
/// When the disk refuses.
pub async fn below<T: Send + 'static>(
    kernel: &Kernel,
    work: impl FnOnce(&Root) -> io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let refused = |error| Failure::new(&code::NO_ROOM, format!("in the folder of clips: {error}"));
    OwnFolder::Clips.below(kernel, refused, work).await
}

/// Makes the folder of a library's clips one of its paths, if it is not yet.
pub async fn ensure_path(kernel: &Kernel, tx: &Tx, library: LibraryId) -> Result<(), Failure> {
    OwnFolder::Clips.ensure_path(kernel, tx, library).await
}

/// A name for a clip's file: what people read, then what is unique.
pub fn file_name(title: &str, unique: &str, extension: &str) -> String {
    match stem(title).as_str() {
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
