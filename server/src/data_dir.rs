//! The data directory: made private, and locked by the one process that owns the embedded database.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use rustix::fs::FlockOperation;

/// Makes the directory, readable by its owner alone, or checks the one that is there.
pub fn prepare(path: &Path) -> anyhow::Result<PathBuf> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("making the data directory {}", path.display()))?;
    let found = std::fs::metadata(path).with_context(|| format!("looking at the data directory {}", path.display()))?;
    if !found.is_dir() {
        bail!("{} is not a directory; choose another with --data", path.display());
    }
    if found.mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{:o}", found.mode() & 0o777),
            "other accounts may look into the data directory; `chmod 700` makes it private");
    }
    path.canonicalize()
        .with_context(|| format!("resolving the data directory {}", path.display()))
}

/// Held by the process that owns a data directory; released by the system however the process ends.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock, or says that another process holds it by answering `None`.
    pub fn try_take(data: &Path) -> anyhow::Result<Option<Self>> {
        let path = data.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("opening the lock file {}", path.display()))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(io::Error::from(error)).with_context(|| format!("locking {}", path.display())),
        }
        // The number is for people only; the lock itself is what counts.
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Some(Self { _file: file }))
    }

    /// Which process holds the lock, as it has written itself.
    pub fn holder(data: &Path) -> Option<u32> {
        let mut text = String::new();
        File::open(data.join("lock"))
            .ok()?
            .take(32)
            .read_to_string(&mut text)
            .ok()?;
        text.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_holds_the_lock_and_it_is_free_after_that_one_ends() {
        let world = std::env::temp_dir().join(format!("vitagraph-lock-{}", std::process::id()));
        let data = prepare(&world.join("data")).expect("a directory");
        assert_eq!(std::fs::metadata(&data).expect("it is there").mode() & 0o777, 0o700);
        let held = DataLock::try_take(&data).expect("no error").expect("free");
        assert!(DataLock::try_take(&data).expect("no error").is_none());
        assert_eq!(DataLock::holder(&data), Some(std::process::id()));
        drop(held);
        assert!(DataLock::try_take(&data).expect("no error").is_some());
        std::fs::remove_dir_all(world).expect("removable");
    }
}
