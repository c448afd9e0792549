//! How connections are opened, how long a statement may run on them, and when one is thrown away.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{
        self, Connection, Executor, Postgres, Sqlite, SqliteConnection, pool::PoolOptions, sqlite::SqliteConnectOptions,
    },
};

use super::StoreConfig;

/// How many of its small steps SQLite does between two looks at the time: about a millisecond's worth.
const STEPS: i32 = 20_000;

/// What a session of PostgreSQL begins with. To compile a statement takes longer than most of ours run. What a bitmap finds is
/// read ahead: from a cold disk a tenth of the time; a server whose system cannot read ahead goes without.
const SESSION: &str = "set jit = off;
    do $$ begin set effective_io_concurrency = 32; exception when others then null; end $$";

/// Opens PostgreSQL, which has one pool for everything.
pub(super) async fn postgres(config: &StoreConfig) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(&config.url);
    options
        .max_connections(config.connections.max(4))
        .sqlx_logging(false)
        // A server that was restarted has forgotten its old connections; they are found out before they are used.
        .test_before_acquire_if_idle_for(config.trusted_idle)
        .acquire_timeout(Duration::from_secs(10))
        .statement_timeout(config.statement_timeout);
    options.set_application_name("vitagraph");
    options.map_sqlx_postgres_pool_opts(|pool: PoolOptions<Postgres>| {
        pool.after_connect(|connection, _| Box::pin(async { connection.execute(SESSION).await.map(drop) }))
    });
    Database::connect(options).await
}

/// Opens SQLite's one writer. It creates the file and switches it to WAL, which readers cannot.
pub(super) async fn sqlite_writer(config: &StoreConfig, watch: &WriterWatch) -> Result<DatabaseConnection, DbErr> {
    let mut options = sqlite(config);
    options.max_connections(1);
    options.map_sqlx_sqlite_opts(|options| {
        let options = common(options, 65_536).create_if_missing(true);
        options
            .pragma("journal_mode", "wal")
            .pragma("synchronous", "normal")
            .pragma("journal_size_limit", "67108864")
            // The log is folded into the file each 4,000 pages, by whoever commits then: as many as the index of the log finds in one
            // step. Less often, readers look in several places; more often, the same pages are written again and again.
            .pragma("wal_autocheckpoint", "4000")
    });
    let (watch, limit) = (watch.clone(), config.statement_timeout);
    options.map_sqlx_sqlite_pool_opts(move |pool: PoolOptions<Sqlite>| {
        let watch = watch.clone();
        pool.after_connect(move |connection, _| {
            let watch = watch.clone();
            Box::pin(async move {
                let goes_on = move || !watch.is_over(limit);
                connection.lock_handle().await?.set_progress_handler(STEPS, goes_on);
                Ok(())
            })
        })
        .after_release(|connection, _| Box::pin(is_at_rest(connection)))
    });
    Database::connect(options).await
}

/// Opens SQLite's readers, which cannot write.
pub(super) async fn sqlite_readers(config: &StoreConfig) -> Result<DatabaseConnection, DbErr> {
    let mut options = sqlite(config);
    options.max_connections(config.connections);
    options.map_sqlx_sqlite_opts(|options| common(options, 16_384).pragma("query_only", "on"));
    let limit = config.statement_timeout;
    options.map_sqlx_sqlite_pool_opts(move |pool: PoolOptions<Sqlite>| {
        // The pool asks `before_acquire` of a connection that was used before, and of a new one `after_connect` alone.
        pool.after_connect(move |connection, _| Box::pin(limit_statement(connection, limit)))
            .before_acquire(move |connection, _| {
                Box::pin(async move { limit_statement(connection, limit).await.map(|()| true) })
            })
    });
    Database::connect(options).await
}

/// Where SQLite keeps the log of a database.
pub(super) fn log_of(config: &StoreConfig) -> Result<PathBuf, DbErr> {
    let options: SqliteConnectOptions = config
        .url
        .parse()
        .map_err(|error: sqlx::Error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))?;
    let mut path = options.get_filename().as_os_str().to_owned();
    path.push("-wal");
    Ok(path.into())
}

fn sqlite(config: &StoreConfig) -> ConnectOptions {
    let mut options = ConnectOptions::new(&config.url);
    options
        .sqlx_logging(false)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(10))
        // One connection stays open at least, so that the page cache and the WAL index stay warm.
        .min_connections(1)
        .idle_timeout(Some(Duration::from_secs(600)));
    options
}

fn common(options: SqliteConnectOptions, cache_kib: u32) -> SqliteConnectOptions {
    options
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .statement_cache_capacity(256)
        // Rows come over a channel: with room for a whole page the two threads wait for each other once.
        .row_buffer_size(1024)
        .pragma("temp_store", "memory")
        // Nothing is mapped: each commit makes SQLite unmap the file in every reader, whose next page then takes a fault for
        // each place it looks at, 2.4 times as long as reading does. A disk that fails is an error, too, and not a signal.
        .pragma("mmap_size", "0")
        .pragma("cache_size", format!("-{cache_kib}"))
}

/// Interrupts what runs too long on a reader. A reader is acquired for one statement, so its time begins now.
async fn limit_statement(connection: &mut SqliteConnection, limit: Duration) -> Result<(), sqlx::Error> {
    let begun = Instant::now();
    let goes_on = move || begun.elapsed() < limit;
    connection.lock_handle().await?.set_progress_handler(STEPS, goes_on);
    Ok(())
}

/// Whether a released writer may be used again. SQLite ends a transaction by itself when a statement in it is
/// interrupted, or when the disk is full; the rollback that follows then fails, and the driver counts that transaction
/// as open for good.
async fn is_at_rest(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // The rollback of a dropped transaction is before this in the connection's queue.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// Since when the writer has been busy with one statement.
///
/// A transaction's first statement counts from its beginning, each later one from the end of the one before. So time in
/// which a transaction does nothing counts too: it keeps all other writers waiting just the same.
#[derive(Debug, Clone)]
pub(super) struct WriterWatch {
    origin: Instant,
    /// Microseconds after `origin`; [`AT_REST`] outside transactions, where migrations take as long as they need.
    since_us: Arc<AtomicU64>,
    /// Whether a statement of the transaction has failed.
    has_failed: Arc<AtomicBool>,
}

const AT_REST: u64 = u64::MAX;

impl Default for WriterWatch {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            since_us: Arc::new(AtomicU64::new(AT_REST)),
            has_failed: Arc::default(),
        }
    }
}

impl WriterWatch {
    /// A transaction begins.
    pub fn begin(&self) {
        self.since_us.store(self.now_us(), Ordering::Relaxed);
    }

    /// A statement has ended.
    pub fn ended(&self, failed: bool) {
        self.restart();
        if failed {
            self.fail();
        }
    }

    /// A statement has failed.
    pub fn fail(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// Whether a statement of the transaction has failed: SQLite may have ended it by itself.
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// The next statement counts from now.
    pub fn restart(&self) {
        if self.since_us.load(Ordering::Relaxed) != AT_REST {
            self.begin();
        }
    }

    /// The transaction has ended.
    pub fn end(&self) {
        self.since_us.store(AT_REST, Ordering::Relaxed);
        self.has_failed.store(false, Ordering::Relaxed);
    }

    fn is_over(&self, limit: Duration) -> bool {
        let since = self.since_us.load(Ordering::Relaxed);
        since != AT_REST && u128::from(self.now_us().saturating_sub(since)) >= limit.as_micros()
    }

    fn now_us(&self) -> u64 {
        self.origin.elapsed().as_micros() as u64
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Statement};

    use crate::{
        clock::Clock,
        events::Events,
        store::{Store, StoreConfig},
    };

    /// They are set where the whole workspace is built, and nothing fails without them but the speed.
    #[tokio::test]
    async fn sqlite_was_built_with_our_options() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = StoreConfig::embedded(folder.path());
        let store = Store::open(&config, Clock::default(), Events::default())
            .await
            .expect("a store");
        let select = Statement::from_string(store.backend(), "pragma compile_options");
        let rows = store.reader().query_all_raw(select).await.expect("options");
        let options: Vec<String> = rows
            .iter()
            .map(|row| row.try_get_by_index(0).expect("an option"))
            .collect();
        for option in [
            "ENABLE_QPSG",
            "DEFAULT_MEMSTATUS=0",
            "OMIT_SHARED_CACHE",
            "LIKE_DOESNT_MATCH_BLOBS",
        ] {
            assert!(
                options.iter().any(|built| built == option),
                "{option} is not among {options:?}; see .cargo/config.toml"
            );
        }
    }
}
