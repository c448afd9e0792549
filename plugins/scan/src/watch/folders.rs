//! Listens to all folders of a path that a scan would look into. Blocks; it has a thread of its own.

use std::{
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

use kernel::{
    blob::{
        EntryKind, Folder, RelativePath, Root, TRASH_FOLDER, UPLOAD_FOLDER,
        watch::{Heard, Watch},
    },
    kind::{Role, role},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::quiet::Quiet;
use crate::ignore_rules::{IGNORE_FILE, IGNORE_FILE_LIMIT, IgnoreRules, NO_MEDIA_FILE};

/// How often it is looked whether something rests, and whether the server stops.
const TICK: Duration = Duration::from_millis(200);

/// What is listened to.
pub struct Order {
    /// The path.
    pub root: PathBuf,
    /// Whether names that begin with a dot count.
    pub include_hidden: bool,
    /// How long a folder must rest.
    pub settle: Duration,
    /// Ends it.
    pub stop: CancellationToken,
    /// How many folders are watched.
    pub n_folders: watch::Sender<usize>,
}

/// Folders to scan, each with its last news.
pub type Due = Vec<(RelativePath, Instant)>;

/// Listens until it is told to stop, or nobody hears it any more.
///
/// # Errors
/// When it can go on no more: the path is gone, or the system allows no more watches.
pub fn listen(order: &Order, say: &mpsc::Sender<Due>) -> io::Result<()> {
    let root = Root::open(&order.root)?;
    let mut listener = Listener {
        order,
        root,
        watch: Watch::new()?,
        quiet: Quiet::new(order.settle),
    };
    listener.add(&RelativePath::root(), false)?;
    order.n_folders.send_replace(listener.watch.n_folders());
    // Whoever listens may be gone without a word, as when a runtime ends.
    while !order.stop.is_cancelled() && !say.is_closed() {
        for heard in listener.watch.hear(TICK)? {
            listener.take(heard)?;
        }
        let due = listener.quiet.due(Instant::now());
        if !due.is_empty() && say.blocking_send(due).is_err() {
            return Ok(());
        }
        order.n_folders.send_if_modified(|known| {
            let n = listener.watch.n_folders();
            std::mem::replace(known, n) != n
        });
    }
    Ok(())
}

struct Listener<'a> {
    order: &'a Order,
    root: Root,
    watch: Watch,
    quiet: Quiet,
}

impl Listener<'_> {
    fn take(&mut self, heard: Heard) -> io::Result<()> {
        match heard {
            Heard::Lost => {
                tracing::info!(path = %self.order.root.display(), "events were lost; the path is scanned");
                self.add(&RelativePath::root(), false)?;
                self.quiet.note(RelativePath::root(), Instant::now());
            }
            Heard::Gone(folder) if folder == RelativePath::root() => {
                return Err(io::Error::new(
                    io::ErrorKind::NotFound,
                    "the folder is gone or has another name",
                ));
            }
            // The folder above has told of it.
            Heard::Gone(_) => {}
            Heard::Entry {
                folder,
                name,
                is_new_folder,
            } => {
                if !self.counts(&folder, &name, is_new_folder) {
                    return Ok(());
                }
                self.quiet.note(folder.clone(), Instant::now());
                if is_new_folder {
                    // What came with it, or before it was watched, told nobody.
                    self.add(&folder.join(&name), true)?;
                }
            }
        }
        Ok(())
    }

    /// Whether a scan would look at an entry. A name without a known extension may be a folder that is gone.
    fn counts(&self, folder: &RelativePath, name: &[u8], is_new_folder: bool) -> bool {
        if name == IGNORE_FILE || name == NO_MEDIA_FILE {
            return true;
        }
        let is_hidden = name.first() == Some(&b'.') && !self.order.include_hidden;
        if is_hidden || name == TRASH_FOLDER || name == UPLOAD_FOLDER {
            return false;
        }
        let is_unknown = role(name) == Role::Unknown && name.contains(&b'.');
        if is_unknown && !is_new_folder {
            return false;
        }
        !self
            .rules(folder)
            .leaves_out(folder.join(name).as_bytes(), is_new_folder)
    }

    /// The rules in effect in a folder.
    fn rules(&self, folder: &RelativePath) -> IgnoreRules {
        let mut rules = nested(&IgnoreRules::default(), &self.root, &RelativePath::root());
        let mut path = RelativePath::root();
        for part in folder
            .as_bytes()
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty())
        {
            path = path.join(part);
            rules = nested(&rules, &self.root, &path);
        }
        rules
    }

    /// Watches a folder and all below it that count; with `notes`, each of them has news.
    fn add(&mut self, folder: &RelativePath, notes: bool) -> io::Result<()> {
        let mut open = vec![(folder.clone(), self.rules(folder))];
        while let Some((path, rules)) = open.pop() {
            if self.order.stop.is_cancelled() {
                return Ok(());
            }
            match self.watch.add(&self.root, &path) {
                Ok(()) => {}
                Err(error) if is_gone(&error) && path != RelativePath::root() => continue,
                Err(error) => return Err(error),
            }
            if notes {
                self.quiet.note(path.clone(), Instant::now());
            }
            let Ok(entries) = self.root.open_folder(&path).and_then(|opened: Folder| opened.entries()) else {
                continue;
            };
            if entries.iter().any(|entry| entry.name == NO_MEDIA_FILE) {
                continue;
            }
            for entry in entries.into_iter().filter(|entry| entry.kind == EntryKind::Folder) {
                let below = path.join(&entry.name);
                let is_hidden = entry.name.first() == Some(&b'.') && !self.order.include_hidden;
                let is_own = entry.name == TRASH_FOLDER || entry.name == UPLOAD_FOLDER;
                if !is_hidden && !is_own && !rules.leaves_out(below.as_bytes(), true) {
                    let rules = nested(&rules, &self.root, &below);
                    open.push((below, rules));
                }
            }
        }
        Ok(())
    }
}

fn nested(rules: &IgnoreRules, root: &Root, folder: &RelativePath) -> IgnoreRules {
    let text = root
        .open_folder(folder)
        .and_then(|opened| opened.read_small(IGNORE_FILE, IGNORE_FILE_LIMIT));
    match text {
        Ok(text) => rules.nested(folder.as_bytes(), &text),
        Err(_) => rules.clone(),
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
    )
}
