//! What clients see of scans: starting one, its report, and the files that failed.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use entities::id::{JobId, LibraryId, LibraryPathId, ScanFailureId};
use kernel::{
    error::{Failure, code},
    plugin::Kernel,
};
use schema::{
    job::types::Job,
    kit::{
        access::{Needs, require},
        connection::{Connection, Total},
        error::ToGraphql,
        id::{id, parse},
        keyset::Keyset,
        page::{self, PageArgs},
        scalar::{Bytes, DateTime, Seconds},
        surface::{NoSubscription, Surface},
    },
};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};

use crate::{Scan, ScanOptions, failures, report, schedule, watch::Mode};

impl Surface for Scan {
    type Query = ScanQuery;
    type Mutation = ScanMutation;
    type Subscription = NoSubscription;
}

/// What can be read of scans.
#[derive(Default)]
pub struct ScanQuery;

/// What can be read of scans.
#[Object]
impl ScanQuery {
    /// Files and folders of a library that the last scan could not turn into items, and why. A row disappears when its
    /// file is fine or gone.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "schema::limits::page_cost(first, last, child_complexity)"
    )]
    async fn scan_failures(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The library.")] library_id: ID,
        #[graphql(desc = "How many from the beginning, or after `after`.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, or before `before`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<ScanFailure>> {
        let kernel = cx.data::<Kernel>()?;
        let library = parse::<LibraryId>(&library_id, "libraryId").graphql()?;
        require(cx).and_then(|viewer| viewer.must_see(library)).graphql()?;
        let args = PageArgs::new(first, after, last, before);
        failures_of(kernel, library, args, page::cap(cx)).await.graphql()
    }

    /// What a scan did; null while it runs, for a job that is no scan, and when the job is no longer kept.
    #[graphql(guard = "Needs::ViewSome")]
    async fn scan_report(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The scan's job.")] job_id: ID,
    ) -> async_graphql::Result<Option<ScanReport>> {
        let job = parse::<JobId>(&job_id, "jobId").graphql()?;
        let report = report::read(cx.data::<Kernel>()?.store.reader(), job).await.graphql()?;
        let viewer = require(cx).graphql()?;
        let report = report.filter(|(library, _)| viewer.sees.has(*library));
        Ok(report.map(|(library, report)| ScanReport::of(job, library, report)))
    }

    /// When libraries are scanned by themselves; a library without a schedule is not among them.
    #[graphql(guard = "Needs::ViewSome")]
    async fn scan_schedules(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<ScanSchedule>> {
        let all = schedule::all(&cx.data::<Kernel>()?.store).await;
        let all = all.map_err(Failure::from).graphql()?;
        let viewer = require(cx).graphql()?;
        let shown = all.into_iter().filter(|schedule| viewer.sees.has(schedule.library));
        Ok(shown.map(ScanSchedule).collect())
    }

    /// How changes in the paths of libraries are noticed. Empty while no folder is watched.
    #[graphql(guard = "Needs::View")]
    async fn library_watchers(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<LibraryWatcher>> {
        let modes = &cx.data::<Arc<Scan>>()?.modes;
        let modes = modes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(modes
            .iter()
            .map(|(path, (library, mode))| LibraryWatcher::of(*path, *library, mode))
            .collect())
    }
}

/// How changes in a library path are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum WatchMode {
    /// The system tells of them, and what has changed is scanned when it rests.
    Events,
    /// The path is scanned now and then.
    Polling,
    /// Not at all; it is tried again every few seconds.
    Broken,
}

/// What notices changes in a library path.
#[derive(SimpleObject)]
pub struct LibraryWatcher {
    /// The library path.
    path_id: ID,
    /// Its library.
    library_id: ID,
    /// How changes are noticed.
    mode: WatchMode,
    /// Why, unless the system tells of changes.
    reason: Option<String>,
    /// How many folders are watched.
    n_folders: i32,
}

impl LibraryWatcher {
    fn of(path: LibraryPathId, library: LibraryId, mode: &Mode) -> Self {
        let (mode, reason, n_folders) = match mode {
            Mode::Events { n_folders } => (WatchMode::Events, None, *n_folders),
            Mode::Polling(reason) => (WatchMode::Polling, Some(reason.clone()), 0),
            Mode::Broken(reason) => (WatchMode::Broken, Some(reason.clone()), 0),
        };
        Self {
            path_id: id(path),
            library_id: id(library),
            mode,
            reason,
            n_folders: i32::try_from(n_folders).unwrap_or(i32::MAX),
        }
    }
}

/// What can be done with scans.
#[derive(Default)]
pub struct ScanMutation;

/// What can be done with scans.
#[Object]
impl ScanMutation {
    /// Has a library scanned at set times, or not any more.
    #[graphql(guard = "Needs::Edit")]
    async fn set_scan_schedule(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which library, and when.")] input: SetScanScheduleInput,
    ) -> async_graphql::Result<SetScanSchedulePayload> {
        let library = parse::<LibraryId>(&input.library_id, "input.libraryId").graphql()?;
        let set = schedule::set(cx.data::<Kernel>()?, library, input.schedule).await;
        Ok(SetScanSchedulePayload {
            scan_schedule: set.graphql()?.map(ScanSchedule),
        })
    }

    /// Starts a scan of a library, or of some of its folders. One scan of a library runs at a time: while the same is
    /// being done or waits, that one is returned; another one begins when those before it have ended.
    #[graphql(guard = "Needs::EditSome")]
    async fn start_scan(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which library, and how.")] input: StartScanInput,
    ) -> async_graphql::Result<StartScanPayload> {
        let kernel = cx.data::<Kernel>()?;
        let library = parse::<LibraryId>(&input.library_id, "input.libraryId").graphql()?;
        require(cx).and_then(|viewer| viewer.must_edit(library)).graphql()?;
        let folders = match input.paths {
            Some(paths) if paths.is_empty() => {
                let message = "name at least one folder, or leave it out to scan all";
                return Err(Failure::field("input.paths", message)).graphql();
            }
            paths => paths.unwrap_or_default(),
        };
        let options = ScanOptions {
            is_forced: input.force.unwrap_or(false),
            folders,
            ..ScanOptions::default()
        };
        let job = crate::start(kernel, library, &options).await.graphql()?;
        let view = kernel.jobs.get(job).await.graphql()?;
        let view = view
            .ok_or_else(|| Failure::new(&code::NOT_FOUND, format!("no job `{job}`")))
            .graphql()?;
        Ok(StartScanPayload { job: Job::from(view) })
    }
}

/// When a library is scanned by itself.
pub struct ScanSchedule(schedule::Schedule);

/// When a library is scanned by itself.
#[Object]
impl ScanSchedule {
    /// The library.
    async fn library_id(&self) -> ID {
        id(self.0.library)
    }

    /// When, in UTC: a cron pattern of five fields.
    async fn schedule(&self) -> &str {
        &self.0.pattern
    }

    /// When the next scan begins.
    async fn next_at(&self) -> Option<DateTime> {
        self.0.next_at().map(DateTime)
    }
}

/// When to scan a library by itself.
#[derive(InputObject)]
pub struct SetScanScheduleInput {
    /// The library.
    library_id: ID,
    /// When, in UTC: a cron pattern of five fields; null or omitted for never.
    schedule: Option<String>,
}

/// The outcome of `setScanSchedule`.
#[derive(SimpleObject)]
pub struct SetScanSchedulePayload {
    /// The schedule; null if there is none any more.
    scan_schedule: Option<ScanSchedule>,
}

/// Which library to scan, and how.
#[derive(InputObject)]
pub struct StartScanInput {
    /// The library.
    library_id: ID,
    /// Only these folders and what is below them, as in `files { path }`, or absolute; files elsewhere stay as they are.
    /// The whole library when omitted.
    paths: Option<Vec<String>>,
    /// Goes on although most files seem gone, and tries files again that failed before. False when omitted.
    force: Option<bool>,
}

/// The outcome of `startScan`.
#[derive(SimpleObject)]
pub struct StartScanPayload {
    /// The scan: the new one, or the one that is live already.
    job: Job,
}

/// What a scan did.
#[derive(SimpleObject)]
pub struct ScanReport {
    /// The scan's job.
    job_id: ID,
    /// The library.
    library_id: ID,
    /// Files that may be items.
    found: u64,
    /// Files recorded for the first time.
    new: u64,
    /// Files recorded again because their size or time changed.
    changed: u64,
    /// Files recognized under another path.
    moved: u64,
    /// Files that are newly missing.
    missing: u64,
    /// Missing files that are back where they were.
    restored: u64,
    /// Files that are as they were.
    unchanged: u64,
    /// Files and folders with a row in `scanFailures` when the scan ended.
    failed: u64,
    /// Links, devices and the like, which a scan never follows or opens.
    skipped: u64,
    /// Files and folders left out by rules, or of no known kind.
    ignored: u64,
    /// Bytes of the files found.
    bytes: Bytes,
    /// How long it took, waits included.
    elapsed: Seconds,
    /// Why the library is offline, when that ended the scan.
    offline_reason: Option<String>,
}

impl ScanReport {
    fn of(job: JobId, library: LibraryId, report: report::ScanReport) -> Self {
        Self {
            job_id: id(job),
            library_id: id(library),
            found: report.found,
            new: report.new,
            changed: report.changed,
            moved: report.moved,
            missing: report.missing,
            restored: report.restored,
            unchanged: report.unchanged,
            failed: report.failed,
            skipped: report.skipped,
            ignored: report.ignored,
            bytes: Bytes(report.bytes as i64),
            elapsed: Seconds(report.elapsed_ms as f64 / 1000.0),
            offline_reason: report.offline_reason,
        }
    }
}

/// What kind of trouble a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ScanFailureKind {
    /// The file itself is at fault: it is tried again when it, or a forced scan, says so.
    File,
    /// It could not be read, or was still being written: the next scan tries it again.
    Passing,
}

/// A file or folder without a good result.
#[derive(Clone)]
pub struct ScanFailure(failures::FailureRow);

/// A file or folder without a good result.
#[Object]
impl ScanFailure {
    /// Its global id.
    async fn id(&self) -> ID {
        id(self.0.id)
    }

    /// Below the library's path; bytes that are no UTF-8 show as `\xNN`.
    async fn path(&self) -> &str {
        &self.0.path_text
    }

    /// Which of the library's paths it is below.
    async fn library_path_id(&self) -> ID {
        id(self.0.library_path)
    }

    /// The file's id, if it was recorded before it failed.
    async fn file_id(&self) -> Option<ID> {
        self.0.file.map(id)
    }

    /// A stable name to switch on, such as `MEDIA_CORRUPT` or `SCAN_FILE_BUSY`.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// What is wrong, for people.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// What kind of trouble it is.
    async fn kind(&self) -> ScanFailureKind {
        if self.0.is_passing() {
            ScanFailureKind::Passing
        } else {
            ScanFailureKind::File
        }
    }

    /// When it was first seen.
    async fn first_at(&self) -> DateTime {
        DateTime(self.0.first_at)
    }

    /// When it was last tried.
    async fn last_at(&self) -> DateTime {
        DateTime(self.0.last_at)
    }
}

async fn failures_of(
    kernel: &Kernel,
    library: LibraryId,
    args: PageArgs,
    cap: usize,
) -> Result<Connection<ScanFailure>, Failure> {
    // The oldest first: ids grow with time, so the index of the library is the order's.
    let table = Alias::new("scan_failure");
    let keyset = Keyset {
        keys: Vec::new(),
        id: Expr::col((table.clone(), Alias::new("id"))),
        is_descending: false,
        signature: "scan_failures".to_owned(),
    };
    let window = args.window(&keyset, cap)?;
    let of_library = Expr::col((table.clone(), Alias::new("library_id"))).eq(library.0);
    let base = |_| Query::select().from(table.clone()).and_where(of_library.clone()).take();
    let db = kernel.store.reader();
    let page = keyset
        .fetch(db, &keyset.select(&base, &window, None), &window, false)
        .await?;
    let ids: Vec<ScanFailureId> = page.rows.iter().map(|row| ScanFailureId(row.id)).collect();
    let rows = failures::by_ids(db, &ids).await?;
    let rows: HashMap<i64, failures::FailureRow> = rows.into_iter().map(|row| (row.id.0, row)).collect();
    let store = kernel.store.clone();
    let total = Total::later(move || {
        let store = store.clone();
        async move { Ok(failures::count(store.reader(), library, &[]).await?.0 as i64) }
    });
    Ok(Connection::new(page, total, |id| {
        rows.get(&id).cloned().map(ScanFailure)
    }))
}
