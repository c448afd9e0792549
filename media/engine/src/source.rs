//! A file to work on: an open descriptor and what identifies the very bytes behind it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{FileType, MemfdFlags, fstat, memfd_create};

/// Identifies the content that a descriptor showed when it was opened: a changed file is another identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The device that holds the file.
    pub device: u64,
    /// Its number on that device.
    pub inode: u64,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub mtime_ns: i64,
}

/// An open regular file with its identity, taken from the same descriptor, so that nothing can change in between.
#[derive(Debug)]
pub struct Source {
    descriptor: OwnedFd,
    identity: Identity,
}

impl Source {
    /// Takes an open file. Fails for what is not a regular file: a pipe or device could block a worker for ever.
    pub fn new(descriptor: impl Into<OwnedFd>) -> io::Result<Self> {
        let descriptor = descriptor.into();
        let stat = fstat(&descriptor)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let mtime_ns = (stat.st_mtime as i64)
            .saturating_mul(1_000_000_000)
            .saturating_add(stat.st_mtime_nsec as i64);
        let identity = Identity {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: stat.st_size as u64,
            mtime_ns,
        };
        Ok(Self { descriptor, identity })
    }

    /// Takes bytes that are in memory, as a file that nobody else sees.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub fn of_bytes(bytes: &[u8]) -> io::Result<Self> {
        let file = File::from(memfd_create("vitagraph-bytes", MemfdFlags::CLOEXEC)?);
        file.write_all_at(bytes, 0)?;
        Self::new(file)
    }

    /// Takes a pipe or a socket, for the work that reads one to its end; it has no identity.
    pub(crate) fn pipe(descriptor: OwnedFd) -> Self {
        let identity = Identity {
            device: 0,
            inode: 0,
            size: 0,
            mtime_ns: 0,
        };
        Self { descriptor, identity }
    }

    /// What identifies the bytes.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Gives the file back.
    pub fn into_file(self) -> File {
        File::from(self.descriptor)
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
