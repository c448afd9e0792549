//! What a disk has, what programs see of it, and what of that is lost when its power is cut.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ffi::{OsStr, OsString},
    time::SystemTime,
};

use fuser::{Errno, FileAttr, FileType, INodeNo, RenameFlags};

use crate::kill::random::Random;

/// Bytes that are written or lost together.
pub const PAGE: usize = 4096;
/// The inode of the top folder.
pub const ROOT: u64 = 1;

/// What is in files and folders, by inode.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    pub folders: HashMap<u64, BTreeMap<OsString, u64>>,
    pub files: HashMap<u64, Vec<u8>>,
}

/// A change of names: who has which name in which folder from now on.
#[derive(Debug)]
pub struct Renaming {
    pub steps: Vec<(u64, OsString, Option<u64>)>,
    /// Every file and folder that it concerns.
    pub of: Vec<u64>,
}

#[derive(Debug, Clone)]
pub struct Facts {
    pub mode: u32,
    pub owner: (u32, u32),
    pub mtime: SystemTime,
    pub n_names: u32,
}

#[derive(Debug, Default)]
pub struct State {
    pub seen: Contents,
    pub platter: Contents,
    pub facts: HashMap<u64, Facts>,
    pub journal: Vec<Renaming>,
    /// Pages written since the last sync.
    pub dirty: HashMap<u64, BTreeSet<usize>>,
    pub listings: HashMap<u64, Vec<(u64, OsString)>>,
    pub newest: u64,
    pub is_cut: bool,
    /// So many writes and syncs from now one of them fails.
    pub fails_in: Option<u64>,
    pub fails_log: Option<LogFault>,
}

/// When the sync of a database's log is to fail.
#[derive(Debug, Clone, Copy)]
pub enum LogFault {
    /// Once a file has got such a name.
    After(fn(&OsStr) -> bool),
    /// At the next time.
    Next,
}

pub type Done<T = ()> = Result<T, Errno>;

impl State {
    pub fn new() -> Self {
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

    pub fn powered(&self) -> Done {
        if self.is_cut { Err(Errno::EIO) } else { Ok(()) }
    }

    /// The same before a write or sync, one of which may have to fail.
    pub fn works(&mut self) -> Done {
        self.powered()?;
        match self.fails_in.take() {
            Some(0) => Err(Errno::EIO),
            left => {
                self.fails_in = left.map(|left| left - 1);
                Ok(())
            }
        }
    }

    pub fn folder(&self, inode: u64) -> Done<&BTreeMap<OsString, u64>> {
        self.seen.folders.get(&inode).ok_or(Errno::ENOTDIR)
    }

    pub fn named(&self, folder: u64, name: &OsStr) -> Done<u64> {
        self.folder(folder)?.get(name).copied().ok_or(Errno::ENOENT)
    }

    pub fn attributes(&self, inode: u64) -> Done<FileAttr> {
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

    pub fn kind(&self, inode: u64) -> FileType {
        match self.seen.folders.contains_key(&inode) {
            true => FileType::Directory,
            false => FileType::RegularFile,
        }
    }

    pub fn rename_all(&mut self, renaming: Renaming) {
        self.seen.apply(&renaming);
        self.journal.push(renaming);
    }

    pub fn make(&mut self, parent: u64, name: &OsStr, mode: u32, owner: (u32, u32), is_folder: bool) -> Done<FileAttr> {
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

    pub fn remove(&mut self, parent: u64, name: &OsStr, is_folder: bool) -> Done {
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

    pub fn rename(&mut self, from: (u64, &OsStr), to: (u64, &OsStr), flags: RenameFlags) -> Done {
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
        self.heed(to.1);
        Ok(())
    }

    pub fn link(&mut self, inode: u64, to: (u64, &OsStr)) -> Done<FileAttr> {
        self.powered()?;
        if self.named(to.0, to.1).is_ok() {
            return Err(Errno::EEXIST);
        }
        self.rename_all(Renaming {
            steps: vec![(to.0, to.1.to_owned(), Some(inode))],
            of: vec![to.0, inode],
        });
        self.heed(to.1);
        self.count_names(inode, 1);
        self.attributes(inode)
    }

    pub fn count_names(&mut self, inode: u64, by: i32) {
        if let Some(facts) = self.facts.get_mut(&inode) {
            facts.n_names = facts.n_names.saturating_add_signed(by);
        }
    }

    pub fn write(&mut self, inode: u64, offset: usize, bytes: &[u8]) -> Done<u32> {
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

    pub fn resize(&mut self, inode: u64, size: usize) -> Done {
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
    pub fn sync(&mut self, inode: u64) -> Done {
        self.works()?;
        if matches!(self.fails_log, Some(LogFault::Next)) && self.is_log(inode) {
            self.fails_log = None;
            return Err(Errno::EIO);
        }
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

    /// A file has got a name, after which the log may have to fail.
    fn heed(&mut self, name: &OsStr) {
        if matches!(self.fails_log, Some(LogFault::After(named)) if named(name)) {
            self.fails_log = Some(LogFault::Next);
        }
    }

    fn is_log(&self, inode: u64) -> bool {
        let mut names = self.seen.folders.values().flatten();
        names.any(|(name, named)| *named == inode && name.as_encoded_bytes().ends_with(b"-wal"))
    }

    /// What a program finds when the power is back.
    pub fn survivor(mut self, random: &mut Random) -> Self {
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
    pub fn apply(&mut self, renaming: &Renaming) {
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
    pub fn new(mode: u32, owner: (u32, u32)) -> Self {
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
