//! Hears what happens in folders below a root. What it says is a hint: the kernel drops events when nobody reads them, and
//! then it says so.

use std::{
    collections::HashMap,
    ffi::OsStr,
    io,
    mem::MaybeUninit,
    os::{fd::AsRawFd, fd::OwnedFd, unix::ffi::OsStrExt},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{
        OFlags,
        inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
    },
    io::Errno,
};

use super::{RelativePath, Root};

/// Something that was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// An entry of a watched folder is new, complete, renamed or gone.
    Entry {
        /// The folder.
        folder: RelativePath,
        /// The last part of its path.
        name: Vec<u8>,
        /// Whether it is a folder that has come.
        is_new_folder: bool,
    },
    /// A watched folder is gone or has another name, and is no longer watched.
    Gone(RelativePath),
    /// Events were lost: anything may have happened anywhere.
    Lost,
}

/// Watches folders.
pub struct Watch {
    queue: OwnedFd,
    folders: HashMap<i32, RelativePath>,
}

/// File systems on which other machines write, of which this one hears nothing: NFS, SMB, CIFS, 9P, Ceph, AFS, FUSE.
const SHARED: [u64; 8] = [
    0x6969,
    0x517b,
    0xfe53_4d42,
    0xff53_4d42,
    0x0102_1997,
    0x00c3_6400,
    0x5346_414f,
    0x6573_5546,
];

impl Root {
    /// Whether other machines may write here without this one hearing of it.
    ///
    /// # Errors
    /// When the file system does not say what it is.
    pub fn is_shared(&self) -> io::Result<bool> {
        let kind = rustix::fs::fstatfs(&self.directory)?.f_type as u64 & 0xffff_ffff;
        Ok(SHARED.contains(&kind))
    }
}

impl Watch {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// When the system allows no more watchers.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            queue: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?,
            folders: HashMap::new(),
        })
    }

    /// Watches one folder, without those below it.
    ///
    /// # Errors
    /// `StorageFull` when the system allows no more watches; else when the folder cannot be opened.
    pub fn add(&mut self, root: &Root, folder: &RelativePath) -> io::Result<()> {
        let opened = root.resolve(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC)?;
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        // By descriptor: a name could lead elsewhere by now.
        let watch = inotify::add_watch(&self.queue, format!("/proc/self/fd/{}", opened.as_raw_fd()), flags)?;
        self.folders.insert(watch, folder.clone());
        Ok(())
    }

    /// How many folders are watched.
    pub fn n_folders(&self) -> usize {
        self.folders.len()
    }

    /// What has happened, waiting so long for the first of it.
    ///
    /// # Errors
    /// When the queue is broken.
    pub fn hear(&mut self, patience: Duration) -> io::Result<Vec<Heard>> {
        let mut heard = Vec::new();
        let timeout = Timespec {
            tv_sec: patience.as_secs() as i64,
            tv_nsec: patience.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&self.queue, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => return Ok(heard),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut buffer = vec![MaybeUninit::uninit(); 64 * 1024];
        let mut reader = Reader::new(&self.queue, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::WOULDBLOCK) => return Ok(heard),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let flags = event.events();
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                heard.push(Heard::Lost);
                continue;
            }
            let Some(folder) = self.folders.get(&event.wd()).cloned() else {
                continue;
            };
            if flags.contains(ReadFlags::IGNORED) {
                self.folders.remove(&event.wd());
                continue;
            }
            if flags.intersects(ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::UNMOUNT) {
                heard.push(Heard::Gone(folder));
                continue;
            }
            let Some(name) = event.file_name() else { continue };
            let is_new = flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
            heard.push(Heard::Entry {
                folder,
                name: OsStr::from_bytes(name.to_bytes()).as_bytes().to_vec(),
                is_new_folder: is_new && flags.contains(ReadFlags::ISDIR),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_happens_in_a_watched_folder_is_heard() {
        let top = tempfile::tempdir().expect("a folder");
        fs::create_dir(top.path().join("a")).expect("a folder");
        let root = Root::open(top.path()).expect("the root");
        let mut watch = Watch::new().expect("a watch");
        let folder = RelativePath::root().join(b"a");
        watch.add(&root, &folder).expect("watched");
        fs::write(top.path().join("a/film.mkv"), "x").expect("a file");
        fs::create_dir(top.path().join("a/b")).expect("a folder");
        fs::write(top.path().join("not watched"), "x").expect("a file");
        let heard = watch.hear(Duration::from_secs(60)).expect("heard");
        let entry = |name: &[u8], is_new_folder| Heard::Entry {
            folder: folder.clone(),
            name: name.to_vec(),
            is_new_folder,
        };
        assert!(
            heard.contains(&entry(b"film.mkv", false)) && heard.contains(&entry(b"b", true)),
            "{heard:?}"
        );
        assert!(
            !heard
                .iter()
                .any(|heard| matches!(heard, Heard::Entry { name, .. } if name == b"not watched"))
        );
        fs::remove_dir_all(top.path().join("a")).expect("removed");
        let heard = watch.hear(Duration::from_secs(60)).expect("heard");
        assert!(heard.contains(&Heard::Gone(folder)), "{heard:?}");
    }
}
