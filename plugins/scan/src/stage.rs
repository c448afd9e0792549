//! The stages of a scan that wait: for the disk while it walks, for the workers while it probes, for files to settle.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use entities::id::{FolderId, LibraryId, LibraryPathId};
use futures_util::{StreamExt, stream};
use kernel::{
    blob::{Facts, Root},
    error::Failure,
    identity,
    jobs::JobCx,
};
use media_engine::engine::Engine;
use tokio::{sync::mpsc, task::JoinSet, time::Instant as Deadline};

use crate::{
    Scan, code,
    compare::{Found, compare},
    failures::{Fault, KnownFailures},
    jobs::library::{ScanStep, Seen, revisit, rules_of},
    known::{self, KnownFile, KnownLibrary},
    look::{Look, Looker, Task, content_hash_of, fingerprint_of},
    matching::{self, Pairs},
    plan::{self, Plan},
    record::{Batch, Outcome, Recorder},
    scope::{self, Scope},
    walk::{self, WalkProgress, Walked},
};

/// How often a wait looks for cancel and pause.
const TICK: Duration = Duration::from_millis(100);
/// The longest a result waits for its transaction.
const MAX_DELAY: Duration = Duration::from_millis(250);

/// Walks the scopes of a library's paths. The inner error says why the library is offline.
pub async fn walk(
    cx: &JobCx<ScanStep>,
    known: KnownLibrary,
    scopes: &[Scope],
    failures: &KnownFailures,
    is_forced: bool,
) -> anyhow::Result<Result<Seen, String>> {
    let db = cx.kernel().store.reader();
    let mut roots = Vec::new();
    for path in &known.paths {
        let at = std::path::PathBuf::from(&path.path);
        match tokio::task::spawn_blocking(move || Root::open(&at)).await? {
            Ok(root) => roots.push(root),
            Err(error) => return Ok(Err(format!("`{}` cannot be opened: {error}", path.path))),
        }
    }
    let roots = Arc::new(roots);
    let (mut all_walked, mut all_folders, mut is_suspect) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (path, scope)) in known.paths.iter().zip(scopes).enumerate() {
        if scope.is_nothing() {
            all_walked.push(Walked::default());
            all_folders.push(known::KnownFolders::default());
            is_suspect.push(false);
            continue;
        }
        let sample = known::sample(db, path).await?;
        let mut folders = known::folders(db, path.id).await?;
        scope::narrow(&mut folders, scope);
        let folders = Arc::new(folders);
        let has_rows = !sample.is_empty();
        let sampled = Arc::clone(&roots);
        let holds_any = tokio::task::spawn_blocking(move || known::holds_any(&sampled[index], &sample)).await?;

        let rules = rules_of(&known, scope);
        let revisit = revisit(failures, path.id);
        let walked = match walk_path(cx, &roots, index, &folders, rules, revisit).await? {
            Ok(walked) => walked,
            Err(error) => return Ok(Err(format!("`{}` cannot be read: {error}", path.path))),
        };
        // A folder may be empty where others still show that the right path is mounted.
        let may_be_empty = is_forced || (*scope != Scope::Whole && holds_any);
        if has_rows && walked.n_files == 0 && !may_be_empty {
            return Ok(Err(format!(
                "`{}` holds no media file, but the library has files there",
                path.path
            )));
        }
        is_suspect.push(has_rows && !holds_any);
        all_walked.push(walked);
        all_folders.push(Arc::into_inner(folders).unwrap_or_default());
    }
    Ok(Ok(Seen {
        known,
        roots,
        walked: all_walked,
        folders: all_folders,
        is_suspect,
    }))
}

/// Ends a walk whose job is dropped.
struct StopOnDrop(Arc<WalkProgress>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

async fn walk_path(
    cx: &JobCx<ScanStep>,
    roots: &Arc<Vec<Root>>,
    index: usize,
    folders: &Arc<known::KnownFolders>,
    rules: walk::WalkRules,
    revisit: std::collections::HashSet<Vec<u8>>,
) -> anyhow::Result<std::io::Result<Walked>> {
    let progress = Arc::new(WalkProgress::default());
    let guard = StopOnDrop(Arc::clone(&progress));
    let (roots, folders) = (Arc::clone(roots), Arc::clone(folders));
    let walk = move || walk::walk(&roots[index], rules, &folders.by_path, &revisit, &guard.0);
    let mut walking = tokio::task::spawn_blocking(walk);
    let stop = StopOnDrop(Arc::clone(&progress));
    let mut told = 0;
    let mut tell = |is_last: bool| {
        let n_files = progress.n_files.load(Ordering::Relaxed);
        cx.advance(n_files - told);
        told = n_files;
        if !is_last {
            let folder = progress
                .folder
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .clone();
            cx.message(kernel::blob::RelativePath::from_bytes(folder).display());
        }
    };
    loop {
        tokio::select! {
            walked = &mut walking => {
                tell(true);
                return Ok(walked?);
            }
            () = tokio::time::sleep(TICK) => tell(false),
        }
        if let Err(interrupted) = cx.checkpoint().await {
            drop(stop);
            let _ = walking.await;
            return Err(interrupted.into());
        }
    }
}

/// Compares what was seen with the rows, and recognizes what was moved.
pub async fn match_files(
    cx: &JobCx<ScanStep>,
    library: LibraryId,
    seen: Seen,
    failures: &KnownFailures,
) -> anyhow::Result<Plan> {
    let db = cx.kernel().store.reader();
    let paths: Vec<LibraryPathId> = seen.known.paths.iter().map(|path| path.id).collect();
    let vanished: Vec<FolderId> = seen
        .folders
        .iter()
        .zip(&seen.walked)
        .flat_map(|(folders, walked)| plan::vanished(folders, walked))
        .collect();
    let n_unchanged: Vec<u64> = seen.walked.iter().map(|walked| walked.n_unchanged).collect();
    let changed: Vec<_> = seen
        .walked
        .into_iter()
        .enumerate()
        .flat_map(|(root, walked)| walked.changed.into_iter().map(move |folder| (root, folder)))
        .collect();
    if changed.is_empty() && vanished.is_empty() {
        return Ok(Plan {
            n_recognized: n_unchanged,
            ..Plan::default()
        });
    }
    let known: Vec<FolderId> = changed
        .iter()
        .filter_map(|(_, folder)| folder.known)
        .chain(vanished.clone())
        .collect();
    let rows = known::files_of(db, &known).await?;
    let mut comparison = compare(changed, rows);
    comparison.n_unchanged.resize(paths.len(), 0);
    for (of_path, n) in comparison.n_unchanged.iter_mut().zip(n_unchanged) {
        *of_path += n;
    }
    cx.checkpoint().await?;

    let missing = if comparison.found.is_empty() {
        Vec::new()
    } else {
        known::missing_files(db, library).await?
    };
    let candidates = plan::candidates(&comparison, missing);
    let mut pairs = matching::by_identity(&comparison.found, &candidates);
    by_bytes(
        cx,
        &seen.roots,
        &comparison.folders,
        &comparison.found,
        &candidates,
        &mut pairs,
    )
    .await?;

    // Only a library with several paths has to know which folder is below which.
    let below = |(root, folders): (usize, &known::KnownFolders)| -> Vec<(FolderId, usize)> {
        folders.by_path.values().map(|known| (known.id, root)).collect()
    };
    let roots: HashMap<FolderId, usize> = match paths.len() {
        1 => HashMap::new(),
        _ => seen.folders.iter().enumerate().flat_map(below).collect(),
    };
    let root_of = |folder: FolderId| {
        if paths.len() == 1 {
            Some(0)
        } else {
            roots.get(&folder).copied()
        }
    };
    let mut plan = plan::plan(comparison, candidates, &pairs, failures, &paths, root_of);
    plan.gone_folders = vanished;
    Ok(plan)
}

/// Pairs what identity left over by fingerprint; where several rows fit, by the full hash and the name.
async fn by_bytes(
    cx: &JobCx<ScanStep>,
    roots: &Arc<Vec<Root>>,
    folders: &[crate::compare::FolderWork],
    found: &[Found],
    rows: &[KnownFile],
    pairs: &mut Pairs,
) -> anyhow::Result<()> {
    let worth = matching::worth_reading(found, rows, pairs);
    if worth.is_empty() {
        return Ok(());
    }
    cx.step(ScanStep::Match, Some(worth.len() as u64));
    let index = matching::by_fingerprint(rows);
    let place = |of: usize| {
        let folder = &folders[found[of].folder];
        (
            folder.root,
            folder.path.join(&found[of].seen.name),
            found[of].seen.facts,
        )
    };
    let read = |of: usize| {
        let ((root, path, facts), roots) = (place(of), Arc::clone(roots));
        let read = tokio::task::spawn_blocking(move || fingerprint_of(&roots[root], &path, facts));
        async move { (of, read.await.ok().flatten()) }
    };
    let mut reads = stream::iter(worth).map(read).buffered(8);
    while let Some((of, fingerprint)) = reads.next().await {
        cx.checkpoint().await?;
        cx.advance(1);
        let Some(fingerprint) = fingerprint else { continue };
        let Some(alike) = index.get(fingerprint.blake3.as_slice()) else {
            continue;
        };
        let fitting = matching::candidates(&found[of], alike, rows, pairs);
        let is_unsure = fitting.len() > 1 && !identity::covers_all(found[of].seen.facts.size);
        let hash = match is_unsure && fitting.iter().any(|row| rows[*row].content_hash.is_some()) {
            true => {
                let ((root, path, facts), roots, cancel) = (place(of), Arc::clone(roots), cx.canceled().clone());
                let read = move || content_hash_of(&roots[root], &path, facts.size, || !cancel.is_cancelled());
                tokio::task::spawn_blocking(read).await?
            }
            false => None,
        };
        matching::take(pairs, of, &fitting, rows, hash.as_ref().map(<[u8; 32]>::as_slice));
    }
    Ok(())
}

/// Looks into files and records what is found; files that may still be written to come last, when they have settled.
pub async fn look_into(recorder: &mut Recorder<'_>, scan: &Scan, tasks: Vec<Task>) -> anyhow::Result<()> {
    let cx = recorder.cx;
    cx.step(ScanStep::Probe, Some(tasks.len() as u64));
    if tasks.is_empty() {
        return Ok(());
    }
    let Some(engine) = cx.kernel().parts.get::<Engine>() else {
        return Err(Failure::new(
            &code::NO_ENGINE,
            "the media engine is not running; see the log of the start",
        )
        .into());
    };
    let looker = Looker::new(
        engine,
        Arc::clone(&recorder.roots),
        scan.n_probes(),
        cx.canceled().clone(),
    );
    let settle = Duration::from_secs_f64(scan.config.settle_seconds.max(0.0));
    let now_ns = cx.kernel().clock.now_ms() * 1_000_000;
    let is_settled = |task: &Task| rest(&task.found.seen.facts, now_ns, settle).is_zero();
    let (settled, mut waiting): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(is_settled);
    waiting.extend(pipeline(recorder, &looker, settled).await?);
    settle_and_look(recorder, &looker, settle, waiting).await
}

/// How long a file must still rest before it is believed to be complete. A time in the future counts as now: the clock
/// of a file server may be ahead.
fn rest(facts: &Facts, now_ns: i64, settle: Duration) -> Duration {
    let age = u64::try_from(now_ns.saturating_sub(facts.mtime_ns)).map_or(Duration::ZERO, Duration::from_nanos);
    settle.saturating_sub(age)
}

/// Looks into files in their order, many at a time, and records the results. Returns those that changed meanwhile.
async fn pipeline(recorder: &mut Recorder<'_>, looker: &Looker, tasks: Vec<Task>) -> anyhow::Result<Vec<Task>> {
    /// How far the looks may run ahead of the slowest: results are recorded in the order of paths.
    const WINDOW: usize = 128;
    let (send, mut results) = mpsc::channel::<(Task, Look)>(WINDOW);
    let looker = looker.clone();
    // Counted where a look ends, so that one slow file does not hide the progress of those behind it.
    let n_looked = Arc::new(AtomicU64::new(0));
    let looked = Arc::clone(&n_looked);
    // Dropped with this function, which ends the task.
    let mut looking = JoinSet::new();
    looking.spawn(async move {
        let look = |task: Task| {
            let (looker, looked) = (looker.clone(), Arc::clone(&looked));
            async move {
                let look = looker.look(&task).await;
                if matches!(look, Look::Done(_) | Look::Failed(_)) {
                    looked.fetch_add(1, Ordering::Relaxed);
                }
                (task, look)
            }
        };
        let mut looks = stream::iter(tasks).map(look).buffered(WINDOW);
        while let Some(result) = looks.next().await {
            if send.send(result).await.is_err() {
                return;
            }
        }
    });
    let mut moving = Vec::new();
    let mut batch = Batch::default();
    let mut due = Deadline::now() + MAX_DELAY;
    loop {
        recorder.cx.advance(n_looked.swap(0, Ordering::Relaxed));
        if let Err(interrupted) = recorder.cx.checkpoint().await {
            if !recorder.cx.canceled().is_cancelled() && !batch.is_empty() {
                recorder.write(batch).await?;
            }
            return Err(interrupted.into());
        }
        let is_due = batch.is_full() || (!batch.is_empty() && Deadline::now() >= due);
        if is_due {
            recorder.write(std::mem::take(&mut batch)).await?;
        }
        let wake = if batch.is_empty() {
            Deadline::now() + MAX_DELAY
        } else {
            due
        };
        let (mut task, look) = match tokio::time::timeout_at(wake, results.recv()).await {
            Err(_) => continue,
            Ok(None) => break,
            Ok(Some(result)) => result,
        };
        if matches!(look, Look::Done(_) | Look::Failed(_)) {
            recorder.cx.message(task.path.display());
        }
        if batch.is_empty() {
            due = Deadline::now() + MAX_DELAY;
        }
        match look {
            Look::Done(looked) => batch.push(Outcome {
                task,
                result: Ok(looked),
            }),
            Look::Failed(fault) => batch.push(Outcome {
                task,
                result: Err(fault),
            }),
            Look::Moving(facts) => {
                task.found.seen.facts = facts;
                moving.push(task);
            }
            Look::Down(error) => {
                let message = format!("no file can be looked into: {error}");
                return Err(Failure::new(&code::NO_ENGINE, message).into());
            }
            Look::Canceled => {
                recorder.cx.checkpoint().await?;
                anyhow::bail!("a look was canceled, but the job was not");
            }
        }
    }
    if !batch.is_empty() {
        recorder.write(batch).await?;
    }
    if let Some(ended) = looking.join_next().await {
        ended?;
    }
    Ok(moving)
}

/// Waits for files that were written to lately, looks into those that have come to rest, and reports the others.
async fn settle_and_look(
    recorder: &mut Recorder<'_>,
    looker: &Looker,
    settle: Duration,
    tasks: Vec<Task>,
) -> anyhow::Result<()> {
    if tasks.is_empty() {
        return Ok(());
    }
    let cx = recorder.cx;
    cx.step(ScanStep::Settle, Some(tasks.len() as u64));
    let give_up = Instant::now() + settle * 3 + Duration::from_secs(2);
    let timed = |task: Task| {
        let rest = rest(&task.found.seen.facts, cx.kernel().clock.now_ms() * 1_000_000, settle);
        (task, Instant::now() + rest)
    };
    let mut waiting: Vec<(Task, Instant)> = tasks.into_iter().map(timed).collect();
    while !waiting.is_empty() && Instant::now() < give_up {
        cx.message(format!("waiting for {} files that were just written", waiting.len()));
        let first = waiting.iter().map(|(_, at)| *at).min().unwrap_or(give_up);
        while Instant::now() < first.min(give_up) {
            cx.checkpoint().await?;
            tokio::time::sleep(TICK.min(first.saturating_duration_since(Instant::now()))).await;
        }
        let now = Instant::now();
        let (due, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, at)| *at <= now);
        waiting = rest;
        let due: Vec<Task> = due.into_iter().map(|(task, _)| task).collect();
        // A look begins with `fstat` and tells what changed since it was seen.
        let moving = pipeline(recorder, looker, due).await?;
        waiting.extend(moving.into_iter().map(timed));
        if !waiting.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    cx.advance(waiting.len() as u64);
    let mut batch = Batch::default();
    for (task, _) in waiting {
        batch.push(Outcome {
            task,
            result: Err(Fault::busy()),
        });
    }
    if !batch.is_empty() {
        recorder.write(batch).await?;
    }
    Ok(())
}
