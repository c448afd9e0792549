//! The only opener of files in libraries: every path is resolved below one root descriptor.
//!
//! `openat2` with `RESOLVE_BENEATH` refuses anything that would leave the root, by `..`, by an absolute path or by a
//! link, and it does so in the kernel, where nothing can be swapped in between.

mod edit;
pub mod watch;
mod work;

use std::{
    ffi::OsStr,
    fmt,
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};

pub use self::edit::{Room, TRASH_FOLDER, UPLOAD_FOLDER, lock, reserve};

/// A path below a root: bytes, as the file system has them. Empty for the root itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RelativePath(Vec<u8>);

impl RelativePath {
    /// The root itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// Bytes from the database, which an earlier walk has written.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// This path and one more part.
    pub fn join(&self, name: &[u8]) -> Self {
        let mut bytes = self.0.clone();
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
        Self(bytes)
    }

    /// The bytes, for the database.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as text; a byte that is not UTF-8 shows as `\xNN`, so that different names look different.
    pub fn display(&self) -> String {
        let mut text = String::with_capacity(self.0.len());
        for chunk in self.0.utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                text.push_str(&format!("\\x{byte:02X}"));
            }
        }
        text
    }

    /// The path in the file system, for messages and for administrators.
    pub fn below(&self, root: &Path) -> PathBuf {
        if self.0.is_empty() {
            root.to_owned()
        } else {
            root.join(OsStr::from_bytes(&self.0))
        }
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display())
    }
}

/// What a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, not followed.
    Link,
    /// A socket, a device, a pipe.
    Other,
}

/// One entry of a folder.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The last part of its path.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
}

/// What `stat` says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Facts {
    /// Bytes.
    pub size: i64,
    /// Modification time, nanoseconds since 1970, UTC.
    pub mtime_ns: i64,
    /// Inode number.
    pub inode: i64,
    /// Device number.
    pub device: i64,
    /// What it is.
    pub kind: EntryKind,
}

impl From<Stat> for Facts {
    fn from(stat: Stat) -> Self {
        Self {
            size: stat.st_size,
            mtime_ns: stat
                .st_mtime
                .saturating_mul(1_000_000_000)
                .saturating_add(stat.st_mtime_nsec as i64),
            inode: stat.st_ino as i64,
            device: stat.st_dev as i64,
            kind: match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => EntryKind::File,
                FileType::Directory => EntryKind::Folder,
                FileType::Symlink => EntryKind::Link,
                _ => EntryKind::Other,
            },
        }
    }
}

/// A folder that everything is resolved below.
pub struct Root {
    directory: OwnedFd,
    path: PathBuf,
}

impl Root {
    /// Opens a folder by its absolute path.
    pub fn open(path: &Path) -> io::Result<Self> {
        let directory = rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self {
            directory,
            path: path.to_owned(),
        })
    }

    /// Where it is, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a regular file for reading. Never blocks on a pipe or a device: those are refused.
    pub fn open_file(&self, path: &RelativePath) -> io::Result<(File, Facts)> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let descriptor = self.resolve(path, flags)?;
        let facts = Facts::from(rustix::fs::fstat(&descriptor)?);
        if facts.kind != EntryKind::File {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok((File::from(descriptor), facts))
    }

    /// Opens a folder to list it.
    pub fn open_folder(&self, path: &RelativePath) -> io::Result<Folder> {
        let descriptor = self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC)?;
        Ok(Folder { descriptor })
    }

    fn resolve(&self, path: &RelativePath, flags: OFlags) -> io::Result<OwnedFd> {
        let relative = if path.0.is_empty() {
            OsStr::new(".")
        } else {
            OsStr::from_bytes(&path.0)
        };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(&self.directory, relative, flags, Mode::empty(), resolve) {
            // Before Linux 5.6, and in some containers: the same walk by hand, following no link at all.
            Err(rustix::io::Errno::NOSYS) => self.resolve_by_parts(path, flags),
            opened => Ok(opened?),
        }
    }

    fn resolve_by_parts(&self, path: &RelativePath, flags: OFlags) -> io::Result<OwnedFd> {
        let mut directory = self.directory.try_clone()?;
        let mut parts = path
            .0
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty() && *part != b".")
            .peekable();
        while let Some(part) = parts.next() {
            if part == b".." {
                return Err(io::Error::from(rustix::io::Errno::XDEV));
            }
            let last = parts.peek().is_none();
            let flags = if last {
                flags
            } else {
                OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC
            } | OFlags::NOFOLLOW;
            directory = rustix::fs::openat(&directory, OsStr::from_bytes(part), flags, Mode::empty())?;
            if last {
                return Ok(directory);
            }
        }
        Ok(rustix::fs::openat(&directory, ".", flags, Mode::empty())?)
    }
}

/// An open folder.
pub struct Folder {
    descriptor: OwnedFd,
}

impl Folder {
    /// Its entries without `.` and `..`, in the file system's order. No entry is looked at beyond its name and kind.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(&self.descriptor)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::RegularFile => EntryKind::File,
                FileType::Directory => EntryKind::Folder,
                FileType::Symlink => EntryKind::Link,
                // Some file systems do not say: then it has to be asked.
                FileType::Unknown => self.facts(name)?.kind,
                _ => EntryKind::Other,
            };
            entries.push(Entry {
                name: name.to_vec(),
                kind,
            });
        }
        Ok(entries)
    }

    /// What `stat` says of an entry, without following a link.
    pub fn facts(&self, name: &[u8]) -> io::Result<Facts> {
        Ok(Facts::from(rustix::fs::statat(
            &self.descriptor,
            OsStr::from_bytes(name),
            AtFlags::SYMLINK_NOFOLLOW,
        )?))
    }

    /// Reads a small text file of the folder, such as an ignore file; longer ones are cut at `limit` bytes.
    pub fn read_small(&self, name: &[u8], limit: u64) -> io::Result<Vec<u8>> {
        use io::Read;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let descriptor = rustix::fs::openat(self.descriptor.as_fd(), OsStr::from_bytes(name), flags, Mode::empty())?;
        let mut bytes = Vec::new();
        File::from(descriptor).take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The bytes of a path from outside, for comparison with rows.
pub fn path_bytes(path: PathBuf) -> Vec<u8> {
    path.into_os_string().into_vec()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn world() -> tempfile::TempDir {
        let world = tempfile::tempdir().expect("a temporary folder");
        let root = world.path().join("root");
        std::fs::create_dir_all(root.join("inside")).expect("folders");
        std::fs::write(root.join("inside/a.txt"), "a").expect("a file");
        std::fs::write(world.path().join("secret"), "s").expect("a file");
        symlink("../secret", root.join("up")).expect("a link");
        symlink(world.path().join("secret"), root.join("absolute")).expect("a link");
        symlink("inside/a.txt", root.join("within")).expect("a link");
        symlink(world.path(), root.join("outside")).expect("a link");
        world
    }

    #[test]
    fn nothing_outside_the_root_can_be_opened() {
        let world = world();
        let root = Root::open(&world.path().join("root")).expect("the root");
        for path in [
            "../secret",
            "up",
            "absolute",
            "outside/secret",
            "inside/../../secret",
            "/etc/passwd",
        ] {
            assert!(
                root.open_file(&RelativePath::from_bytes(path.into())).is_err(),
                "{path}"
            );
            let by_parts = root.resolve_by_parts(&RelativePath::from_bytes(path.into()), OFlags::RDONLY);
            assert!(by_parts.is_err() || path.starts_with('/'), "{path}");
        }
        assert_eq!(
            root.open_file(&RelativePath::from_bytes("inside/a.txt".into()))
                .expect("a file")
                .1
                .size,
            1
        );
        assert!(root.open_file(&RelativePath::from_bytes("inside".into())).is_err());
    }
}
