//! The scan plugin: brings a library's rows in line with its folders and never deletes one.
//!
//! `walk` sees, `compare` and `matching` recognize, `plan` decides, `look` reads bytes, `record` and `apply` write.

pub mod apply;
pub mod code;
pub mod compare;
pub mod describe;
pub mod duplicates;
pub mod edges;
pub mod facts;
pub mod failures;
pub mod folders;
mod galleries;
pub mod graphql;
pub mod ignore_rules;
pub mod items;
pub mod jobs;
pub mod known;
pub mod look;
pub mod matching;
pub mod migrations;
pub mod nfo;
pub mod package;
pub mod plan;
pub mod record;
pub mod report;
pub mod request;
pub mod schedule;
pub mod scope;
pub mod sidecar;
pub mod sql;
pub mod stage;
pub mod subtitles;
pub mod title;
pub mod walk;
pub mod watch;

use std::{sync::Arc, time::Duration};

use entities::id::{JobId, LibraryId};
use kernel::{
    error::{Code, Failure},
    events::FilesAdded,
    jobs::{Enqueue, JobTable, Need, Priority},
    plugin::{Hooks, Kernel, Plugin, Service},
    store::Durability,
    telemetry::{Metric, MetricKind},
};
use schemars::JsonSchema;
use sea_orm::DbErr;
use sea_orm_migration::MigrationTrait;
use serde::Deserialize;

use crate::{
    jobs::{hash::HashLibrary, keyframes::FindKeyframes, library::ScanLibrary},
    report::ScanReport,
};

/// The `[scan]` section.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A file must rest for so long before it is read: a younger one may still be written to.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub settle_seconds: f64,
    /// Files at the media engine at a time; 0 means twice the number of processors.
    pub probes: usize,
    /// Watch the folders of libraries, and scan what has changed.
    pub watch: bool,
    /// A watched folder must be quiet for so long before it is scanned.
    #[schemars(range(min = 0.01, max = 3_600.0))]
    pub watch_settle_seconds: f64,
    /// How often paths are scanned whose changes cannot be heard of, such as shared mounts.
    #[schemars(range(min = 1))]
    pub watch_poll_minutes: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            settle_seconds: 10.0,
            probes: 0,
            watch: true,
            watch_settle_seconds: 2.0,
            watch_poll_minutes: 15,
        }
    }
}

/// The plugin.
pub struct Scan {
    config: Config,
    kernel: Kernel,
    /// How each library path is watched.
    pub modes: watch::Modes,
}

static FILES: Metric = Metric {
    name: "scan_files",
    help: "Files that scans dealt with, by result",
    kind: MetricKind::Counter,
};
static SECONDS: Metric = Metric {
    name: "scan_seconds",
    help: "How long scans took",
    kind: MetricKind::Seconds,
};

impl Plugin for Scan {
    type Config = Config;

    fn new(kernel: &Kernel, config: Config) -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            config,
            kernel: kernel.clone(),
            modes: watch::Modes::default(),
        }))
    }

    fn name(&self) -> &'static str {
        "scan"
    }

    fn description(&self) -> &'static str {
        "Finds the media files of libraries and keeps track of them."
    }

    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(migrations::m20261121_000001_scan::Migration),
            Box::new(migrations::m20261121_000002_schedule::Migration),
        ]
    }

    fn jobs(self: Arc<Self>, table: &mut JobTable) {
        table.add::<ScanLibrary>(&self);
        table.add::<HashLibrary>(&self);
        table.add::<FindKeyframes>(&self);
    }

    fn hooks(self: Arc<Self>, hooks: &mut Hooks) {
        hooks.on("scan.added", |kernel, fact: Arc<FilesAdded>| async move {
            let options = ScanOptions {
                folders: vec![fact.folder.display().to_string()],
                sees_news: true,
                ..ScanOptions::default()
            };
            start(&kernel, fact.library, &options).await?;
            Ok(())
        });
    }

    fn services(self: Arc<Self>) -> Vec<Service> {
        let ticking = self.kernel.clone();
        let clock = Service::new("scan.schedule", move |stop| schedule::run(ticking, stop));
        if !self.config.watch {
            return vec![clock];
        }
        let settings = watch::Settings {
            settle: Duration::from_secs_f64(self.config.watch_settle_seconds),
            poll: Duration::from_secs(u64::from(self.config.watch_poll_minutes) * 60),
        };
        let (kernel, modes) = (self.kernel.clone(), Arc::clone(&self.modes));
        let watch = Service::new("scan.watch", move |stop| watch::run(kernel, settings, modes, stop));
        vec![clock, watch]
    }

    fn metrics(&self) -> &'static [Metric] {
        static ALL: [Metric; 3] = [FILES, SECONDS, watch::WATCHERS];
        &ALL
    }

    fn codes(&self) -> &'static [&'static Code] {
        code::ALL
    }
}

impl Scan {
    fn n_probes(&self) -> usize {
        match self.config.probes {
            0 => std::thread::available_parallelism().map_or(4, |n| n.get() * 2),
            n => n,
        }
    }

    fn count(&self, kernel: &Kernel, report: &ScanReport, took: Duration) {
        let results = [
            ("new", report.new),
            ("changed", report.changed),
            ("moved", report.moved),
            ("missing", report.missing),
            ("restored", report.restored),
            ("unchanged", report.unchanged),
            ("failed", report.failed),
        ];
        for (result, n) in results {
            kernel.metrics.add(&FILES, &[("result", result)], n);
        }
        kernel.metrics.observe(&SECONDS, &[], took.as_secs_f64());
    }
}

/// How a library is scanned.
#[derive(Debug, Clone, Default)]
pub struct ScanOptions {
    /// Mark as missing whatever is missing, and try files again that failed for good.
    pub is_forced: bool,
    /// Only these folders and what is below them: relative to the library's paths, or absolute. None means all of it.
    pub folders: Vec<String>,
    /// See all that there is at this moment: a running scan of the same is not enough then, for it may have passed some of it.
    pub sees_news: bool,
}

/// Starts a scan of a library, or gives the live one that does what was asked for. One scan of a library runs at a time: the
/// others wait for it.
///
/// # Errors
/// `SCAN_LIBRARY_NOT_FOUND`, a folder is not the library's, or the database fails.
pub async fn start(kernel: &Kernel, library: LibraryId, options: &ScanOptions) -> Result<JobId, Failure> {
    let Some(known) = known::library(kernel.store.reader(), library).await? else {
        return Err(Failure::new(
            &code::LIBRARY_NOT_FOUND,
            format!("no library `{library}`"),
        ));
    };
    let within = scope::resolve(kernel, &known, &options.folders).await?;
    let tx = kernel.store.begin(Durability::Full).await?;
    if options.is_forced {
        request::force(&tx, library, kernel.clock.now_ms()).await?;
    }
    let live = request::live(&tx, library).await?;
    let is_same = |scan: &request::LiveScan| scan.job.within == within;
    let covers = |scan: &&request::LiveScan| match scan.has_begun {
        true => is_same(scan) && !options.sees_news,
        false => is_same(scan) || scan.job.within.is_empty(),
    };
    let job = match live.iter().find(covers) {
        Some(scan) => scan.id,
        None => {
            let need = |scan: &request::LiveScan| Need {
                job: scan.id,
                run_anyway: true,
            };
            let job = ScanLibrary {
                library,
                after: live.iter().find(|scan| is_same(scan)).map(|scan| scan.id),
                within,
                name: known.row.name,
            };
            let enqueue = Enqueue {
                priority: Priority::User,
                group_key: Some(library.to_string()),
                needs: live.iter().map(need).collect(),
                ..Enqueue::default()
            };
            let enqueued = kernel.jobs.enqueue(&tx, &job, enqueue).await;
            enqueued.map_err(Failure::internal)?.job
        }
    };
    tx.commit().await?;
    Ok(job)
}

/// What a scan did, once it has ended; none for a job that is no scan, or runs.
pub async fn report(kernel: &Kernel, job: JobId) -> Result<Option<ScanReport>, DbErr> {
    Ok(report::read(kernel.store.reader(), job)
        .await?
        .map(|(_, report)| report))
}
