//! A fresh database for each test: a SQLite file, or a database of the PostgreSQL server in `VITAGRAPH_TEST_POSTGRES`.

use std::cell::RefCell;

use anyhow::Context;
use sea_orm::{ConnectOptions, ConnectionTrait, Database};

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
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> anyhow::Result<()> {
                super::$name($crate::database::Backend::Sqlite).await
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> anyhow::Result<()> {
                if !$crate::database::Backend::Postgres.is_available() {
                    return Ok(());
                }
                let ended = super::$name($crate::database::Backend::Postgres).await;
                $crate::database::clear().await?;
                ended
            })+
        }
    };
}
