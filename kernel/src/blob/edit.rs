//! What may be changed below a root: a file moves within it, folders are made on the way, and a file is removed. Nothing
//! is ever replaced, and what is done has reached the disk when the call returns.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
};

use rustix::{
    fs::{AtFlags, FallocateFlags, FlockOperation, Mode, OFlags, RenameFlags},
    io::Errno,
};

use super::{EntryKind, Facts, RelativePath, Root};

/// The folder at the top of a library's path that holds what was put in the trash. No scan looks into it.
pub const TRASH_FOLDER: &[u8] = b".vitagraph-trash";
/// The folder at the top of a library's path that holds what is still being received. No scan looks into it.
pub const UPLOAD_FOLDER: &[u8] = b".vitagraph-uploads";

/// The room on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that may still be written.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Takes an open file for this descriptor alone, until it is closed, also against other processes; says whether that was
/// possible.
///
/// # Errors
/// When the file system knows no locks.
pub fn lock(file: &File) -> io::Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Has the disk keep room for so many bytes of a file without changing its size. A file system that cannot do so, does
/// not.
///
/// # Errors
/// When there is no room.
pub fn reserve(file: &File, n_bytes: u64) -> io::Result<()> {
    if n_bytes == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, n_bytes) {
        Err(Errno::NOTSUP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        reserved => Ok(reserved?),
    }
}

impl RelativePath {
    /// The folder and the last part; nothing for the root itself, and for a last part that is no name.
    pub fn split(&self) -> Option<(Self, &[u8])> {
        let at = self.0.iter().rposition(|byte| *byte == b'/');
        let name = &self.0[at.map_or(0, |at| at + 1)..];
        let folder = &self.0[..at.unwrap_or(0)];
        let is_name = !matches!(name, b"" | b"." | b"..") && !name.contains(&0);
        is_name.then(|| (Self(folder.to_vec()), name))
    }
}

impl Root {
    /// What `stat` says of a path, without following a link at its end; nothing if nothing is there.
    ///
    /// # Errors
    /// When the folder cannot be looked into, or the path leaves the root.
    pub fn facts(&self, path: &RelativePath) -> io::Result<Option<Facts>> {
        let (folder, name) = parts(path)?;
        let folder = match self.folder(&folder) {
            Ok(folder) => folder,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        match rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Facts::from(stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a folder of our own, and makes it where it is missing.
    ///
    /// # Errors
    /// When that is not allowed, or something else has the name.
    pub fn make(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Self::open(path)
    }

    /// Opens a file of our own to read and write, and makes it where it is missing. Its folder must be there. Nothing of
    /// it is synced.
    ///
    /// # Errors
    /// When that is not allowed, it is no regular file, or the path leaves the root.
    pub fn work_file(&self, path: &RelativePath) -> io::Result<File> {
        let (folder, name) = parts(path)?;
        let folder = self.folder(&folder)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let descriptor = rustix::fs::openat(&folder, name, flags, Mode::from_raw_mode(0o644))?;
        match Facts::from(rustix::fs::fstat(&descriptor)?).kind {
            EntryKind::File => Ok(File::from(descriptor)),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
        }
    }

    /// The room on the root's file system.
    ///
    /// # Errors
    /// When the file system does not say.
    pub fn room(&self) -> io::Result<Room> {
        let stat = rustix::fs::fstatvfs(&self.directory)?;
        Ok(Room {
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
        })
    }

    /// Has what was made in a folder reach the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync_folder(&self, path: &RelativePath) -> io::Result<()> {
        sync(&self.folder(path)?)
    }

    /// Makes a folder and those above it, where they are missing.
    ///
    /// # Errors
    /// When that is not allowed, something else has the name, or the path leaves the root.
    pub fn ensure_folder(&self, path: &RelativePath) -> io::Result<()> {
        let mut made = RelativePath::root();
        for part in path.0.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            let above = self.folder(&made)?;
            made = made.join(part);
            let (_, name) = parts(&made)?;
            match rustix::fs::mkdirat(&above, name, Mode::from_raw_mode(0o755)) {
                Ok(()) => sync(&above)?,
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.folder(&made).map(drop)
    }

    /// Gives a regular file another place within the root. Its folder must be there, and nothing may have the new name.
    ///
    /// # Errors
    /// `AlreadyExists` when something has the new name, `NotFound` when the file or a folder is not there,
    /// `CrossesDevices` when another file system is mounted in between, or that it is not allowed.
    pub fn move_file(&self, from: &RelativePath, to: &RelativePath) -> io::Result<()> {
        let ((from_folder, from_name), (to_folder, to_name)) = (parts(from)?, parts(to)?);
        let (from_folder, to_folder) = (self.folder(&from_folder)?, self.folder(&to_folder)?);
        let facts = Facts::from(rustix::fs::statat(&from_folder, from_name, AtFlags::SYMLINK_NOFOLLOW)?);
        if facts.kind != EntryKind::File {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        match rustix::fs::renameat_with(&from_folder, from_name, &to_folder, to_name, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            // Some network file systems cannot refuse to replace: then it is looked at first.
            Err(Errno::INVAL | Errno::NOSYS) => {
                match rustix::fs::statat(&to_folder, to_name, AtFlags::SYMLINK_NOFOLLOW) {
                    Err(Errno::NOENT) => rustix::fs::renameat(&from_folder, from_name, &to_folder, to_name)?,
                    Ok(_) => return Err(Errno::EXIST.into()),
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error.into()),
        }
        sync(&to_folder)?;
        sync(&from_folder)
    }

    /// Removes a regular file for good; says whether it was there.
    ///
    /// # Errors
    /// When it is no regular file, or that is not allowed.
    pub fn remove_file(&self, path: &RelativePath) -> io::Result<bool> {
        match self.facts(path)? {
            None => return Ok(false),
            Some(facts) if facts.kind != EntryKind::File => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
            }
            Some(_) => {}
        }
        let (folder, name) = parts(path)?;
        let folder = self.folder(&folder)?;
        match rustix::fs::unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) => sync(&folder).map(|()| true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a folder if nothing is in it; otherwise, and if it is not there, it stays as it is.
    ///
    /// # Errors
    /// When that is not allowed.
    pub fn remove_empty_folder(&self, path: &RelativePath) -> io::Result<()> {
        let (folder, name) = parts(path)?;
        let folder = match self.folder(&folder) {
            Ok(folder) => folder,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        match rustix::fs::unlinkat(&folder, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn folder(&self, path: &RelativePath) -> io::Result<OwnedFd> {
        self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC)
    }
}

pub(super) fn parts(path: &RelativePath) -> io::Result<(RelativePath, &OsStr)> {
    let parts = path.split().map(|(folder, name)| (folder, OsStr::from_bytes(name)));
    parts.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

pub(super) fn sync(folder: &OwnedFd) -> io::Result<()> {
    match rustix::fs::fsync(folder) {
        // Some file systems have nothing to sync in a folder and say so.
        Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
        synced => Ok(synced?),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn path(text: &str) -> RelativePath {
        RelativePath::from_bytes(text.into())
    }

    fn world() -> (tempfile::TempDir, Root) {
        let world = tempfile::tempdir().expect("a temporary folder");
        let top = world.path().join("root");
        fs::create_dir_all(top.join("films")).expect("folders");
        fs::create_dir(world.path().join("outside")).expect("a folder");
        for file in ["root/films/a.mkv", "root/b.mkv", "outside/secret"] {
            fs::write(world.path().join(file), file).expect("a file");
        }
        symlink(world.path().join("outside"), top.join("link")).expect("a link");
        let root = Root::open(&top).expect("the root");
        (world, root)
    }

    #[test]
    fn a_file_moves_within_its_root_and_replaces_nothing() {
        let (world, root) = world();
        root.ensure_folder(&path("x/y")).expect("folders");
        root.move_file(&path("films/a.mkv"), &path("x/y/a.mkv"))
            .expect("a move");
        assert!(root.facts(&path("films/a.mkv")).expect("a look").is_none());
        assert_eq!(
            root.facts(&path("x/y/a.mkv")).expect("a look").expect("a file").size,
            16
        );
        let taken = root
            .move_file(&path("x/y/a.mkv"), &path("b.mkv"))
            .expect_err("it is taken");
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(
            fs::read(world.path().join("root/b.mkv")).expect("a file"),
            b"root/b.mkv"
        );
        assert!(
            root.remove_file(&path("x/y/a.mkv")).expect("it goes")
                && !root.remove_file(&path("x/y/a.mkv")).expect("it is gone")
        );
        root.remove_empty_folder(&path("x")).expect("not empty: it stays");
        root.remove_empty_folder(&path("x/y")).expect("it goes");
        assert!(!world.path().join("root/x/y").exists() && world.path().join("root/x").exists());
    }

    #[test]
    fn nothing_outside_the_root_is_moved_made_or_removed() {
        let (world, root) = world();
        for outside in ["link/secret", "../outside/secret", "films/../../outside/secret"] {
            assert!(root.move_file(&path(outside), &path("stolen")).is_err(), "{outside}");
            assert!(
                root.move_file(&path("b.mkv"), &path(&format!("{outside}2"))).is_err(),
                "{outside}"
            );
            assert!(root.remove_file(&path(outside)).is_err(), "{outside}");
        }
        for folder in ["link/made", "../made"] {
            assert!(root.ensure_folder(&path(folder)).is_err(), "{folder}");
        }
        assert!(root.remove_file(&path("link")).is_err(), "a link is no file");
        assert!(root.remove_file(&path("films")).is_err() && root.remove_file(&path("")).is_err());
        assert_eq!(fs::read_dir(world.path().join("outside")).expect("a folder").count(), 1);
        assert!(world.path().join("root/b.mkv").exists() && world.path().join("root/link").exists());
    }
}
