//! The stat-only pass: walks a library path on a few threads and tells the folders whose digest changed from the rest.
//!
//! No file is opened here but ignore files and playlists, and no link is followed.

use std::{
    collections::HashMap,
    io,
    num::NonZeroUsize,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use entities::id::FolderId;
use kernel::{
    blob::{EntryKind, Facts, Folder, RelativePath, Root, TRASH_FOLDER, UPLOAD_FOLDER},
    kind::{Role, role},
};

use crate::{
    ignore_rules::{IGNORE_FILE, IGNORE_FILE_LIMIT, IgnoreRules, NO_MEDIA_FILE},
    package::{PLAYLIST_LIMIT, PackageParts},
    scope::Scope,
};

/// Goes into every digest: raise it when a change of the rules must make all folders new.
const DIGEST_VERSION: &[u8] = b"vitagraph folder 2";
/// Deeper folders are reported and left out: no person nests that far, a loop of mounts does.
const MAX_DEPTH: usize = 100;

/// A digest of a folder's accepted entries.
pub type Digest = [u8; 32];

/// A folder that the database knows.
#[derive(Debug, Clone, Copy)]
pub struct KnownFolder {
    /// Its row.
    pub id: FolderId,
    /// What the last complete scan of it saw; none when that scan did not complete.
    pub digest: Option<Digest>,
}

/// A file that the walk accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenFile {
    /// The last part of its path.
    pub name: Vec<u8>,
    /// What `stat` said.
    pub facts: Facts,
}

/// A folder whose digest differs from the known one.
#[derive(Debug)]
pub struct ChangedFolder {
    /// Below the library path.
    pub path: RelativePath,
    /// Its row, if it has one.
    pub known: Option<FolderId>,
    /// The digest to store when everything in it is recorded.
    pub digest: Digest,
    /// Files that may be items, by name.
    pub files: Vec<SeenFile>,
    /// Files beside them, by name.
    pub sidecars: Vec<SeenFile>,
    /// Whether an entry could not be looked at: then it is unknown what is missing, and the digest is not kept.
    pub is_partial: bool,
}

/// Something that could not be looked at.
#[derive(Debug)]
pub struct Obstacle {
    /// Below the library path.
    pub path: RelativePath,
    /// Whether it is a folder, so that everything below is unknown.
    pub is_folder: bool,
    /// Why.
    pub error: io::Error,
}

/// What a walk saw.
#[derive(Debug, Default)]
pub struct Walked {
    /// Folders to look into, by path.
    pub changed: Vec<ChangedFolder>,
    /// Rows of folders that were seen.
    pub seen: Vec<FolderId>,
    /// Paths of all folders that were seen and read.
    pub folders: Vec<Vec<u8>>,
    /// What could not be read.
    pub obstacles: Vec<Obstacle>,
    /// Files that may be items.
    pub n_files: u64,
    /// Of those, files in folders that did not change.
    pub n_unchanged: u64,
    /// Left out by a rule, or not of a known kind.
    pub n_ignored: u64,
    /// Links, devices, pipes and folders that nest too far.
    pub n_skipped: u64,
    /// Bytes of the files that may be items.
    pub bytes: u64,
}

/// Shared with the job while the walk runs.
#[derive(Debug, Default)]
pub struct WalkProgress {
    /// Files seen so far.
    pub n_files: AtomicU64,
    /// Set to end the walk early.
    pub stop: AtomicBool,
    /// The folder that was begun last.
    pub folder: Mutex<Vec<u8>>,
}

/// What decides which entries count.
#[derive(Debug, Clone)]
pub struct WalkRules {
    /// Take entries whose name begins with a dot.
    pub include_hidden: bool,
    /// Report every folder as changed whose path the caller lists here or not: see [`walk`].
    pub trust_digests: bool,
    /// Which folders are looked at; those above them are only passed.
    pub scope: Scope,
}

struct Task {
    path: RelativePath,
    depth: usize,
    rules: IgnoreRules,
}

struct Queue {
    tasks: Vec<Task>,
    n_active: usize,
}

/// Walks everything below a root. `revisit` holds folders whose digest is not believed. Blocks; call it off the async
/// threads.
///
/// # Errors
/// The root itself could not be read.
pub fn walk(
    root: &Root,
    rules: WalkRules,
    known: &HashMap<Vec<u8>, KnownFolder>,
    revisit: &std::collections::HashSet<Vec<u8>>,
    progress: &WalkProgress,
) -> io::Result<Walked> {
    let first = Task {
        path: RelativePath::root(),
        depth: 0,
        rules: IgnoreRules::default(),
    };
    let queue = Mutex::new(Queue {
        tasks: vec![first],
        n_active: 0,
    });
    let wake = Condvar::new();
    let walker = Walker {
        root,
        rules,
        known,
        revisit,
        progress,
        queue: &queue,
        wake: &wake,
    };
    // Two threads hide the waits for the disk; more than four only fight for the directory cache.
    let n_threads = std::thread::available_parallelism()
        .map_or(2, NonZeroUsize::get)
        .clamp(2, 4);
    let mut parts: Vec<Walked> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(|| walker.run())).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let is_complete = parts.len() == n_threads;
    let mut walked = parts.pop().unwrap_or_default();
    for part in parts {
        walked.join(part);
    }
    if let Some(at) = walked
        .obstacles
        .iter()
        .position(|obstacle| obstacle.path.as_bytes().is_empty())
    {
        return Err(walked.obstacles.swap_remove(at).error);
    }
    if !is_complete {
        return Err(io::Error::other("a thread of the walk panicked"));
    }
    walked.changed.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(walked)
}

impl Walked {
    fn join(&mut self, other: Self) {
        self.changed.extend(other.changed);
        self.seen.extend(other.seen);
        self.folders.extend(other.folders);
        self.obstacles.extend(other.obstacles);
        self.n_files += other.n_files;
        self.n_unchanged += other.n_unchanged;
        self.n_ignored += other.n_ignored;
        self.n_skipped += other.n_skipped;
        self.bytes += other.bytes;
    }
}

struct Walker<'a> {
    root: &'a Root,
    rules: WalkRules,
    known: &'a HashMap<Vec<u8>, KnownFolder>,
    revisit: &'a std::collections::HashSet<Vec<u8>>,
    progress: &'a WalkProgress,
    queue: &'a Mutex<Queue>,
    wake: &'a Condvar,
}

impl Walker<'_> {
    fn run(&self) -> Walked {
        let mut walked = Walked::default();
        while let Some(task) = self.take() {
            let mut below = Vec::new();
            if let Err(error) = self.visit(&task, &mut walked, &mut below) {
                walked.obstacles.push(Obstacle {
                    path: task.path,
                    is_folder: true,
                    error,
                });
            }
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.tasks.append(&mut below);
            queue.n_active -= 1;
            self.wake.notify_all();
        }
        walked
    }

    fn take(&self) -> Option<Task> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.progress.stop.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(task) = queue.tasks.pop() {
                queue.n_active += 1;
                return Some(task);
            }
            if queue.n_active == 0 {
                return None;
            }
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn visit(&self, task: &Task, walked: &mut Walked, below: &mut Vec<Task>) -> io::Result<()> {
        let folder = self.root.open_folder(&task.path)?;
        let mut entries = folder.entries()?;
        if entries.iter().any(|entry| entry.name == NO_MEDIA_FILE) {
            walked.n_ignored += 1;
            return Ok(());
        }
        *self.progress.folder.lock().unwrap_or_else(PoisonError::into_inner) = task.path.as_bytes().to_vec();
        let rules = match entries.iter().any(|entry| entry.name == IGNORE_FILE) {
            true => task.rules.nested(
                task.path.as_bytes(),
                &folder.read_small(IGNORE_FILE, IGNORE_FILE_LIMIT)?,
            ),
            false => task.rules.clone(),
        };
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        if !self.rules.scope.covers(task.path.as_bytes()) {
            self.pass(task, &rules, entries, below);
            return Ok(());
        }
        let parts = package_parts(&folder, &entries)?;

        let path = task.path.clone();
        let mut changed = ChangedFolder {
            path,
            known: None,
            digest: Digest::default(),
            files: Vec::new(),
            sidecars: Vec::new(),
            is_partial: false,
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(DIGEST_VERSION);
        for entry in entries {
            if entry.name == TRASH_FOLDER || entry.name == UPLOAD_FOLDER {
                continue;
            }
            let is_folder = entry.kind == EntryKind::Folder;
            let is_hidden = entry.name.first() == Some(&b'.');
            if is_hidden && !self.rules.include_hidden {
                walked.n_ignored += u64::from(entry.name != IGNORE_FILE);
                continue;
            }
            if !rules.is_empty() && rules.leaves_out(task.path.join(&entry.name).as_bytes(), is_folder) {
                walked.n_ignored += 1;
                continue;
            }
            match entry.kind {
                EntryKind::Folder if task.depth >= MAX_DEPTH => walked.n_skipped += 1,
                EntryKind::Folder => {
                    let path = task.path.join(&entry.name);
                    below.push(Task {
                        path,
                        depth: task.depth + 1,
                        rules: rules.clone(),
                    });
                }
                EntryKind::File => {
                    let role = match role(&entry.name) {
                        Role::Media if parts.contains(&entry.name) => Role::Segment,
                        role => role,
                    };
                    if !matches!(role, Role::Media | Role::Sidecar) {
                        walked.n_ignored += 1;
                        continue;
                    }
                    let facts = match folder.facts(&entry.name) {
                        Ok(facts) if facts.kind == EntryKind::File => facts,
                        // Replaced or removed since it was listed: the next scan will see what it is now.
                        Ok(_) => continue,
                        Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                        Err(error) => {
                            let path = task.path.join(&entry.name);
                            walked.obstacles.push(Obstacle {
                                path,
                                is_folder: false,
                                error,
                            });
                            changed.is_partial = true;
                            continue;
                        }
                    };
                    hash_entry(&mut hasher, &entry.name, &facts, role);
                    let seen = SeenFile {
                        name: entry.name,
                        facts,
                    };
                    match role {
                        Role::Media => changed.files.push(seen),
                        _ => changed.sidecars.push(seen),
                    }
                }
                EntryKind::Link | EntryKind::Other => walked.n_skipped += 1,
            }
        }
        changed.digest = *hasher.finalize().as_bytes();
        let n_files = changed.files.len() as u64;
        self.progress.n_files.fetch_add(n_files, Ordering::Relaxed);
        walked.n_files += n_files;
        walked.bytes += changed.files.iter().map(|file| file.facts.size as u64).sum::<u64>();
        walked.folders.push(task.path.as_bytes().to_vec());

        let known = self.known.get(task.path.as_bytes());
        walked.seen.extend(known.map(|known| known.id));
        let is_unchanged = !changed.is_partial
            && self.rules.trust_digests
            && !self.revisit.contains(task.path.as_bytes())
            && known.is_some_and(|known| known.digest == Some(changed.digest));
        let is_empty = changed.files.is_empty() && changed.sidecars.is_empty() && !changed.is_partial;
        if is_unchanged {
            walked.n_unchanged += n_files;
        } else if known.is_some() || !is_empty {
            changed.known = known.map(|known| known.id);
            walked.changed.push(changed);
        }
        Ok(())
    }

    /// Goes on to the folders that lead to the scope; the rules on the way count for them too.
    fn pass(&self, task: &Task, rules: &IgnoreRules, entries: Vec<kernel::blob::Entry>, below: &mut Vec<Task>) {
        for entry in entries.into_iter().filter(|entry| entry.kind == EntryKind::Folder) {
            let path = task.path.join(&entry.name);
            let is_hidden = entry.name.first() == Some(&b'.') && !self.rules.include_hidden;
            let is_passed = self.rules.scope.leads_through(path.as_bytes()) || self.rules.scope.covers(path.as_bytes());
            if is_passed && !is_hidden && !rules.leaves_out(path.as_bytes(), true) {
                below.push(Task {
                    path,
                    depth: task.depth + 1,
                    rules: rules.clone(),
                });
            }
        }
    }
}

fn package_parts(folder: &Folder, entries: &[kernel::blob::Entry]) -> io::Result<PackageParts> {
    let mut parts = PackageParts::default();
    for entry in entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::File && role(&entry.name) == Role::Playlist)
    {
        match folder.read_small(&entry.name, PLAYLIST_LIMIT) {
            Ok(text) => parts.read(&entry.name, &text),
            // A playlist nobody may read says nothing about the files beside it.
            Err(error) => tracing::debug!(%error, "a playlist could not be read"),
        }
    }
    Ok(parts)
}

fn hash_entry(hasher: &mut blake3::Hasher, name: &[u8], facts: &Facts, role: Role) {
    // One buffer and one call: entries are short, and the hasher's fixed cost would dominate. The device is left out:
    // network and union file systems number theirs anew at each mount.
    let mut bytes = Vec::with_capacity(name.len() + 33);
    bytes.extend_from_slice(&(name.len() as u64).to_le_bytes());
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(&facts.size.to_le_bytes());
    bytes.extend_from_slice(&facts.mtime_ns.to_le_bytes());
    bytes.extend_from_slice(&facts.inode.to_le_bytes());
    bytes.push(u8::from(role == Role::Sidecar));
    hasher.update(&bytes);
}
