//! What happens on the disk. Each call brings a file to where it is meant to be, wherever a crash has left it.

use std::io;

use kernel::{
    blob::{EntryKind, Facts, Root},
    error::Failure,
};

use crate::{code, held::Held};

/// Where a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Where it is meant to be.
    There(Facts),
    /// Nowhere.
    Nowhere,
}

/// Brings a file into the trash.
pub async fn bring_in(held: &Held) -> Result<Found, Failure> {
    run(held, |root, held| {
        let (place, trash_place) = (held.place(), held.trash_place());
        if let Some(facts) = root.facts(&trash_place)? {
            return Ok(Ok(Found::There(facts)));
        }
        let Some(facts) = root.facts(&place)? else {
            return Ok(Ok(Found::Nowhere));
        };
        if facts.kind != EntryKind::File || facts.size != held.size || facts.mtime_ns != held.mtime_ns {
            let message = format!("`{place}` has changed since the last scan; scan the library, then try again");
            return Ok(Err(Failure::new(&code::FILE_CHANGED, message)));
        }
        root.ensure_folder(&held.trash_folder())?;
        match root.move_file(&place, &trash_place) {
            Ok(()) => Ok(Ok(Found::There(facts))),
            Err(error) => {
                // Another process may have done the same: then it is there.
                let found = root.facts(&trash_place)?;
                if found.is_none() {
                    root.remove_empty_folder(&held.trash_folder())?;
                }
                found.map(|facts| Ok(Found::There(facts))).ok_or(error)
            }
        }
    })
    .await
}

/// Brings a file back to where it came from.
pub async fn bring_back(held: &Held) -> Result<Found, Failure> {
    run(held, |root, held| {
        let (place, trash_place) = (held.place(), held.trash_place());
        if root.facts(&trash_place)?.is_none() {
            let is_it = |facts: &Facts| facts.size == held.size && facts.mtime_ns == held.mtime_ns;
            return Ok(Ok(root
                .facts(&place)?
                .filter(is_it)
                .map_or(Found::Nowhere, Found::There)));
        }
        root.ensure_folder(&held.folder)?;
        match root.move_file(&trash_place, &place) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let message = format!("there is another `{place}` now; move it away, then try again");
                return Ok(Err(Failure::new(&code::PLACE_TAKEN, message)));
            }
            Err(error) => return Err(error),
        }
        root.remove_empty_folder(&held.trash_folder())?;
        Ok(Ok(root.facts(&place)?.map_or(Found::Nowhere, Found::There)))
    })
    .await
}

/// Removes a file from the trash for good.
pub async fn remove(held: &Held) -> Result<(), Failure> {
    run(held, |root, held| {
        root.remove_file(&held.trash_place())?;
        root.remove_empty_folder(&held.trash_folder())?;
        Ok(Ok(()))
    })
    .await
}

/// Runs something off the async threads, and says what could not be done.
async fn run<T: Send + 'static>(
    held: &Held,
    work: impl FnOnce(&Root, &Held) -> io::Result<Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let held = held.clone();
    let place = held.place();
    let done = tokio::task::spawn_blocking(move || work(&Root::open(&held.root)?, &held));
    match done.await.map_err(Failure::internal)? {
        Ok(done) => done,
        Err(error) => {
            let message = match error.kind() {
                io::ErrorKind::CrossesDevices => "it lies on another file system than the library's folder".to_owned(),
                _ => error.to_string(),
            };
            Err(Failure::new(
                &code::NOT_MOVED,
                format!("`{place}` could not be moved or removed: {message}"),
            ))
        }
    }
}
