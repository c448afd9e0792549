//! The server's end of a control page: a file to it, never memory, so that no worker can make it fault.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use media_proto::control::{CANCEL, SIZE, USED, Vitals};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::{pread, pwrite};

/// A control page; see [`media_proto::control`].
pub(crate) struct Page(OwnedFd);

impl Page {
    pub(crate) fn new() -> io::Result<Self> {
        let file = memfd_create("vitagraph-control", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, SIZE as u64)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(Self(file))
    }

    /// What the worker says.
    pub(crate) fn vitals(&self) -> Option<Vitals> {
        let mut bytes = [0; USED];
        match pread(&self.0, &mut bytes[..], 0) {
            Ok(USED) => Some(Vitals::read(&bytes)),
            Ok(_) | Err(_) => None,
        }
    }

    /// Asks the worker to end that job, and only that one.
    pub(crate) fn cancel(&self, id: u64) {
        // A memory file takes eight bytes where it has them, and the kill that follows needs no page.
        let _ = pwrite(&self.0, &id.to_ne_bytes(), CANCEL as u64);
    }
}

impl AsFd for Page {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use media_proto::control::{BEAT, DONE, JOB, SIZE, TOTAL, Vitals};

    use super::Page;

    #[test]
    fn a_page_says_what_was_written_and_keeps_its_size() {
        let page = Page::new().unwrap();
        assert_eq!(page.vitals(), Some(Vitals::default()));
        for (value, at) in [(7u64, JOB), (8, BEAT), (9, DONE), (u64::MAX, TOTAL)] {
            rustix::io::pwrite(page.as_fd(), &value.to_ne_bytes(), at as u64).unwrap();
        }
        let vitals = Vitals {
            job: 7,
            beat: 8,
            done: 9,
            total: u64::MAX,
        };
        assert_eq!(page.vitals(), Some(vitals));
        assert!(rustix::fs::ftruncate(page.as_fd(), 0).is_err());
        assert!(rustix::fs::ftruncate(page.as_fd(), SIZE as u64 * 2).is_err());
    }
}
