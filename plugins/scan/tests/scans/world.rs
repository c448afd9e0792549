//! A library in a temporary folder, a kernel with a running job runner, and a media engine.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use entities::id::{JobId, LibraryId, LibraryPathId};
use kernel::{
    jobs::{JobSettings, JobTable, JobView, Jobs},
    plugin::{Kernel, Plugin},
    store::{Durability, Store, StoreConfig},
};
use media_engine::{
    engine::{Engine, EngineConfig},
    quarantine::NoQuarantine,
};
use media_proto::synthetic::Synthetic;
use plugin_scan::{Config, Scan, ScanOptions, report::ScanReport};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DbErr, QueryResult, Statement};
use sea_orm_migration::{MigratorTrait, SchemaManager};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than any step of a test takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

pub struct World {
    pub kernel: Kernel,
    pub engine: Arc<Engine>,
    pub library: LibraryId,
    /// The library's folder.
    pub root: PathBuf,
    stop: CancellationToken,
    runner: Option<JoinHandle<()>>,
    scan: Arc<Scan>,
    _dir: tempfile::TempDir,
}

/// Writes each test twice.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident: World) $body:block)+) => {
        $($(#[$meta])* async fn $name(#[allow(unused_mut, reason = "not every test cuts it off")] mut $world: World) -> anyhow::Result<()> {
            $body
            $world.end().await
        })+

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> anyhow::Result<()> {
                let Some(world) = super::World::open(super::Backend::Sqlite).await? else { return Ok(()) };
                super::$name(world).await
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> anyhow::Result<()> {
                let Some(world) = super::World::open(super::Backend::Postgres).await? else { return Ok(()) };
                super::$name(world).await
            })+
        }
    };
}
pub(crate) use on_both;

impl World {
    /// None where the database or the worker is not there; says which.
    pub async fn open(backend: Backend) -> anyhow::Result<Option<Self>> {
        Self::open_with(
            backend,
            Config {
                settle_seconds: 0.0,
                ..Config::default()
            },
        )
        .await
    }

    /// Like [`open`](Self::open), with other settings.
    pub async fn open_with(backend: Backend, settings: Config) -> anyhow::Result<Option<Self>> {
        let dir = tempfile::tempdir()?;
        let url = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => match postgres().await? {
                Some(url) => Some(url),
                None => {
                    println!("skipped on PostgreSQL: VITAGRAPH_TEST_POSTGRES names no server");
                    return Ok(None);
                }
            },
        };
        let config = url.map_or_else(|| StoreConfig::embedded(dir.path()), StoreConfig::new);
        let (clock, events) = (kernel::clock::Clock::default(), kernel::events::Events::default());
        let store = Store::open(&config, clock.clone(), events.clone()).await?;
        migration::Migrator::up(store.migrator(), None).await?;
        let scan_manager = SchemaManager::new(store.migrator());
        let bus = Arc::new(kernel::bus::LocalBus::default());
        let jobs = Jobs::new(
            store.clone(),
            bus,
            JobSettings {
                owns_database: true,
                ..JobSettings::for_tests()
            },
        );
        let kernel = Kernel {
            signer: kernel::signing::Signer::open(&store).await?,
            store: store.clone(),
            clock,
            events,
            jobs,
            caches: Default::default(),
            metrics: Default::default(),
            parts: Default::default(),
            data_dir: Arc::new(dir.path().to_owned()),
        };
        let scan = Scan::new(&kernel, settings)?;
        for migration in scan.migrations() {
            migration.up(&scan_manager).await?;
        }
        kernel.metrics.declare(scan.metrics());
        let Some(engine) = engine().await? else { return Ok(None) };
        kernel.parts.insert(Arc::clone(&engine));
        let root = dir.path().join("library");
        std::fs::create_dir(&root)?;
        let mut world = Self {
            kernel,
            engine,
            library: LibraryId::new(),
            root,
            stop: CancellationToken::new(),
            runner: None,
            scan: Arc::clone(&scan),
            _dir: dir,
        };
        world.run();
        let now = world.kernel.clock.now_ms();
        let library = world.library.0;
        world
            .change(&format!(
                "insert into library (id, name, kind, is_online, include_hidden, n_media, total_size, total_duration_us, \
                 created_at, updated_at) values ({library}, 'Test', 0, true, false, 0, 0, 0, {now}, {now})"
            ))
            .await?;
        let path = world.root.display().to_string();
        world
            .change(&format!(
                "insert into library_path (id, library_id, path, position) values ({}, {library}, '{path}', 0)",
                LibraryPathId::new().0
            ))
            .await?;
        Ok(Some(world))
    }

    /// Starts the runner of jobs.
    pub fn run(&mut self) {
        let mut table = JobTable::default();
        Arc::clone(&self.scan).jobs(&mut table);
        self.runner = Some(self.kernel.jobs.run(table, self.kernel.clone(), self.stop.clone()));
    }

    /// Stops the runner in the middle of whatever it does, saving nothing.
    pub async fn cut_off(&mut self) {
        if let Some(runner) = self.runner.take() {
            runner.abort();
            let _ = runner.await;
        }
    }

    /// Stops everything, after checking what must hold after every test.
    pub async fn end(mut self) -> anyhow::Result<()> {
        self.check_totals().await?;
        self.stop.cancel();
        if let Some(runner) = self.runner.take() {
            runner.await?;
        }
        self.engine.stop().await;
        Ok(())
    }

    /// Scans to the end and gives the report.
    pub async fn scan(&self) -> anyhow::Result<ScanReport> {
        let job = self.job(false).await?;
        anyhow::ensure!(job.error.is_none(), "the scan failed: {:?}", job.error);
        self.report(job.id).await
    }

    /// Scans to the end, whatever that is.
    pub async fn job(&self, is_forced: bool) -> anyhow::Result<JobView> {
        let options = ScanOptions {
            is_forced,
            ..ScanOptions::default()
        };
        let job = plugin_scan::start(&self.kernel, self.library, &options).await?;
        tokio::time::timeout(PATIENCE, self.kernel.jobs.drain())
            .await
            .context("the jobs did not end")??;
        self.kernel.jobs.get(job).await?.context("the job is gone")
    }

    pub async fn report(&self, job: JobId) -> anyhow::Result<ScanReport> {
        plugin_scan::report(&self.kernel, job).await?.context("no report")
    }

    /// Makes media below the library.
    pub async fn media(&self, path: &str, spec: Synthetic) -> anyhow::Result<()> {
        let mut file = self.engine.synthesize(spec).await?;
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut bytes)?;
        self.write(path, &bytes)
    }

    pub fn write(&self, path: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        Ok(std::fs::write(path, bytes)?)
    }

    pub fn read(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        Ok(std::fs::read(self.root.join(path))?)
    }

    pub fn rename(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let to = self.root.join(to);
        std::fs::create_dir_all(to.parent().unwrap_or(Path::new("/")))?;
        Ok(std::fs::rename(self.root.join(from), to)?)
    }

    pub async fn rows(&self, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
        let db = self.kernel.store.reader();
        db.query_all_raw(Statement::from_string(db.get_database_backend(), sql))
            .await
    }

    /// Rows of texts and numbers, as one text each.
    pub async fn texts(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        let text = |row: &QueryResult| -> anyhow::Result<String> {
            let mut line = Vec::new();
            for index in 0..row.column_names().len() {
                let text = row
                    .try_get_by_index::<Option<String>>(index)
                    .or_else(|_| {
                        row.try_get_by_index::<Option<i64>>(index)
                            .map(|n| n.map(|n| n.to_string()))
                    })
                    .or_else(|_| {
                        row.try_get_by_index::<Option<i32>>(index)
                            .map(|n| n.map(|n| n.to_string()))
                    })?;
                line.push(text.unwrap_or_else(|| "-".to_owned()));
            }
            Ok(line.join(" | "))
        };
        self.rows(sql).await?.iter().map(text).collect()
    }

    pub async fn change(&self, sql: &str) -> anyhow::Result<()> {
        let tx = self.kernel.store.begin(Durability::Normal).await?;
        tx.execute_unprepared(sql).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The counters that are kept along must equal what they count.
    pub async fn check_totals(&self) -> anyhow::Result<()> {
        let kept = self
            .texts("select n_media, total_size, total_duration_us from library")
            .await?;
        let counted = self
            .texts(
                "select (select count(*) from media where n_files > 0), \
                 (select cast(coalesce(sum(size), 0) as bigint) from file where status = 0), \
                 (select cast(coalesce(sum(duration_us), 0) as bigint) from media where n_files > 0)",
            )
            .await?;
        assert_eq!(kept, counted, "totals of the library");
        let wrong = "select id from media where n_files <> (select count(*) from file where media_id = media.id and status = 0) \
            or (missing_at is null) <> (n_files > 0)";
        assert_eq!(
            self.texts(wrong).await?,
            Vec::<String>::new(),
            "items with a wrong number of files"
        );
        for (table, edge) in [("person", "media_person"), ("tag", "media_tag")] {
            let wrong = format!(
                "select name from {table} where n_media <> (select count(*) from {edge} join media on media.id = media_id \
                 where {table}_id = {table}.id and missing_at is null)"
            );
            assert_eq!(self.texts(&wrong).await?, Vec::<String>::new(), "counters of {table}");
        }
        let wrong = "select name from studio where n_media <> \
            (select count(*) from media where studio_id = studio.id and missing_at is null)";
        assert_eq!(self.texts(wrong).await?, Vec::<String>::new(), "counters of studios");
        Ok(())
    }
}

async fn postgres() -> anyhow::Result<Option<String>> {
    let Some(admin) = std::env::var("VITAGRAPH_TEST_POSTGRES")
        .ok()
        .filter(|url| !url.is_empty())
    else {
        return Ok(None);
    };
    let name = format!("scan_{}_{}", std::process::id(), LibraryId::new().0);
    let mut options = ConnectOptions::new(&admin);
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options).await?;
    connection
        .execute_unprepared(&format!("create database {name}"))
        .await?;
    connection.close().await?;
    let (server, _) = admin.rsplit_once('/').context("the URL names no database")?;
    Ok(Some(format!("{server}/{name}")))
}

async fn engine() -> anyhow::Result<Option<Arc<Engine>>> {
    let exe = std::env::current_exe()?;
    let beside = exe
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("vitagraph-media"))
        .find(|path| path.exists());
    let Some(binary) = beside else {
        println!("skipped: build the worker first (`cargo build -p media-worker`)");
        return Ok(None);
    };
    let config = EngineConfig {
        worker_binary: Some(binary),
        faults: true,
        ..EngineConfig::default()
    };
    Ok(Some(Engine::start(config, Arc::new(NoQuarantine)).await?))
}
