//! A disk whose power can be cut, mounted over FUSE: what was written and not synced is there afterwards, or partly, or gone.
//!
//! It loses as a journaling file system does. Names change on the platter in the order in which programs changed them, up to
//! the last change that a sync of that file or folder has waited for, and by chance some more. Of a file's bytes those are there
//! that a sync of it has waited for, and of the pages written since each is there or not, by chance.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use anyhow::{Context, ensure};
use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, SessionACL, TimeOrNow, WriteFlags,
};
use tokio::time::{Instant, sleep};

use super::random::Random;

const PAGE: usize = 4096;
const ROOT: u64 = 1;
/// Nobody but the kernel changes what it knows.
const KNOWN: Duration = Duration::from_secs(3600);
/// Programs that were killed let go of their files.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is in files and folders, by inode.
#[derive(Debug, Clone, Default)]
struct Contents {
    folders: HashMap<u64, BTreeMap<OsString, u64>>,
    files: HashMap<u64, Vec<u8>>,
}

/// A change of names: who has which name in which folder from now on.
#[derive(Debug)]
struct Renaming {
    steps: Vec<(u64, OsString, Option<u64>)>,
    /// Every file and folder that it concerns.
    of: Vec<u64>,
}

#[derive(Debug, Clone)]
struct Facts {
    mode: u32,
    owner: (u32, u32),
    mtime: SystemTime,
    n_names: u32,
}

#[derive(Debug, Default)]
struct State {
    seen: Contents,
    platter: Contents,
    facts: HashMap<u64, Facts>,
    journal: Vec<Renaming>,
    /// Pages written since the last sync.
    dirty: HashMap<u64, BTreeSet<usize>>,
    listings: HashMap<u64, Vec<(u64, OsString)>>,
    newest: u64,
    is_cut: bool,
    /// So many writes and syncs from now one of them fails.
    fails_in: Option<u64>,
}

type Done<T = ()> = Result<T, Errno>;

impl State {
    fn new() -> Self {
        let mut state = Self {
            newest: ROOT,
            ..Self::default()
        };
        for contents in [&mut state.seen, &mut state.platter] {
            contents.folders.insert(ROOT, BTreeMap::new());
        }
        let owner = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        state.facts.insert(ROOT, Facts::new(0o755, owner));
        state
    }

    fn powered(&self) -> Done {
        if self.is_cut { Err(Errno::EIO) } else { Ok(()) }
    }

    /// The same before a write or sync, one of which may have to fail.
    fn works(&mut self) -> Done {
        self.powered()?;
        match self.fails_in.take() {
            Some(0) => Err(Errno::EIO),
            left => {
                self.fails_in = left.map(|left| left - 1);
                Ok(())
            }
        }
    }

    fn folder(&self, inode: u64) -> Done<&BTreeMap<OsString, u64>> {
        self.seen.folders.get(&inode).ok_or(Errno::ENOTDIR)
    }

    fn named(&self, folder: u64, name: &OsStr) -> Done<u64> {
        self.folder(folder)?.get(name).copied().ok_or(Errno::ENOENT)
    }

    fn attributes(&self, inode: u64) -> Done<FileAttr> {
        let facts = self.facts.get(&inode).ok_or(Errno::ENOENT)?;
        let size = self.seen.files.get(&inode).map_or(0, Vec::len) as u64;
        Ok(FileAttr {
            ino: INodeNo(inode),
            size,
            blocks: size.div_ceil(512),
            atime: facts.mtime,
            mtime: facts.mtime,
            ctime: facts.mtime,
            crtime: facts.mtime,
            kind: self.kind(inode),
            perm: (facts.mode & 0o7777) as u16,
            nlink: facts.n_names,
            uid: facts.owner.0,
            gid: facts.owner.1,
            rdev: 0,
            blksize: PAGE as u32,
            flags: 0,
        })
    }

    fn kind(&self, inode: u64) -> FileType {
        match self.seen.folders.contains_key(&inode) {
            true => FileType::Directory,
            false => FileType::RegularFile,
        }
    }

    fn rename_all(&mut self, renaming: Renaming) {
        self.seen.apply(&renaming);
        self.journal.push(renaming);
    }

    fn make(&mut self, parent: u64, name: &OsStr, mode: u32, owner: (u32, u32), is_folder: bool) -> Done<FileAttr> {
        self.powered()?;
        if self.folder(parent)?.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        self.newest += 1;
        let inode = self.newest;
        for contents in [&mut self.seen, &mut self.platter] {
            match is_folder {
                true => drop(contents.folders.insert(inode, BTreeMap::new())),
                false => drop(contents.files.insert(inode, Vec::new())),
            }
        }
        self.facts.insert(inode, Facts::new(mode, owner));
        self.rename_all(Renaming {
            steps: vec![(parent, name.to_owned(), Some(inode))],
            of: vec![parent, inode],
        });
        self.attributes(inode)
    }

    fn remove(&mut self, parent: u64, name: &OsStr, is_folder: bool) -> Done {
        self.powered()?;
        let inode = self.named(parent, name)?;
        match self.seen.folders.get(&inode) {
            Some(_) if !is_folder => return Err(Errno::EISDIR),
            Some(folder) if !folder.is_empty() => return Err(Errno::ENOTEMPTY),
            None if is_folder => return Err(Errno::ENOTDIR),
            _ => {}
        }
        self.rename_all(Renaming {
            steps: vec![(parent, name.to_owned(), None)],
            of: vec![parent, inode],
        });
        self.count_names(inode, -1);
        Ok(())
    }

    fn rename(&mut self, from: (u64, &OsStr), to: (u64, &OsStr), flags: RenameFlags) -> Done {
        self.powered()?;
        let inode = self.named(from.0, from.1)?;
        let replaced = self.named(to.0, to.1).ok();
        if flags.contains(RenameFlags::RENAME_EXCHANGE) || flags.contains(RenameFlags::RENAME_WHITEOUT) {
            return Err(Errno::EINVAL);
        }
        match replaced {
            Some(_) if flags.contains(RenameFlags::RENAME_NOREPLACE) => return Err(Errno::EEXIST),
            Some(same) if same == inode => return Ok(()),
            Some(other) if self.seen.folders.get(&other).is_some_and(|folder| !folder.is_empty()) => {
                return Err(Errno::ENOTEMPTY);
            }
            Some(other) => self.count_names(other, -1),
            None => {}
        }
        self.rename_all(Renaming {
            steps: vec![(from.0, from.1.to_owned(), None), (to.0, to.1.to_owned(), Some(inode))],
            of: [from.0, to.0, inode].into_iter().chain(replaced).collect(),
        });
        Ok(())
    }

    fn link(&mut self, inode: u64, to: (u64, &OsStr)) -> Done<FileAttr> {
        self.powered()?;
        if self.named(to.0, to.1).is_ok() {
            return Err(Errno::EEXIST);
        }
        self.rename_all(Renaming {
            steps: vec![(to.0, to.1.to_owned(), Some(inode))],
            of: vec![to.0, inode],
        });
        self.count_names(inode, 1);
        self.attributes(inode)
    }

    fn count_names(&mut self, inode: u64, by: i32) {
        if let Some(facts) = self.facts.get_mut(&inode) {
            facts.n_names = facts.n_names.saturating_add_signed(by);
        }
    }

    fn write(&mut self, inode: u64, offset: usize, bytes: &[u8]) -> Done<u32> {
        self.works()?;
        let file = self.seen.files.get_mut(&inode).ok_or(Errno::EISDIR)?;
        let end = offset + bytes.len();
        let first = offset.min(file.len()) / PAGE;
        file.resize(file.len().max(end), 0);
        file[offset..end].copy_from_slice(bytes);
        self.dirty.entry(inode).or_default().extend(first..end.div_ceil(PAGE));
        if let Some(facts) = self.facts.get_mut(&inode) {
            facts.mtime = SystemTime::now();
        }
        Ok(bytes.len() as u32)
    }

    fn resize(&mut self, inode: u64, size: usize) -> Done {
        self.works()?;
        let file = self.seen.files.get_mut(&inode).ok_or(Errno::EISDIR)?;
        let shorter = size.min(file.len());
        file.resize(size, 0);
        // The page of the end, though nothing in it may have changed: the length has.
        self.dirty
            .entry(inode)
            .or_default()
            .extend(shorter / PAGE..size.div_ceil(PAGE).max(shorter / PAGE + 1));
        Ok(())
    }

    /// All that is needed to find the file and to read it, or of a folder its names.
    fn sync(&mut self, inode: u64) -> Done {
        self.works()?;
        let last = self.journal.iter().rposition(|renaming| renaming.of.contains(&inode));
        for renaming in self.journal.drain(..last.map_or(0, |last| last + 1)) {
            self.platter.apply(&renaming);
        }
        if let (Some(dirty), Some(file)) = (self.dirty.remove(&inode), self.seen.files.get(&inode)) {
            let kept = self.platter.files.entry(inode).or_default();
            kept.resize(file.len(), 0);
            dirty.into_iter().for_each(|page| copy(file, kept, page));
        }
        Ok(())
    }

    /// What a program finds when the power is back.
    fn survivor(mut self, random: &mut Random) -> Self {
        let n_more = match random.below(2) {
            0 => 0,
            _ => random.below(self.journal.len() as u64 + 1) as usize,
        };
        for renaming in &self.journal[..n_more] {
            self.platter.apply(renaming);
        }
        for (inode, dirty) in &self.dirty {
            let (Some(file), Some(kept)) = (self.seen.files.get(inode), self.platter.files.get_mut(inode)) else {
                continue;
            };
            if file.len() < kept.len() && random.below(2) == 0 {
                kept.truncate(file.len());
            }
            for page in dirty.iter().filter(|_| random.below(2) == 0) {
                let end = file.len().min((page + 1) * PAGE);
                kept.resize(kept.len().max(end), 0);
                copy(file, kept, *page);
            }
        }
        let mut contents = self.platter;
        let mut names: HashMap<u64, u32> = HashMap::from([(ROOT, 1)]);
        let mut folders = vec![ROOT];
        while let Some(folder) = folders.pop() {
            for inode in contents.folders[&folder].values() {
                *names.entry(*inode).or_default() += 1;
                folders.extend(contents.folders.contains_key(inode).then_some(*inode));
            }
        }
        contents.folders.retain(|inode, _| names.contains_key(inode));
        contents.files.retain(|inode, _| names.contains_key(inode));
        self.facts.retain(|inode, _| names.contains_key(inode));
        for (inode, facts) in &mut self.facts {
            facts.n_names = names[inode];
        }
        Self {
            seen: contents.clone(),
            platter: contents,
            facts: self.facts,
            newest: self.newest,
            ..Self::default()
        }
    }
}

impl Contents {
    fn apply(&mut self, renaming: &Renaming) {
        for (folder, name, inode) in &renaming.steps {
            let folder = self.folders.entry(*folder).or_default();
            match inode {
                Some(inode) => drop(folder.insert(name.clone(), *inode)),
                None => drop(folder.remove(name)),
            }
        }
    }
}

impl Facts {
    fn new(mode: u32, owner: (u32, u32)) -> Self {
        Self {
            mode,
            owner,
            mtime: SystemTime::now(),
            n_names: 1,
        }
    }
}

fn copy(from: &[u8], to: &mut [u8], page: usize) {
    let end = from.len().min(to.len()).min((page + 1) * PAGE);
    if page * PAGE < end {
        to[page * PAGE..end].copy_from_slice(&from[page * PAGE..end]);
    }
}

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

/// What is lost, and what is not, on a disk without any program.
#[test]
fn a_cut_loses_what_was_not_synced_and_nothing_else() {
    let (name, other) = (OsStr::new("kept"), OsStr::new("moved"));
    let mut outcomes = HashSet::new();
    for seed in 0..200 {
        let mut state = State::new();
        let mut file = |name: &OsStr| state.make(ROOT, name, 0o600, (0, 0), false).map(|facts| facts.ino.0);
        let (synced, unsynced) = (file(name).expect("made"), file(OsStr::new("lost")).expect("made"));
        for inode in [synced, unsynced] {
            state.write(inode, 0, &[1; 3 * PAGE]).expect("written");
        }
        state.sync(synced).expect("synced");
        state.write(synced, PAGE, &[2; PAGE]).expect("written");
        state
            .rename((ROOT, name), (ROOT, other), RenameFlags::empty())
            .expect("renamed");
        if seed % 2 == 0 {
            state.sync(ROOT).expect("synced");
        }
        let left = state.survivor(&mut Random::new(seed));
        let names = &left.seen.folders[&ROOT];
        let kept = names
            .get(other)
            .or(names.get(name))
            .expect("a synced file has one of its names");
        let bytes = &left.seen.files[kept];
        assert_eq!(
            (bytes[0], bytes[2 * PAGE], bytes.len()),
            (1, 1, 3 * PAGE),
            "what was synced is there"
        );
        assert!(
            seed % 2 == 1 || names.contains_key(other),
            "a folder that was synced has its names"
        );
        let lost = names
            .get(OsStr::new("lost"))
            .map(|inode| left.seen.files[inode].iter().filter(|byte| **byte == 1).count());
        outcomes.insert((names.contains_key(other), bytes[PAGE], lost.map(|n| n / PAGE)));
    }
    // All that may happen does.
    assert!(outcomes.len() > 8, "{outcomes:?}");
}
