//! Bytes that can be made again, kept for whoever asks next: some in memory, more on the disk, bounded in both.
//!
//! Nothing here is ever the only copy of anything, so nothing is synced: a file that a power cut tore is recognized by its
//! checksum and made again. What was used longest ago goes first. [`objects`](crate::objects) holds what must last.

mod ranks;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::SystemTime,
};

use bytes::Bytes;
use tokio::sync::OnceCell;

use self::ranks::Ranks;

/// Bytes of the checksum at the end of each file.
const CHECKSUM: usize = 16;

/// Where something lies: items of a group are in one folder and are of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShelfKey {
    /// Usually the hash of what the items are made of.
    pub group: u128,
    /// The item's number in its group.
    pub item: u32,
}

impl ShelfKey {
    fn path(self, folder: &Path) -> PathBuf {
        folder.join(format!("{:032x}", self.group)).join(self.item.to_string())
    }
}

/// What a shelf holds and how well it serves. Counts begin with the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShelfStats {
    /// Bytes in memory.
    pub memory_bytes: u64,
    /// Bytes that may be in memory.
    pub memory_capacity: u64,
    /// Bytes on the disk.
    pub disk_bytes: u64,
    /// Bytes that may be on the disk.
    pub disk_capacity: u64,
    /// Items on the disk.
    pub n_items: u64,
    /// Requests that memory answered.
    pub memory_hits: u64,
    /// Requests that the disk answered.
    pub disk_hits: u64,
    /// Requests that found nothing.
    pub misses: u64,
    /// Items that left the disk to make room.
    pub evictions: u64,
    /// Items that the disk did not take.
    pub refusals: u64,
}

/// A shelf. Clones are handles to the same one.
#[derive(Clone)]
pub struct Shelf {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    memory_capacity: u64,
    disk_capacity: u64,
    state: Mutex<State>,
    opened: OnceCell<()>,
    is_refusing: AtomicBool,
    memory_hits: AtomicU64,
    disk_hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
    refusals: AtomicU64,
}

#[derive(Default)]
struct State {
    memory: Ranks<Bytes>,
    disk: Ranks<()>,
}

impl Shelf {
    /// A shelf over a folder that is its own; it is made with the first item. A capacity of 0 turns that layer off.
    pub fn in_folder(folder: PathBuf, memory_capacity: u64, disk_capacity: u64) -> Self {
        Self {
            inner: Arc::new(Inner {
                folder,
                memory_capacity,
                disk_capacity,
                state: Mutex::default(),
                opened: OnceCell::new(),
                is_refusing: AtomicBool::new(false),
                memory_hits: AtomicU64::new(0),
                disk_hits: AtomicU64::new(0),
                misses: AtomicU64::new(0),
                evictions: AtomicU64::new(0),
                refusals: AtomicU64::new(0),
            }),
        }
    }

    /// An item, if it is held. What cannot be read is as good as not held.
    pub async fn get(&self, key: ShelfKey) -> Option<Bytes> {
        self.open().await;
        let inner = &self.inner;
        let is_on_disk = {
            let mut state = inner.lock();
            if let Some(bytes) = state.memory.get(&key) {
                inner.memory_hits.fetch_add(1, Ordering::Relaxed);
                return Some(bytes);
            }
            state.disk.get(&key).is_some()
        };
        if is_on_disk && let Some(bytes) = self.read(key).await {
            inner.disk_hits.fetch_add(1, Ordering::Relaxed);
            self.keep(key, bytes.clone());
            return Some(bytes);
        }
        inner.misses.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// Whether an item is held. Knows the disk once anything was asked for.
    pub fn holds(&self, key: ShelfKey) -> bool {
        let state = self.inner.lock();
        state.memory.contains(&key) || state.disk.contains(&key)
    }

    /// Holds an item in memory.
    pub fn keep(&self, key: ShelfKey, bytes: Bytes) {
        let inner = &self.inner;
        let size = bytes.len() as u64;
        if size > inner.memory_capacity {
            return;
        }
        let mut state = inner.lock();
        state.memory.insert(key, bytes, size);
        while state.memory.total() > inner.memory_capacity && state.memory.pop_oldest().is_some() {}
    }

    /// Holds an item on the disk. A disk that refuses, because it is full or gone, costs only that.
    pub async fn store(&self, key: ShelfKey, bytes: Bytes) {
        self.open().await;
        let inner = Arc::clone(&self.inner);
        if bytes.len() as u64 > inner.disk_capacity {
            return;
        }
        let stored = tokio::task::spawn_blocking(move || inner.write(key, &bytes)).await;
        let stored = stored.unwrap_or_else(|panicked| Err(io::Error::other(panicked)));
        let is_refusing = stored.is_err();
        let was_refusing = self.inner.is_refusing.swap(is_refusing, Ordering::Relaxed);
        if let Err(error) = stored {
            self.inner.refusals.fetch_add(1, Ordering::Relaxed);
            if !was_refusing {
                let folder = self.inner.folder.display();
                tracing::warn!(%folder, %error, "the disk takes no more made bytes; only memory holds them now");
            }
        }
    }

    /// What it holds and how well it serves.
    pub fn stats(&self) -> ShelfStats {
        let inner = &self.inner;
        let state = inner.lock();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ShelfStats {
            memory_bytes: state.memory.total(),
            memory_capacity: inner.memory_capacity,
            disk_bytes: state.disk.total(),
            disk_capacity: inner.disk_capacity,
            n_items: state.disk.len() as u64,
            memory_hits: count(&inner.memory_hits),
            disk_hits: count(&inner.disk_hits),
            misses: count(&inner.misses),
            evictions: count(&inner.evictions),
            refusals: count(&inner.refusals),
        }
    }

    /// Learns what an earlier process left on the disk.
    async fn open(&self) {
        let inner = &self.inner;
        let open = || async {
            let inner = Arc::clone(inner);
            // A panic there leaves the disk unknown, as an unreadable folder does.
            let _ = tokio::task::spawn_blocking(move || inner.take_stock()).await;
        };
        inner.opened.get_or_init(open).await;
    }

    async fn read(&self, key: ShelfKey) -> Option<Bytes> {
        let inner = Arc::clone(&self.inner);
        let read = tokio::task::spawn_blocking(move || {
            let path = key.path(&inner.folder);
            let bytes = fs::read(&path).ok().and_then(whole);
            if bytes.is_none() {
                inner.lock().disk.remove(&key);
                // Gone or torn: in both cases there is nothing to keep.
                let _ = fs::remove_file(&path);
            }
            bytes
        });
        read.await.ok().flatten()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, key: ShelfKey, bytes: &[u8]) -> io::Result<()> {
        let path = key.path(&self.folder);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)?;
        // A name of its own for each writer, and none that is taken for an item.
        let unfinished = folder.join(format!("{}.{:016x}", key.item, rand::random::<u64>()));
        let content = [bytes, &checksum(bytes)].concat();
        let written = fs::write(&unfinished, content).and_then(|()| fs::rename(&unfinished, &path));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written?;
        let mut victims = Vec::new();
        {
            let mut state = self.lock();
            state.disk.insert(key, (), bytes.len() as u64);
            while state.disk.total() > self.disk_capacity {
                let Some(victim) = state.disk.pop_oldest() else { break };
                victims.push(victim);
            }
        }
        self.discard(&victims);
        Ok(())
    }

    fn discard(&self, victims: &[ShelfKey]) {
        for victim in victims {
            let path = victim.path(&self.folder);
            self.evictions.fetch_add(1, Ordering::Relaxed);
            let _ = fs::remove_file(&path);
            // Only an empty folder goes.
            let _ = path.parent().map(fs::remove_dir);
        }
    }

    fn take_stock(&self) {
        let mut found = Vec::new();
        for group in entries(&self.folder) {
            let name = group.file_name();
            let Some(group_number) = name.to_str().and_then(|name| u128::from_str_radix(name, 16).ok()) else {
                continue;
            };
            for item in entries(&group.path()) {
                let name = item.file_name();
                let Some(number) = name.to_str().and_then(|name| name.parse().ok()) else {
                    // What a killed process did not finish.
                    let _ = fs::remove_file(item.path());
                    continue;
                };
                let Ok(facts) = item.metadata() else { continue };
                let key = ShelfKey {
                    group: group_number,
                    item: number,
                };
                let size = facts.len().saturating_sub(CHECKSUM as u64);
                found.push((facts.modified().unwrap_or(SystemTime::UNIX_EPOCH), key, size));
            }
        }
        found.sort_unstable_by_key(|(modified, key, _)| (*modified, key.group, key.item));
        let mut victims = Vec::new();
        let mut state = self.lock();
        for (_, key, size) in found {
            state.disk.insert(key, (), size);
        }
        while state.disk.total() > self.disk_capacity {
            let Some(victim) = state.disk.pop_oldest() else { break };
            victims.push(victim);
        }
        drop(state);
        self.discard(&victims);
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut sum = [0; CHECKSUM];
    sum.copy_from_slice(&blake3::hash(bytes).as_bytes()[..CHECKSUM]);
    sum
}

/// The bytes before the checksum, if it is theirs.
fn whole(mut content: Vec<u8>) -> Option<Bytes> {
    let length = content.len().checked_sub(CHECKSUM)?;
    let is_whole = checksum(&content[..length]) == content[length..];
    content.truncate(length);
    is_whole.then(|| Bytes::from(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(item: u32) -> ShelfKey {
        ShelfKey {
            group: 0xabc << 100,
            item,
        }
    }

    async fn put(shelf: &Shelf, item: u32, bytes: &'static [u8]) {
        shelf.keep(key(item), Bytes::from_static(bytes));
        shelf.store(key(item), Bytes::from_static(bytes)).await;
    }

    #[tokio::test]
    async fn what_was_used_longest_ago_leaves_first_and_bounds_hold() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::in_folder(folder.path().join("made"), 8, 12);
        for item in 0..3 {
            put(&shelf, item, b"1234").await;
        }
        let ShelfStats {
            memory_bytes,
            disk_bytes,
            ..
        } = shelf.stats();
        assert_eq!((memory_bytes, disk_bytes), (8, 12));
        assert_eq!(shelf.get(key(0)).await.as_deref(), Some(&b"1234"[..]), "from the disk");
        assert_eq!(shelf.stats().disk_hits, 1);
        put(&shelf, 3, b"1234").await;
        assert!(shelf.holds(key(0)) && !shelf.holds(key(1)), "0 was used after 1");
        assert_eq!(shelf.get(key(1)).await, None);
        assert_eq!((shelf.stats().disk_bytes, shelf.stats().evictions), (12, 1));
        put(&shelf, 4, b"more than anything may have").await;
        assert!(!shelf.holds(key(4)));
    }

    #[tokio::test]
    async fn a_new_process_finds_what_the_last_one_left_but_nothing_torn_or_unfinished() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Shelf::in_folder(folder.path().to_owned(), 0, 1000);
        for item in 0..3 {
            put(&first, item, b"whole").await;
        }
        let torn = key(1).path(folder.path());
        fs::write(&torn, b"who").expect("a file");
        let unfinished = torn.with_file_name("7.00ff");
        fs::write(&unfinished, b"half").expect("a file");
        let second = Shelf::in_folder(folder.path().to_owned(), 1000, 1000);
        assert_eq!(second.get(key(0)).await.as_deref(), Some(&b"whole"[..]));
        assert_eq!(second.get(key(1)).await, None);
        assert!(!torn.exists() && !unfinished.exists());
        assert_eq!(second.stats().n_items, 2);
        let smaller = Shelf::in_folder(folder.path().to_owned(), 0, 5);
        assert_eq!(smaller.get(key(7)).await, None);
        assert_eq!(smaller.stats().n_items, 1, "a smaller bound holds from the start");
    }

    #[tokio::test]
    async fn a_disk_that_refuses_leaves_the_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, b"not a folder").expect("a file");
        let shelf = Shelf::in_folder(file.join("below"), 100, 100);
        put(&shelf, 1, b"kept").await;
        assert_eq!(shelf.get(key(1)).await.as_deref(), Some(&b"kept"[..]));
        assert_eq!((shelf.stats().refusals, shelf.stats().disk_bytes), (1, 0));
    }
}
