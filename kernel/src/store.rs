//! The database: how it is opened, who may write, and what is counted.
//!
//! SQLite has one writer connection and a pool of read-only readers; PostgreSQL has one pool. Everything that writes
//! takes a [`Tx`], so no code ever meets "database is locked".

use std::{
    ops::Deref,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait, metric::Info,
};
use tokio::sync::OwnedMutexGuard;

use crate::{
    clock::Clock,
    events::{Events, Fact},
};

/// How surely a commit is on the disk when it returns. PostgreSQL commits are always full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Survives a power cut: what users did.
    Full,
    /// Survives a killed process, and a power cut up to the last full commit: progress, leases, what a scan can redo.
    Normal,
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `sqlite:///path/to/vitagraph.db` or `postgres://…`.
    pub url: String,
    /// Reader connections on SQLite, all connections on PostgreSQL.
    pub connections: u32,
    /// A statement that runs longer is stopped with an error.
    pub statement_timeout: Duration,
    /// A statement that runs longer is logged.
    pub slow_statement: Duration,
}

impl StoreConfig {
    /// The recommended settings for a database at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, |n| n.get() as u32);
        Self {
            url: url.into(),
            connections: cores + 4,
            statement_timeout: Duration::from_secs(30),
            slow_statement: Duration::from_millis(200),
        }
    }

    /// The embedded database in a data directory.
    pub fn embedded(data: &Path) -> Self {
        Self::new(format!("sqlite://{}?mode=rwc", data.join("vitagraph.db").display()))
    }
}

/// Statements since the store was opened; a test reads the difference around one request.
#[derive(Debug, Default)]
struct Counts {
    statements: AtomicU64,
    writes: AtomicU64,
    failures: AtomicU64,
    busy_us: AtomicU64,
}

/// A reading of the statement counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementCounts {
    /// All prepared statements.
    pub statements: u64,
    /// Those that insert, update or delete.
    pub writes: u64,
    /// Those that ended in an error.
    pub failures: u64,
    /// The time spent in them, in microseconds.
    pub busy_us: u64,
}

struct Inner {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    turn: Arc<tokio::sync::Mutex<Option<Durability>>>,
    backend: DbBackend,
    clock: Clock,
    events: Events,
    counts: Arc<Counts>,
}

/// The database. Clones are handles to the same one.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl Store {
    /// Opens the database; creates the SQLite file when it is missing.
    pub async fn open(config: &StoreConfig, clock: Clock, events: Events) -> Result<Self, DbErr> {
        let counts = Arc::new(Counts::default());
        let (writer, reader) = if config.url.starts_with("sqlite:") {
            // The writer comes first: it creates the file and switches it to WAL, which readers cannot.
            let writer = Database::connect(sqlite_options(config, Access::Write)).await?;
            let reader = Database::connect(sqlite_options(config, Access::Read)).await?;
            (counted(writer, config, &counts), counted(reader, config, &counts))
        } else {
            let mut options = ConnectOptions::new(&config.url);
            options
                .max_connections(config.connections.max(4))
                .sqlx_logging(false)
                .test_before_acquire(false);
            options
                .acquire_timeout(Duration::from_secs(10))
                .statement_timeout(config.statement_timeout);
            options.set_application_name("vitagraph");
            let pool = counted(Database::connect(options).await?, config, &counts);
            (pool.clone(), pool)
        };
        let backend = writer.get_database_backend();
        let turn = Arc::new(tokio::sync::Mutex::new(None));
        Ok(Self {
            inner: Arc::new(Inner {
                reader,
                writer,
                turn,
                backend,
                clock,
                events,
                counts,
            }),
        })
    }

    /// Connections for reading. On SQLite they cannot write.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.inner.reader
    }

    /// The connection that migrations run on.
    pub fn migrator(&self) -> &DatabaseConnection {
        &self.inner.writer
    }

    /// Which database this is.
    pub fn backend(&self) -> DbBackend {
        self.inner.backend
    }

    /// The clock whose time goes into rows.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Begins a transaction; on SQLite it waits for its turn at the one writer.
    pub async fn begin(&self, durability: Durability) -> Result<Tx, DbErr> {
        let inner = &self.inner;
        if inner.backend != DbBackend::Sqlite {
            let tx = inner.writer.begin().await?;
            return Ok(Tx {
                tx,
                turn: None,
                events: inner.events.clone(),
                after: Mutex::default(),
            });
        }
        let mut turn = Arc::clone(&inner.turn).lock_owned().await;
        if *turn != Some(durability) {
            // SQLite ignores this pragma inside a transaction; the turn keeps others out in between.
            let level = if durability == Durability::Full {
                "full"
            } else {
                "normal"
            };
            inner
                .writer
                .execute_unprepared(&format!("pragma synchronous = {level}"))
                .await?;
            *turn = Some(durability);
        }
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let tx = inner.writer.begin_with_options(options).await?;
        Ok(Tx {
            tx,
            turn: Some(turn),
            events: inner.events.clone(),
            after: Mutex::default(),
        })
    }

    /// What has been executed so far, in this process.
    pub fn statements(&self) -> StatementCounts {
        let counts = &self.inner.counts;
        StatementCounts {
            statements: counts.statements.load(Ordering::Relaxed),
            writes: counts.writes.load(Ordering::Relaxed),
            failures: counts.failures.load(Ordering::Relaxed),
            busy_us: counts.busy_us.load(Ordering::Relaxed),
        }
    }

    /// Closes all connections; on SQLite the last one folds the log into the file.
    pub async fn close(self) -> Result<(), DbErr> {
        self.inner.reader.clone().close().await?;
        self.inner.writer.clone().close().await
    }
}

/// A transaction of the one writer. Dropped without [`Tx::commit`], it rolls back.
pub struct Tx {
    tx: DatabaseTransaction,
    turn: Option<OwnedMutexGuard<Option<Durability>>>,
    events: Events,
    after: Mutex<Vec<AfterCommit>>,
}

type AfterCommit = Box<dyn FnOnce(&Events) + Send>;

impl Tx {
    /// Commits, then tells what was published: caches have dropped the old rows when this returns.
    pub async fn commit(self) -> Result<(), DbErr> {
        let Self {
            tx,
            turn,
            events,
            after,
        } = self;
        tx.commit().await?;
        drop(turn);
        for tell in after.into_inner().unwrap_or_else(PoisonError::into_inner) {
            tell(&events);
        }
        Ok(())
    }

    /// States a fact that becomes true with the commit.
    pub fn publish<F: Fact>(&self, fact: F) {
        self.push(Box::new(move |events| events.publish(fact)));
    }

    /// Runs something small once the commit is done, such as waking a task.
    pub fn after_commit(&self, run: impl FnOnce() + Send + 'static) {
        self.push(Box::new(move |_| run()));
    }

    fn push(&self, tell: AfterCommit) {
        self.after.lock().unwrap_or_else(PoisonError::into_inner).push(tell);
    }
}

impl Deref for Tx {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.tx
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

fn sqlite_options(config: &StoreConfig, access: Access) -> ConnectOptions {
    let mut options = ConnectOptions::new(&config.url);
    options
        .sqlx_logging(false)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(10));
    let connections = if access == Access::Write { 1 } else { config.connections };
    // One reader stays open at least, so that the page cache and the WAL index stay warm.
    options
        .max_connections(connections)
        .min_connections(1)
        .idle_timeout(Some(Duration::from_secs(600)));
    options.map_sqlx_sqlite_opts(move |sqlite| {
        let cache_kib = if access == Access::Write { 65_536 } else { 16_384 };
        let sqlite = sqlite
            .create_if_missing(access == Access::Write)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .statement_cache_capacity(256)
            .pragma("temp_store", "memory")
            .pragma("mmap_size", "268435456")
            .pragma("cache_size", format!("-{cache_kib}"));
        match access {
            Access::Write => sqlite
                .pragma("journal_mode", "wal")
                .pragma("synchronous", "normal")
                .pragma("journal_size_limit", "67108864"),
            Access::Read => sqlite.pragma("query_only", "on"),
        }
    });
    if access == Access::Read {
        let limit = config.statement_timeout;
        options.map_sqlx_sqlite_before_acquire(move |connection, _| {
            Box::pin(async move {
                // A reader is acquired for one statement, so the time since then is the statement's.
                let begun = Instant::now();
                connection
                    .lock_handle()
                    .await?
                    .set_progress_handler(20_000, move || begun.elapsed() < limit);
                Ok(true)
            })
        });
    }
    options
}

fn counted(mut connection: DatabaseConnection, config: &StoreConfig, counts: &Arc<Counts>) -> DatabaseConnection {
    let slow = config.slow_statement;
    let counts = Arc::clone(counts);
    connection.set_metric_callback(move |info: &Info<'_>| {
        counts.statements.fetch_add(1, Ordering::Relaxed);
        counts
            .busy_us
            .fetch_add(info.elapsed.as_micros() as u64, Ordering::Relaxed);
        if info.failed {
            counts.failures.fetch_add(1, Ordering::Relaxed);
        }
        if is_write(&info.statement.sql) {
            counts.writes.fetch_add(1, Ordering::Relaxed);
        }
        if info.elapsed >= slow {
            // The text only: values may be a user's.
            tracing::warn!(elapsed_ms = info.elapsed.as_millis() as u64, sql = %info.statement.sql, "slow statement");
        }
    });
    connection
}

fn is_write(sql: &str) -> bool {
    let starts = |text: &str, word: &str| {
        text.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let writes = |text: &str| ["insert ", "update ", "delete "].iter().any(|word| starts(text, word));
    let sql = sql.trim_start();
    // A common table expression comes before its verb.
    writes(sql) || (starts(sql, "with ") && sql.split(')').any(|part| writes(part.trim_start())))
}
