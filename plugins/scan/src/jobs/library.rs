//! `scan.library`: brings a library's rows in line with its folders.
//!
//! Walk everything by `stat` alone; match what was moved; look into what is new or changed; wait for files that are
//! still being written. Nothing but rows remembers where it was: killed at any point, the next attempt walks again and
//! finds done what was committed.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use entities::id::{JobId, LibraryId, LibraryPathId};
use kernel::{
    blob::{RelativePath, Root},
    error::Failure,
    events::LibraryChanged,
    jobs::{Enqueue, Job, JobCx, Lane, Priority},
    store::Durability,
};
use serde::{Deserialize, Serialize};

use crate::{
    Scan, code,
    failures::{self, NewFailure, Prober},
    folders::Folders,
    jobs::{hash::HashLibrary, keyframes::FindKeyframes},
    known::{self, KnownLibrary},
    plan::{self, Plan},
    record::Recorder,
    report::{self, ScanReport},
    request,
    scope::{self, Scope, Within},
    sql, stage,
    walk::{WalkRules, Walked},
};

kernel::steps! {
    /// What a scan does, in this order.
    pub enum ScanStep {
        Walk = "walk",
        Match = "match",
        Probe = "probe": 20.0,
        Settle = "settle",
    }
}

/// Scans one library, or some of its folders. The payload says no more, so that the same is not asked for twice at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScanLibrary {
    /// The library.
    pub library: LibraryId,
    /// The folders; none means all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<Within>,
    /// The scan of the same that had begun when this one was asked for: it may have passed what this one is to see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<JobId>,
    /// Its name when the scan was asked for, for the title.
    #[serde(skip)]
    pub name: String,
}

#[async_trait::async_trait]
impl Job for ScanLibrary {
    const KIND: &'static str = "scan.library";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Disk;
    // A machine that loses power again and again may never reach the first commit, which would grant new attempts.
    const MAX_ATTEMPTS: u32 = 20;
    type Step = ScanStep;
    type Plugin = Scan;

    fn title(&self) -> String {
        scope::title(&self.name, &self.within)
    }

    fn backoff(attempt: u32) -> Duration {
        Duration::from_secs(2 << attempt.min(5))
    }

    async fn run(&self, cx: &JobCx<ScanStep>, scan: &Scan) -> anyhow::Result<()> {
        let begun = Instant::now();
        cx.unit("files");
        // An earlier attempt of this job has done a part; what is found is counted anew.
        let mut report = cx.saved::<ScanReport>().unwrap_or_default().carried_over();
        let before_ms = report.elapsed_ms;
        let ended = run(self, cx, scan, &mut report).await;
        report.elapsed_ms = before_ms + begun.elapsed().as_millis() as u64;
        report.count_rest(failures::count(cx.kernel().store.reader(), self.library, &self.within).await?);
        scan.count(cx.kernel(), &report, begun.elapsed());
        match ended {
            Ok(is_forced) => finish(self, cx, &report, is_forced).await,
            Err(error) => {
                // An interrupted attempt goes on from what its transactions saved; a refusal is what the scan has to say.
                if error.downcast_ref::<Failure>().is_some() {
                    write_report(self.library, cx, &report).await?;
                }
                Err(error)
            }
        }
    }
}

/// The library with its open paths and what the walk saw below each.
pub struct Seen {
    /// The rows.
    pub known: KnownLibrary,
    /// The open paths.
    pub roots: Arc<Vec<Root>>,
    /// What the walk saw, in the order of the paths.
    pub walked: Vec<Walked>,
    /// The folders the database knows, in the order of the paths.
    pub folders: Vec<known::KnownFolders>,
    /// For each path whether no sampled file was where it should be.
    pub is_suspect: Vec<bool>,
}

async fn run(job: &ScanLibrary, cx: &JobCx<ScanStep>, scan: &Scan, report: &mut ScanReport) -> anyhow::Result<bool> {
    let (kernel, library) = (cx.kernel(), job.library);
    let db = kernel.store.reader();
    let Some(known) = known::library(db, library).await? else {
        return Err(Failure::new(&code::LIBRARY_NOT_FOUND, format!("no library `{library}`")).into());
    };
    let is_forced = request::is_forced(db, library).await?;
    let prober = Prober::of(kernel, is_forced);
    let failures = failures::known(db, library, &prober).await?;

    let paths: Vec<LibraryPathId> = known.paths.iter().map(|path| path.id).collect();
    let scopes: Vec<Scope> = paths.iter().map(|path| Scope::of(&job.within, *path)).collect();

    cx.step(ScanStep::Walk, None);
    let seen = match stage::walk(cx, known, &scopes, &failures, is_forced).await? {
        Ok(seen) => seen,
        Err(reason) => return Err(go_offline(library, cx, report, reason).await?.into()),
    };
    for walked in &seen.walked {
        report.found += walked.n_files;
        report.ignored += walked.n_ignored;
        report.skipped += walked.n_skipped;
        report.bytes += walked.bytes;
    }
    let was_online = seen.known.row.is_online;
    let gone_failures = plan::gone_failures(&failures, &paths, &scopes, &seen.walked);

    cx.step(ScanStep::Match, None);
    let (is_suspect, roots) = (seen.is_suspect.clone(), Arc::clone(&seen.roots));
    let names: Vec<String> = seen.known.paths.iter().map(|path| path.path.clone()).collect();
    let obstacles = obstacles(&paths, &seen.walked);
    let plan = stage::match_files(cx, library, seen, &failures).await?;
    let strange = (0..names.len()).find(|index| is_suspect[*index] && plan.n_recognized[*index] == 0);
    if let Some(strange) = strange.filter(|_| !is_forced) {
        let reason = format!(
            "`{}` holds none of the files that the library has there",
            names[strange]
        );
        return Err(go_offline(library, cx, report, reason).await?.into());
    }
    refuse_too_many(cx, library, &plan, is_forced).await?;
    if !was_online {
        go_online(library, cx).await?;
    }

    let Plan {
        folders,
        moves,
        restored,
        missing,
        described,
        subtitled,
        tasks,
        gone_folders,
        ..
    } = plan;
    let mut folders = Folders::new(folders, paths);
    for task in &tasks {
        folders.expect(task.found.folder);
    }
    let mut recorder = Recorder {
        cx,
        library,
        roots: Arc::clone(&roots),
        folders,
        failures,
        prober,
        report: std::mem::take(report),
    };
    let ended = async {
        recorder.write_obstacles(&obstacles).await?;
        recorder.clear_gone_failures(&gone_failures).await?;
        recorder.apply_moves(moves).await?;
        recorder.apply_restored(restored).await?;
        recorder.apply_missing(missing).await?;
        recorder.apply_sidecars(described).await?;
        recorder.apply_subtitles(subtitled).await?;
        recorder.apply_folders(&gone_folders).await?;
        stage::look_into(&mut recorder, scan, tasks).await
    }
    .await;
    *report = std::mem::take(&mut recorder.report);
    ended?;
    Ok(is_forced)
}

/// Failures for what the walk could not read.
fn obstacles(paths: &[LibraryPathId], walked: &[Walked]) -> Vec<NewFailure> {
    let below = |(path, walked): (&LibraryPathId, &Walked)| -> Vec<NewFailure> {
        let failure = |obstacle: &crate::walk::Obstacle| NewFailure {
            library_path: *path,
            path: obstacle.path.clone(),
            file: None,
            facts: None,
            fault: failures::Fault::io(&obstacle.error),
        };
        walked.obstacles.iter().map(failure).collect()
    };
    paths.iter().zip(walked).flat_map(below).collect()
}

impl Recorder<'_> {
    /// Writes down what the walk could not read, unless the same is known.
    async fn write_obstacles(&mut self, obstacles: &[NewFailure]) -> anyhow::Result<()> {
        let is_news = |new: &&NewFailure| {
            let known = self.failures.get(&(new.library_path, new.path.as_bytes().to_vec()));
            known.is_none_or(|known| known.is_again || known.code != new.fault.code || known.reason != new.fault.reason)
        };
        let news: Vec<NewFailure> = obstacles.iter().filter(is_news).cloned().collect();
        if news.is_empty() {
            return Ok(());
        }
        let now = self.cx.kernel().clock.now_ms();
        let tx = self.cx.begin(Durability::Normal).await?;
        failures::write(&tx, self.library, now, &self.prober, &news).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Refuses to mark so much as missing that a mistake is likelier than the truth.
async fn refuse_too_many(cx: &JobCx<ScanStep>, library: LibraryId, plan: &Plan, is_forced: bool) -> anyhow::Result<()> {
    const AT_LEAST: u64 = 100;
    const PERCENT: u64 = 30;
    let n_missing = plan.missing.len() as u64;
    // The request may have come while this scan was walking.
    let db = cx.kernel().store.reader();
    if n_missing < AT_LEAST || is_forced || request::is_forced(db, library).await? {
        return Ok(());
    }
    let n_present = known::n_present(db, library).await?;
    if n_missing * 100 <= n_present * PERCENT {
        return Ok(());
    }
    let message = format!(
        "{n_missing} of {n_present} files are gone, more than {PERCENT} %; nothing was changed: check that the right \
         folders are mounted, or start the scan with force to mark those files as missing"
    );
    Err(Failure::new(&code::TOO_MANY_MISSING, message).into())
}

/// Takes the library offline, and nothing else.
async fn go_offline(
    library: LibraryId,
    cx: &JobCx<ScanStep>,
    report: &mut ScanReport,
    reason: String,
) -> anyhow::Result<Failure> {
    let tx = cx.begin(Durability::Normal).await?;
    let now = cx.kernel().clock.now_ms();
    let text = "update library set is_online = $2, offline_reason = $3, updated_at = $4 where id = $1 \
        and (is_online or offline_reason is null or offline_reason <> $3)";
    let values = vec![library.0.into(), false.into(), reason.clone().into(), now.into()];
    if sql::execute(&*tx, text, values).await?.rows_affected() > 0 {
        tx.publish(LibraryChanged { library });
    }
    tx.commit().await?;
    report.offline_reason = Some(reason.clone());
    let message = format!("the library is offline: {reason}; nothing was changed");
    Ok(Failure::new(&code::LIBRARY_OFFLINE, message))
}

async fn go_online(library: LibraryId, cx: &JobCx<ScanStep>) -> anyhow::Result<()> {
    let tx = cx.begin(Durability::Normal).await?;
    let text = "update library set is_online = $2, offline_reason = null, updated_at = $3 where id = $1";
    sql::execute(
        &*tx,
        text,
        vec![library.0.into(), true.into(), cx.kernel().clock.now_ms().into()],
    )
    .await?;
    tx.publish(LibraryChanged { library });
    tx.commit().await?;
    Ok(())
}

/// Writes the report and, after a scan of everything, the time; new bytes get their full hash, and films their
/// keyframe tables, in the background.
async fn finish(job: &ScanLibrary, cx: &JobCx<ScanStep>, report: &ScanReport, is_forced: bool) -> anyhow::Result<()> {
    let (kernel, library) = (cx.kernel(), job.library);
    let now = kernel.clock.now_ms();
    let tx = cx.begin(Durability::Normal).await?;
    report::write(&tx, cx.id(), library, now, report).await?;
    if job.within.is_empty() {
        let text = "update library set last_scanned_at = $2 where id = $1";
        sql::execute(&*tx, text, vec![library.0.into(), now.into()]).await?;
    }
    if is_forced {
        request::done(&tx, library).await?;
    }
    if report.new + report.changed > 0 {
        let options = || Enqueue {
            priority: Priority::Background,
            parent: Some(cx.id()),
            ..Enqueue::default()
        };
        kernel.jobs.enqueue(&tx, &FindKeyframes { library }, options()).await?;
        kernel.jobs.enqueue(&tx, &HashLibrary { library }, options()).await?;
    }
    tx.publish(LibraryChanged { library });
    tx.commit().await?;
    Ok(())
}

async fn write_report(library: LibraryId, cx: &JobCx<ScanStep>, report: &ScanReport) -> anyhow::Result<()> {
    let tx = cx.begin(Durability::Normal).await?;
    report::write(&tx, cx.id(), library, cx.kernel().clock.now_ms(), report).await?;
    tx.commit().await?;
    Ok(())
}

/// What the walk of a library goes by.
pub fn rules_of(known: &KnownLibrary, scope: &Scope) -> WalkRules {
    WalkRules {
        include_hidden: known.row.include_hidden,
        trust_digests: true,
        scope: scope.clone(),
    }
}

/// Folders whose digest is not believed: those with a failure that is tried again.
pub fn revisit(failures: &failures::KnownFailures, path: LibraryPathId) -> HashSet<Vec<u8>> {
    let below = failures
        .iter()
        .filter(|((library_path, _), row)| row.is_again && *library_path == path);
    below.map(|((_, path), _)| parent(path).as_bytes().to_vec()).collect()
}

/// The folder of a path.
pub fn parent(path: &[u8]) -> RelativePath {
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    RelativePath::from_bytes(path[..end].to_vec())
}
