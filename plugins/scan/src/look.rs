//! A look into one file: open it below its root, read its fingerprint and its sidecar, and probe it in the sandbox.

use std::{fs::File, sync::Arc};

use kernel::{
    blob::{Facts, RelativePath, Root},
    identity::{self, Fingerprint},
    kind,
};
use media_engine::{engine::Engine, source::Source};
use media_proto::{error::MediaError, job::ProbeHints, probe::Probe};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    compare::Found,
    failures::Fault,
    nfo::{self, NFO_LIMIT, Nfo},
    walk::SeenFile,
};

/// A file to look into.
#[derive(Debug, Clone)]
pub struct Task {
    /// What was found; `at_path` is the row whose content changed, none for a new file.
    pub found: Found,
    /// Which of the library's paths.
    pub root: usize,
    /// The folder below that path.
    pub folder: RelativePath,
    /// The file below that path.
    pub path: RelativePath,
}

/// What a look found.
#[derive(Debug)]
pub struct Looked {
    /// What `fstat` said of the very bytes.
    pub facts: Facts,
    /// Their quick hashes.
    pub fingerprint: Fingerprint,
    /// What the container says, or why it says nothing.
    pub probe: Result<Probe, Fault>,
    /// What the sidecar says.
    pub nfo: Option<Nfo>,
}

/// How a look ended.
#[derive(Debug)]
pub enum Look {
    /// The file could be read.
    Done(Box<Looked>),
    /// The file is not what the walk saw: it is still changing.
    Moving(Facts),
    /// The file could not be opened or read.
    Failed(Fault),
    /// The engine cannot look into any file.
    Down(MediaError),
    /// The job ends.
    Canceled,
}

/// Looks into files, so many at a time.
#[derive(Clone)]
pub struct Looker {
    engine: Arc<Engine>,
    roots: Arc<Vec<Root>>,
    turns: Arc<Semaphore>,
    cancel: CancellationToken,
}

impl Looker {
    /// A looker that keeps `n_probes` files at the engine.
    pub fn new(engine: Arc<Engine>, roots: Arc<Vec<Root>>, n_probes: usize, cancel: CancellationToken) -> Self {
        Self {
            engine,
            roots,
            turns: Arc::new(Semaphore::new(n_probes)),
            cancel,
        }
    }

    /// Looks into one file.
    pub async fn look(&self, task: &Task) -> Look {
        let Ok(_turn) = self.turns.acquire().await else {
            return Look::Canceled;
        };
        if self.cancel.is_cancelled() {
            return Look::Canceled;
        }
        let roots = Arc::clone(&self.roots);
        let (root, folder, path) = (task.root, task.folder.clone(), task.path.clone());
        let (seen, sidecar) = (task.found.seen.facts, task.found.nfo.clone());
        let opened = tokio::task::spawn_blocking(move || open(&roots[root], &folder, &path, seen, sidecar)).await;
        let (file, facts, fingerprint, nfo) = match opened {
            Ok(Ok(Opened::Same(parts))) => *parts,
            Ok(Ok(Opened::Other(facts))) => return Look::Moving(facts),
            Ok(Err(error)) => return Look::Failed(Fault::io(&error)),
            Err(error) => return Look::Failed(Fault::io(&std::io::Error::other(error))),
        };
        let source = match Source::new(file) {
            Ok(source) => source,
            Err(error) => return Look::Failed(Fault::io(&error)),
        };
        let hints = ProbeHints {
            extension: kind::extension(&task.found.seen.name),
        };
        let probe = loop {
            match self.engine.probe(&source, hints.clone(), &self.cancel).await {
                Err(MediaError::Canceled) => return Look::Canceled,
                Err(error @ (MediaError::Unavailable { .. } | MediaError::Version { .. })) => return Look::Down(error),
                // Others use the engine too; there is no hurry.
                Err(MediaError::Busy { .. }) if !self.cancel.is_cancelled() => {
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
                probed => break probed.map_err(|error| Fault::media(&error)),
            }
        };
        Look::Done(Box::new(Looked {
            facts,
            fingerprint,
            probe,
            nfo,
        }))
    }
}

enum Opened {
    Same(Box<(File, Facts, Fingerprint, Option<Nfo>)>),
    Other(Facts),
}

fn open(
    root: &Root,
    folder: &RelativePath,
    path: &RelativePath,
    seen: Facts,
    sidecar: Option<SeenFile>,
) -> std::io::Result<Opened> {
    let (file, facts) = root.open_file(path)?;
    if facts != seen {
        return Ok(Opened::Other(facts));
    }
    let fingerprint = match identity::fingerprint(&file, facts.size) {
        Ok(fingerprint) => fingerprint,
        // It became shorter while it was read.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(Opened::Other(facts)),
        Err(error) => return Err(error),
    };
    let nfo = sidecar.and_then(|sidecar| read_nfo(root, folder, &sidecar));
    Ok(Opened::Same(Box::new((file, facts, fingerprint, nfo))))
}

/// Reads a sidecar. Blocks. None when it is none of Kodi's, or cannot be read: it is no reason to leave out its file.
pub fn read_nfo(root: &Root, folder: &RelativePath, sidecar: &SeenFile) -> Option<Nfo> {
    match root
        .open_folder(folder)
        .and_then(|folder| folder.read_small(&sidecar.name, NFO_LIMIT))
    {
        Ok(bytes) => nfo::parse(&bytes),
        Err(error) => {
            tracing::warn!(path = %folder.join(&sidecar.name), %error, "a sidecar could not be read");
            None
        }
    }
}

/// The fingerprint of a file that was seen. Blocks. None when it cannot be read or is no longer what was seen.
pub fn fingerprint_of(root: &Root, path: &RelativePath, seen: Facts) -> Option<Fingerprint> {
    let (file, facts) = root.open_file(path).ok()?;
    (facts.size == seen.size && facts.mtime_ns == seen.mtime_ns).then_some(())?;
    identity::fingerprint(&file, facts.size).ok()
}

/// The full hash of a file that was seen. Blocks. None when it cannot be read, is no longer what was seen, or
/// `go_on` says no.
pub fn content_hash_of(root: &Root, path: &RelativePath, size: i64, go_on: impl FnMut() -> bool) -> Option<[u8; 32]> {
    let (file, facts) = root.open_file(path).ok()?;
    (facts.size == size).then_some(())?;
    identity::content_hash(&file, go_on).ok()?
}
