//! Watches the folders of libraries, and has scanned what has changed and come to rest.
//!
//! An event is a hint: ignore rules first, then quiet, then a scan of the folder, which compares everything itself. Lost
//! events, a watcher that died and folders on shared mounts are made good by scans.

mod folders;
mod quiet;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use entities::id::{LibraryId, LibraryPathId};
use futures_util::StreamExt;
use kernel::{
    blob::{RelativePath, Root},
    error::Failure,
    events::{FilesAdded, Heard, LibraryChanged},
    plugin::Kernel,
    telemetry::{Metric, MetricKind},
};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use self::folders::{Order, listen};
use crate::{ScanOptions, sql, start};

/// How often it is looked whether libraries have other paths, and whether all watchers live.
const ROUND: Duration = Duration::from_secs(10);
/// More folders at once are one scan of the whole path.
const MOST_FOLDERS: usize = 50;

pub(crate) static WATCHERS: Metric = Metric {
    name: "scan_watchers",
    help: "Library paths by how changes in them are noticed",
    kind: MetricKind::Gauge,
};

/// How changes in a library path are noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// The system tells of them.
    Events {
        /// How many folders are watched.
        n_folders: usize,
    },
    /// The path is scanned now and then, for this reason.
    Polling(String),
    /// Not at all until the next attempt, for this reason.
    Broken(String),
}

/// How it is watched.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// A folder must be quiet for so long.
    pub settle: Duration,
    /// Between scans where events cannot be heard.
    pub poll: Duration,
}

/// What is known of all watchers.
pub type Modes = Arc<Mutex<BTreeMap<LibraryPathId, (LibraryId, Mode)>>>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Path {
    id: LibraryPathId,
    library: LibraryId,
    root: PathBuf,
    include_hidden: bool,
}

struct Watcher {
    path: Path,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Watches all libraries until the server stops.
pub async fn run(kernel: Kernel, settings: Settings, modes: Modes, stop: CancellationToken) {
    let mut watchers: HashMap<LibraryPathId, Watcher> = HashMap::new();
    let mut changes = kernel.events.subscribe::<LibraryChanged>();
    while !stop.is_cancelled() {
        match paths(&kernel).await {
            Ok(paths) => {
                let is_wanted = |watcher: &Watcher| paths.contains(&watcher.path) && !watcher.task.is_finished();
                let gone: Vec<LibraryPathId> = watchers
                    .iter()
                    .filter(|(_, watcher)| !is_wanted(watcher))
                    .map(|(id, _)| *id)
                    .collect();
                for id in gone {
                    if let Some(watcher) = watchers.remove(&id) {
                        end(watcher).await;
                    }
                }
                forget(&modes, &paths);
                for path in paths {
                    // One that is begun again may have missed anything.
                    let has_missed = lock(&modes).get(&path.id).is_some();
                    watchers
                        .entry(path.id)
                        .or_insert_with(|| begin(&kernel, path, settings, &modes, &stop, has_missed));
                }
            }
            Err(failure) => tracing::warn!(error = %failure, "the libraries to watch could not be read"),
        }
        count(&kernel, &modes);
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(ROUND) => {}
            _ = changes.next() => sleep(Duration::from_millis(200)).await,
        }
    }
    for (_, watcher) in watchers {
        end(watcher).await;
    }
}

async fn end(watcher: Watcher) {
    watcher.stop.cancel();
    if let Err(error) = watcher.task.await {
        tracing::error!(path = %watcher.path.root.display(), %error, "a watcher panicked");
    }
}

async fn paths(kernel: &Kernel) -> Result<Vec<Path>, Failure> {
    let text = "select library_path.id, library_path.library_id, library_path.path, library.include_hidden \
        from library_path join library on library.id = library_path.library_id order by library_path.id";
    let mut paths = Vec::new();
    for row in sql::rows(kernel.store.reader(), text, Vec::new()).await? {
        paths.push(Path {
            id: LibraryPathId(row.try_get_by_index(0)?),
            library: LibraryId(row.try_get_by_index(1)?),
            root: PathBuf::from(row.try_get_by_index::<String>(2)?),
            include_hidden: row.try_get_by_index(3)?,
        });
    }
    Ok(paths)
}

fn lock(modes: &Modes) -> std::sync::MutexGuard<'_, BTreeMap<LibraryPathId, (LibraryId, Mode)>> {
    modes.lock().unwrap_or_else(PoisonError::into_inner)
}

fn forget(modes: &Modes, paths: &[Path]) {
    lock(modes).retain(|id, _| paths.iter().any(|path| path.id == *id));
}

fn count(kernel: &Kernel, modes: &Modes) {
    let modes = lock(modes);
    let n = |is: fn(&Mode) -> bool| modes.values().filter(|(_, mode)| is(mode)).count() as i64;
    for (name, n) in [
        ("events", n(|mode| matches!(mode, Mode::Events { .. }))),
        ("polling", n(|mode| matches!(mode, Mode::Polling(_)))),
        ("broken", n(|mode| matches!(mode, Mode::Broken(_)))),
    ] {
        kernel.metrics.set(&WATCHERS, &[("mode", name)], n);
    }
}

fn begin(
    kernel: &Kernel,
    path: Path,
    settings: Settings,
    modes: &Modes,
    stop: &CancellationToken,
    has_missed: bool,
) -> Watcher {
    let stop = stop.child_token();
    let (kernel, modes, of) = (kernel.clone(), Arc::clone(modes), path.clone());
    let watching = stop.clone();
    let task = tokio::spawn(async move {
        // A scan that runs already may have found the path gone, which it is no more.
        if has_missed {
            scan(&kernel, &of, &[RelativePath::root()]).await;
        }
        let set = |mode: Mode| {
            lock(&modes).insert(of.id, (of.library, mode));
        };
        if let Err(reason) = watch(&kernel, &of, settings, &set, &watching).await {
            if !watching.is_cancelled() {
                tracing::warn!(path = %of.root.display(), %reason, "a library path is not watched");
            }
            set(Mode::Broken(reason));
        }
    });
    Watcher { path, stop, task }
}

/// Watches one path; ends with the reason why it cannot go on.
async fn watch(
    kernel: &Kernel,
    path: &Path,
    settings: Settings,
    set: &impl Fn(Mode),
    stop: &CancellationToken,
) -> Result<(), String> {
    let root = path.root.clone();
    let is_shared = tokio::task::spawn_blocking(move || Root::open(&root)?.is_shared()).await;
    let is_shared = is_shared.map_err(|error| error.to_string())?;
    if is_shared.map_err(|error| format!("`{}`: {error}", path.root.display()))? {
        set(Mode::Polling(
            "it lies on a shared mount, whose changes are not told".to_owned(),
        ));
        return poll(kernel, path, settings, stop).await;
    }
    let (say, mut due) = mpsc::channel(16);
    let (ready, n_folders) = tokio::sync::watch::channel(0);
    let order = Order {
        root: path.root.clone(),
        include_hidden: path.include_hidden,
        settle: settings.settle,
        stop: stop.clone(),
        n_folders: ready,
    };
    let mut listening = tokio::task::spawn_blocking(move || listen(&order, &say));
    let mut own = kernel.events.subscribe::<FilesAdded>();
    // When a folder was scanned because of what the server itself put there.
    let mut scanned: HashMap<PathBuf, Instant> = HashMap::new();
    let mut n_folders = n_folders;
    loop {
        tokio::select! {
            ended = &mut listening => {
                let ended = ended.map_err(|error| error.to_string())?;
                return match ended {
                    Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                        set(Mode::Polling("the system allows no more watches; see fs.inotify.max_user_watches".to_owned()));
                        poll(kernel, path, settings, stop).await
                    }
                    Err(error) => Err(error.to_string()),
                    Ok(()) => Ok(()),
                };
            }
            Ok(()) = n_folders.changed() => {
                let n_folders = *n_folders.borrow_and_update();
                set(Mode::Events { n_folders });
            }
            heard = own.next() => match heard {
                Some(Heard::Fact(fact)) => {
                    scanned.retain(|_, at| at.elapsed() < Duration::from_secs(600));
                    scanned.insert(fact.folder.clone(), Instant::now());
                }
                Some(Heard::Gap) | None => scanned.clear(),
            },
            folders = due.recv() => {
                let Some(folders) = folders else { continue };
                // What the server put there itself has been scanned since; a writer's scan begins after its last event.
                let is_news = |(folder, last): &(RelativePath, std::time::Instant)| {
                    let at = scanned.get(&folder.below(&path.root));
                    at.is_none_or(|at| at.into_std() < *last)
                };
                let folders: Vec<RelativePath> =
                    folders.into_iter().filter(is_news).map(|(folder, _)| folder).collect();
                if !folders.is_empty() {
                    scan(kernel, path, &folders).await;
                }
            }
        }
    }
}

async fn poll(kernel: &Kernel, path: &Path, settings: Settings, stop: &CancellationToken) -> Result<(), String> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep(settings.poll) => {
                scan(kernel, path, &[RelativePath::root()]).await;
            }
        }
    }
}

/// Has folders scanned; the whole path if one of them is gone.
async fn scan(kernel: &Kernel, path: &Path, folders: &[RelativePath]) {
    let name = |folder: &RelativePath| folder.below(&path.root).to_str().map(str::to_owned);
    let named: Option<Vec<String>> = folders.iter().map(name).collect();
    let whole = || vec![path.root.display().to_string()];
    let asked = |folders: Vec<String>| ScanOptions {
        folders,
        sees_news: true,
        ..ScanOptions::default()
    };
    let folders = named.filter(|named| named.len() <= MOST_FOLDERS).unwrap_or_else(whole);
    let mut started = start(kernel, path.library, &asked(folders)).await;
    if let Err(failure) = &started {
        tracing::debug!(error = %failure, "a changed folder cannot be scanned alone");
        started = start(kernel, path.library, &asked(whole())).await;
    }
    if let Err(failure) = started {
        tracing::warn!(path = %path.root.display(), error = %failure, "what has changed could not be scanned");
    }
}
