//! A fresh database with its handles, and runners on it that a test starts and stops.

use std::{path::PathBuf, sync::Arc, time::Duration};

use entities::{id::JobId, job::JobStatus};
use kernel::{
    bus::LocalBus,
    clock::Clock,
    events::Events,
    jobs::{JobSettings, JobTable, JobView, Jobs},
    plugin::Kernel,
    store::{Durability, Store, StoreConfig},
};
use migration::Migrator;
use sea_orm::{ConnectionTrait, Database, DbErr, Statement, Value};
use sea_orm_migration::MigratorTrait;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::lab::Lab;

/// Runs each test on both databases; PostgreSQL where `VITAGRAPH_TEST_POSTGRES` names a server.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident: World) $body:block)+) => {
        $(
            mod $name {
                #[allow(unused_imports, reason = "not every test needs all of its module's names")]
                use super::*;

                async fn check($world: crate::world::World) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    crate::world::World::on_sqlite(check).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    crate::world::World::on_postgres(check).await;
                }
            }
        )+
    };
}
pub(crate) use on_both;

/// No wait of a test is longer.
pub const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone)]
pub struct World {
    pub store: Store,
    pub clock: Clock,
    pub bus: Arc<LocalBus>,
    pub jobs: Jobs,
    pub lab: Arc<Lab>,
    url: String,
    dir: PathBuf,
}

/// A runner of its own `Jobs`, as another process would have.
pub struct Node {
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

impl Node {
    pub async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("the runner stops")
            .expect("the runner does not panic");
    }

    /// As `kill -9` would: nothing is handed back.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

impl World {
    pub async fn on_sqlite<F: Future<Output = ()>>(check: impl FnOnce(World) -> F) {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreConfig::embedded(dir.path()).url;
        check(Self::open(url, dir.path().to_owned()).await).await;
    }

    pub async fn on_postgres<F: Future<Output = ()>>(check: impl FnOnce(World) -> F) {
        let Ok(server) = std::env::var("VITAGRAPH_TEST_POSTGRES") else {
            eprintln!("skipped: VITAGRAPH_TEST_POSTGRES names no server");
            return;
        };
        let admin = Database::connect(&server).await.unwrap();
        let name = format!("jobs_test_{}", JobId::new().0);
        admin
            .execute_unprepared(&format!("create database {name}"))
            .await
            .unwrap();
        let (base, _) = server.rsplit_once('/').expect("a URL with a database");
        let dir = tempfile::tempdir().unwrap();
        let world = Self::open(format!("{base}/{name}"), dir.path().to_owned()).await;
        check(world).await;
        admin
            .execute_unprepared(&format!("drop database {name} with (force)"))
            .await
            .unwrap();
    }

    async fn open(url: String, dir: PathBuf) -> Self {
        let clock = Clock::default();
        let store = Store::open(&StoreConfig::new(url.clone()), clock.clone(), Events::default())
            .await
            .unwrap();
        Migrator::up(store.migrator(), None).await.unwrap();
        let bus = Arc::new(LocalBus::default());
        let jobs = Jobs::new(store.clone(), bus.clone(), JobSettings::for_tests());
        Self {
            store,
            clock,
            bus,
            jobs,
            lab: Arc::default(),
            url,
            dir,
        }
    }

    pub fn table(&self) -> JobTable {
        let mut table = JobTable::default();
        self.lab.fill(&mut table);
        table
    }

    /// Runs jobs on the world's own handle.
    pub async fn run(&self) -> Node {
        self.run_on(self.jobs.clone(), self.table()).await
    }

    /// Another process: it shares the rows, and no memory but the lab.
    pub async fn elsewhere(&self, settings: JobSettings) -> Jobs {
        let config = StoreConfig::new(self.url.clone());
        let store = Store::open(&config, self.clock.clone(), Events::default())
            .await
            .unwrap();
        Jobs::new(store, Arc::new(LocalBus::default()), settings)
    }

    pub async fn run_on(&self, jobs: Jobs, table: JobTable) -> Node {
        let stop = CancellationToken::new();
        let kernel = self.kernel(&jobs).await;
        let task = jobs.run(table, kernel, stop.clone());
        Node { stop, task }
    }

    async fn kernel(&self, jobs: &Jobs) -> Kernel {
        let (events, metrics) = Default::default();
        let signer = kernel::signing::Signer::open(&self.store).await.unwrap();
        Kernel {
            store: self.store.clone(),
            clock: self.clock.clone(),
            events,
            jobs: jobs.clone(),
            caches: Default::default(),
            metrics,
            signer,
            parts: Default::default(),
            data_dir: Arc::new(self.dir.clone()),
        }
    }

    pub async fn drain(&self) {
        tokio::time::timeout(PATIENCE, self.jobs.drain())
            .await
            .expect("the queue drains")
            .unwrap();
    }

    pub async fn view(&self, id: JobId) -> JobView {
        self.jobs.get(id).await.unwrap().expect("the job exists")
    }

    pub async fn status(&self, id: JobId) -> JobStatus {
        self.view(id).await.status
    }

    pub async fn until_status(&self, id: JobId, status: JobStatus) -> JobView {
        self.until(&format!("{id} is {status:?}"), async || {
            let view = self.view(id).await;
            (view.status == status).then_some(view)
        })
        .await
    }

    /// Looks until there is an answer.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(found) = look().await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, looking)
            .await
            .unwrap_or_else(|_| panic!("waited in vain until {what}"))
    }

    /// The first number of the first row.
    pub async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.store.backend(), sql);
        let row = self
            .store
            .reader()
            .query_one_raw(statement)
            .await
            .unwrap()
            .expect("a row");
        row.try_get_by_index::<i64>(0).unwrap()
    }

    pub async fn execute(&self, sql: &str, values: Vec<Value>) {
        self.try_execute(sql, values).await.unwrap();
    }

    pub async fn try_execute(&self, sql: &str, values: Vec<Value>) -> Result<(), DbErr> {
        let tx = self.store.begin(Durability::Normal).await?;
        tx.execute_raw(Statement::from_sql_and_values(self.store.backend(), sql, values))
            .await?;
        tx.commit().await
    }
}
