//! What the database is held to: statements end in time, a database that went away comes back by itself, and a server
//! that ended lets go of it.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use kernel::{
    clock::Clock,
    error::{Failure, code},
    events::Events,
    store::{Durability, Store, StoreConfig},
};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use server::{compose::Server, settings::Settings};
use tempfile::TempDir;
use tests::{
    database::{BREAK_OTHERS, Backend},
    on_both,
};

/// Ends never.
const ENDLESS: &str = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) as n from c";

/// A store on an empty database, with a short limit for statements.
struct Limited {
    store: Store,
    config: StoreConfig,
    _folder: TempDir,
}

impl Limited {
    async fn open(backend: Backend) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut config = match backend.create().await? {
            Some(url) => StoreConfig::new(url),
            None => StoreConfig::embedded(folder.path()),
        };
        config.statement_timeout = Duration::from_millis(300);
        config.trusted_idle = Duration::ZERO;
        let store = Store::open(&config, Clock::default(), Events::default()).await?;
        Ok(Self {
            store,
            config,
            _folder: folder,
        })
    }

    /// The code of the failure that an endless statement ends in. It must end.
    async fn code_of_endless<C: ConnectionTrait>(db: &C) -> anyhow::Result<&'static str> {
        let statement = Statement::from_string(db.get_database_backend(), ENDLESS);
        let ended = tokio::time::timeout(Duration::from_secs(60), db.query_one_raw(statement)).await;
        let error = ended
            .context("the statement did not end")?
            .err()
            .context("the statement succeeded")?;
        Ok(Failure::from(error).code.name)
    }
}

async fn number<C: ConnectionTrait>(db: &C, sql: &str) -> anyhow::Result<i64> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(statement).await?.context("a row")?;
    Ok(row.try_get_by_index(0)?)
}

/// Reads on many connections at once.
async fn read_at_once(db: &DatabaseConnection, n: usize) -> anyhow::Result<()> {
    let one = || async { number(db, "select cast(1 as bigint)").await };
    let read = futures_util::future::try_join_all((0..n).map(|_| one())).await?;
    ensure!(read.iter().all(|one| *one == 1));
    Ok(())
}

on_both! {
    async fn a_reader_that_runs_too_long_is_stopped(backend: Backend) {
        let limited = Limited::open(backend).await?;
        let db = limited.store.reader();
        // At once, so that most of them run on connections that were just opened; then on used ones.
        for n_at_once in [4, 1] {
            let endless = (0..n_at_once).map(|_| Limited::code_of_endless(db));
            let codes = futures_util::future::try_join_all(endless).await?;
            ensure!(codes.iter().all(|found| *found == code::TIMEOUT.name), "{codes:?}");
            read_at_once(db, 6).await?;
        }
    }

    async fn a_writer_that_runs_too_long_is_stopped_and_the_next_one_writes(backend: Backend) {
        let limited = Limited::open(backend).await?;
        let store = &limited.store;
        store.migrator().execute_unprepared("create table kept (n bigint not null)").await?;
        if backend == Backend::Sqlite {
            // Temporary tables live as long as their connection.
            store.migrator().execute_unprepared("create temp table mark (n int)").await?;
        }
        let tx = store.begin(Durability::Full).await?;
        tx.execute_unprepared("insert into kept values (1)").await?;
        ensure!(Limited::code_of_endless(&*tx).await? == code::TIMEOUT.name);
        drop(tx);
        // A statement that writes takes its transaction with it.
        let tx = store.begin(Durability::Full).await?;
        tx.execute_unprepared("insert into kept values (2)").await?;
        let endless = ENDLESS.replacen("select count(*) as n from c", "insert into kept select x from c", 1);
        let endless = if backend == Backend::Postgres { format!("{endless} where x < 0") } else { endless };
        let ended = tokio::time::timeout(Duration::from_secs(60), tx.execute_unprepared(&endless)).await?;
        let failure = Failure::from(ended.err().context("the statement succeeded")?);
        ensure!(failure.code.name == code::TIMEOUT.name, "{failure:?}");
        ensure!(tx.commit().await.is_err() || backend == Backend::Postgres, "a broken transaction was committed");
        let tx = store.begin(Durability::Full).await?;
        if backend == Backend::Sqlite {
            let n_marks = number(&*tx, "select count(*) from sqlite_temp_master").await?;
            ensure!(n_marks == 0, "the connection whose transaction broke is used again");
        }
        tx.execute_unprepared("insert into kept values (3)").await?;
        tx.commit().await?;
        let sum = number(store.reader(), "select cast(sum(n) as bigint) from kept").await?;
        ensure!(sum == 3, "what was broken off left something behind: {sum}");
    }

    async fn a_server_that_ended_holds_nothing_any_more(backend: Backend) {
        struct Probe;
        let folder = tempfile::tempdir()?;
        let mut settings = Settings::new(folder.path().join("data"));
        settings.database = backend.create().await?;
        let server = Server::boot(settings).await?;
        let probe = Arc::new(Probe);
        let held = Arc::downgrade(&probe);
        server.kernel.parts.insert(probe);
        server.shutdown().await?;
        // Tasks that were told to end may need a moment.
        for _ in 0..100 {
            if held.upgrade().is_none() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("somebody still holds the kernel");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_postgres_cut_are_opened_again() -> anyhow::Result<()> {
    if !Backend::Postgres.is_available() {
        return Ok(());
    }
    let limited = Limited::open(Backend::Postgres).await?;
    let store = &limited.store;
    read_at_once(store.reader(), 4).await?;
    let other = Store::open(&limited.config, Clock::default(), Events::default()).await?;
    let n_cut = number(other.reader(), BREAK_OTHERS).await?;
    ensure!(n_cut >= 1, "no connection was there to be cut");
    read_at_once(store.reader(), 8).await?;
    let tx = store.begin(Durability::Full).await?;
    tx.execute_unprepared("create table after_the_cut (n int)").await?;
    tx.commit().await?;
    other.close().await?;
    Ok(())
}

#[tokio::test]
async fn sessions_of_postgres_compile_nothing_and_read_ahead() -> anyhow::Result<()> {
    if !Backend::Postgres.is_available() {
        return Ok(());
    }
    let limited = Limited::open(Backend::Postgres).await?;
    let text = "select count(*) from pg_settings where (name, setting) in (('jit', 'off'), ('effective_io_concurrency', '32'))";
    let n_set = number(limited.store.reader(), text).await?;
    ensure!(n_set == 2, "{n_set} of 2 settings are as they should be");
    Ok(())
}
