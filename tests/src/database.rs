//! A fresh database for each test: a SQLite file, or a database of the PostgreSQL server in `VITAGRAPH_TEST_POSTGRES`.

use std::{cell::RefCell, time::Duration};

use anyhow::Context;
use sea_orm::{ConnectOptions, ConnectionTrait, Database};

/// Breaks all connections to a PostgreSQL database but the one that asks, and says how many.
pub const BREAK_OTHERS: &str = "select count(*) filter (where pg_terminate_backend(pid)) from pg_stat_activity \
    where datname = current_database() and pid <> pg_backend_pid()";

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The embedded default.
    Sqlite,
    /// PostgreSQL, when a server is given.
    Postgres,
}

impl Backend {
    /// Whether tests can run on it here; says so when they cannot.
    pub fn is_available(self) -> bool {
        let available = self == Self::Sqlite || postgres().is_some();
        if !available {
            eprintln!("skipped on PostgreSQL: VITAGRAPH_TEST_POSTGRES names no server; `make test` starts one");
        }
        available
    }

    /// Makes an empty database and returns its URL; none on SQLite, where it lies in the data directory.
    pub async fn create(self) -> anyhow::Result<Option<String>> {
        if self == Self::Sqlite {
            return Ok(None);
        }
        let admin = postgres().context("VITAGRAPH_TEST_POSTGRES is not set")?;
        let name = format!("test_{}_{}", std::process::id(), entities::id::NodeId::new().0);
        let mut options = ConnectOptions::new(&admin);
        options.max_connections(1).sqlx_logging(false);
        let connection = Database::connect(options).await?;
        connection
            .execute_unprepared(&format!("create database {name}"))
            .await?;
        connection.close().await?;
        MADE.with_borrow_mut(|made| made.push(name.clone()));
        let (server, _) = admin.rsplit_once('/').context("the URL names no database")?;
        Ok(Some(format!("{server}/{name}")))
    }
}

thread_local! {
    /// The databases of the test that runs on this thread.
    static MADE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Removes the databases of the test that ends on this thread, and with them the connections to them.
///
/// # Errors
/// When the database server refuses.
pub async fn clear() -> anyhow::Result<()> {
    let made = MADE.take();
    let Some(admin) = postgres().filter(|_| !made.is_empty()) else {
        return Ok(());
    };
    let mut options = ConnectOptions::new(&admin);
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options).await?;
    for name in made {
        connection
            .execute_unprepared(&format!("drop database if exists {name} with (force)"))
            .await?;
    }
    Ok(connection.close().await?)
}

fn postgres() -> Option<String> {
    std::env::var("VITAGRAPH_TEST_POSTGRES")
        .ok()
        .filter(|url| !url.is_empty())
}

/// How long what a test leaves running may take to end.
const AFTERWARDS: Duration = Duration::from_secs(20);

/// Runs a test to its end. It is given up after `VITAGRAPH_TEST_MINUTES`, 15 unless that says otherwise, and what it leaves
/// running soon after its end: one that hangs says so, and holds up no other.
pub fn run(test: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let minutes = std::env::var("VITAGRAPH_TEST_MINUTES").map_or(Ok(15), |text| text.parse::<u64>())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60 * minutes), test).await });
    runtime.shutdown_timeout(AFTERWARDS);
    ended.with_context(|| format!("it did not end within {minutes} minutes"))?
}

/// Writes each test twice, as `sqlite::name` and `postgres::name`; the test gets the [`Backend`].
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($backend:ident: Backend) $body:block)+) => {
        $($(#[$meta])* async fn $name($backend: $crate::database::Backend) -> anyhow::Result<()> {
            $body
            #[allow(unreachable_code, reason = "a body may end by `return`")]
            Ok(())
        })+

        mod sqlite {
            $(#[test]
            fn $name() -> anyhow::Result<()> {
                $crate::database::run(super::$name($crate::database::Backend::Sqlite))
            })+
        }

        mod postgres {
            $(#[test]
            fn $name() -> anyhow::Result<()> {
                if !$crate::database::Backend::Postgres.is_available() {
                    return Ok(());
                }
                $crate::database::run(async {
                    let ended = super::$name($crate::database::Backend::Postgres).await;
                    $crate::database::clear().await?;
                    ended
                })
            })+
        }
    };
}
