//! A disk whose power can be cut, mounted over FUSE: what was written and not synced is there afterwards, or partly, or gone.
//!
//! It loses as a journaling file system does. Names change on the platter in the order in which programs changed them, up to
//! the last change that a sync of that file or folder has waited for, and by chance some more. Of a file's bytes those are there
//! that a sync of it has waited for, and of the pages written since each is there or not, by chance.

mod state;

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use anyhow::{Context, ensure};
use fuser::{
    BackgroundSession, Config, Errno, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, LockOwner, MountOption,
    OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen,
    ReplyStatfs, ReplyWrite, Request, SessionACL, TimeOrNow, WriteFlags,
};
use tokio::time::{Instant, sleep};

use self::state::{LogFault, PAGE, State};
use super::random::Random;

/// Nobody but the kernel changes what it knows.
const KNOWN: Duration = Duration::from_secs(3600);
/// Programs that were killed let go of their files.
const PATIENCE: Duration = Duration::from_secs(60);

/// The disk, while its power is on.
pub struct Disk {
    at: PathBuf,
    state: Shared,
    session: Option<BackgroundSession>,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    /// An empty one at a folder, which is made; none, and why, where this machine lets a program have none.
    pub fn mount(at: &Path) -> anyhow::Result<Option<Self>> {
        std::fs::create_dir_all(at)?;
        let mut disk = Self {
            at: at.to_owned(),
            state: Shared(Arc::new(Mutex::new(State::new()))),
            session: None,
        };
        if let Err(error) = disk.turn_on() {
            println!("skipped: this machine gives no program a file system of its own (FUSE): {error:#}");
            return Ok(None);
        }
        Ok(Some(disk))
    }

    fn turn_on(&mut self) -> anyhow::Result<()> {
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName("vitagraph-test".into()),
            MountOption::DefaultPermissions,
        ];
        // Workers are shut in as somebody else.
        config.acl = SessionACL::All;
        config.n_threads = Some(2);
        self.session = Some(fuser::spawn_mount(self.state.clone(), &self.at, &config)?);
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.at
    }

    /// Brings all to the platter.
    pub fn settle(&self) {
        let mut state = self.state.lock();
        let State {
            seen,
            platter,
            journal,
            dirty,
            ..
        } = &mut *state;
        journal.clear();
        dirty.clear();
        *platter = seen.clone();
    }

    /// Lets one write or sync fail, so many from now.
    pub fn fail(&self, after: u64) {
        self.state.lock().fails_in = Some(after);
    }

    /// Lets the next sync of a database's log fail, once a file has got a name of that kind.
    pub fn fail_log_after(&self, named: fn(&OsStr) -> bool) {
        self.state.lock().fails_log = Some(LogFault::After(named));
    }

    /// Whether what [`Disk::fail_log_after`] asked for has happened.
    pub fn has_failed_log(&self) -> bool {
        self.state.lock().fails_log.is_none()
    }

    /// Whether what [`Disk::fail`] asked for has not happened yet.
    pub fn is_to_fail(&self) -> bool {
        self.state.lock().fails_in.is_some()
    }

    /// Cuts its power: nothing works from now on.
    pub fn cut(&self) {
        self.state.lock().is_cut = true;
    }

    /// Gives it power again, with what is left. Nobody may use it any more; says how many pages and names were at stake.
    pub async fn turn_on_again(&mut self, random: &mut Random) -> anyhow::Result<(usize, usize)> {
        let session = self.session.take().context("a disk that is on")?;
        let begun = Instant::now();
        while let Err(error) = rustix::mount::unmount(&self.at, rustix::mount::UnmountFlags::empty()) {
            ensure!(error == rustix::io::Errno::BUSY, "{error}");
            ensure!(begun.elapsed() < PATIENCE, "somebody still uses the disk");
            sleep(Duration::from_millis(20)).await;
        }
        session.join()?;
        let state = std::mem::take(&mut *self.state.lock());
        let at_stake = (state.dirty.values().map(BTreeSet::len).sum(), state.journal.len());
        // What the kernel still asks of the one before must not meet this one.
        self.state = Shared(Arc::new(Mutex::new(state.survivor(random))));
        self.turn_on()?;
        Ok(at_stake)
    }
}

impl Shared {
    fn owner(request: &Request) -> (u32, u32) {
        (request.uid(), request.gid())
    }
}

/// Answers with what was done, or with the error.
macro_rules! answer {
    ($reply:ident, $done:expr, $value:pat => $say:expr) => {
        match $done {
            Ok($value) => $say,
            Err(error) => $reply.error(error),
        }
    };
}

impl Filesystem for Shared {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let state = self.lock();
        let found = state.named(parent.0, name).and_then(|inode| state.attributes(inode));
        answer!(reply, found, facts => reply.entry(&KNOWN, &facts, Generation(0)));
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        answer!(reply, self.lock().attributes(inode.0), facts => reply.attr(&KNOWN, &facts));
    }

    fn setattr(
        &self,
        _: &Request,
        inode: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut state = self.lock();
        let mut set = || {
            state.powered()?;
            if let Some(size) = size {
                state.resize(inode.0, size as usize)?;
            }
            let facts = state.facts.get_mut(&inode.0).ok_or(Errno::ENOENT)?;
            facts.mode = mode.unwrap_or(facts.mode);
            facts.owner = (uid.unwrap_or(facts.owner.0), gid.unwrap_or(facts.owner.1));
            facts.mtime = match mtime {
                Some(TimeOrNow::SpecificTime(time)) => time,
                Some(TimeOrNow::Now) => SystemTime::now(),
                None => facts.mtime,
            };
            state.attributes(inode.0)
        };
        answer!(reply, set(), facts => reply.attr(&KNOWN, &facts));
    }

    fn mkdir(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        let made = self
            .lock()
            .make(parent.0, name, mode & !umask, Self::owner(request), true);
        answer!(reply, made, facts => reply.entry(&KNOWN, &facts, Generation(0)));
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let made = self
            .lock()
            .make(parent.0, name, mode & !umask, Self::owner(request), false);
        answer!(reply, made, facts => {
            reply.created(&KNOWN, &facts, Generation(0), FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
        });
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer!(reply, self.lock().remove(parent.0, name, false), () => reply.ok());
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer!(reply, self.lock().remove(parent.0, name, true), () => reply.ok());
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let renamed = self.lock().rename((parent.0, name), (new_parent.0, new_name), flags);
        answer!(reply, renamed, () => reply.ok());
    }

    fn link(&self, _: &Request, inode: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let linked = self.lock().link(inode.0, (parent.0, name));
        answer!(reply, linked, facts => reply.entry(&KNOWN, &facts, Generation(0)));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        answer!(reply, self.lock().powered(), () => reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE));
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let state = self.lock();
        let read = state.powered().and_then(|()| {
            let file = state.seen.files.get(&inode.0).ok_or(Errno::EISDIR)?;
            let from = file.len().min(offset as usize);
            Ok(&file[from..file.len().min(from + size as usize)])
        });
        answer!(reply, read, bytes => reply.data(bytes));
    }

    fn write(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        answer!(reply, self.lock().write(inode.0, offset as usize, data), n => reply.written(n));
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, inode: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        answer!(reply, self.lock().sync(inode.0), () => reply.ok());
    }

    fn fsyncdir(&self, _: &Request, inode: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        answer!(reply, self.lock().sync(inode.0), () => reply.ok());
    }

    fn opendir(&self, _: &Request, inode: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let mut state = self.lock();
        let listed = state.folder(inode.0).map(|folder| {
            let dots = [".", ".."].map(|dots| (inode.0, OsString::from(dots)));
            let names = folder.iter().map(|(name, inode)| (*inode, name.clone()));
            dots.into_iter().chain(names).collect()
        });
        answer!(reply, listed, listed => {
            state.newest += 1;
            let handle = state.newest;
            state.listings.insert(handle, listed);
            reply.opened(FileHandle(handle), FopenFlags::empty());
        });
    }

    fn readdir(&self, _: &Request, _: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let state = self.lock();
        let names = state.listings.get(&handle.0).map_or(&[][..], Vec::as_slice);
        for (at, (inode, name)) in names.iter().enumerate().skip(offset as usize) {
            if reply.add(INodeNo(*inode), at as u64 + 1, state.kind(*inode), name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.lock().listings.remove(&handle.0);
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        const BLOCKS: u64 = 1 << 20;
        reply.statfs(BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCKS, PAGE as u32, 255, PAGE as u32);
    }
}
