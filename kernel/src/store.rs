//! The database: how it is opened, who may write, and what is counted.
//!
//! SQLite has one writer connection and a pool of read-only readers; PostgreSQL has one pool. Everything that writes
//! takes a [`Tx`], so no code ever meets "database is locked".

mod connect;
mod epoch;
mod group;
mod log;
mod statistics;
mod trouble;

use std::{
    ops::Deref,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait, metric::Info,
};
use tokio::sync::OwnedMutexGuard;

pub use self::trouble::{Trouble, trouble};
use self::{
    connect::WriterWatch,
    epoch::Epoch,
    group::{Group, Invitation, Member},
    log::Log,
};
use crate::{
    changes::Pending,
    clock::Clock,
    events::{Events, Fact},
    work,
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
    /// A statement that runs longer is stopped with an error that reads as [`Trouble::TooLong`].
    pub statement_timeout: Duration,
    /// A statement that runs longer is logged.
    pub slow_statement: Duration,
    /// A connection to PostgreSQL that was idle for longer is tried before it is used.
    pub trusted_idle: Duration,
    /// Sees each statement after it ran, with its values: for tests that look at plans.
    pub observer: Option<Observer>,
}

/// The file of the embedded database in the data directory.
pub const EMBEDDED_FILE: &str = "vitagraph.db";
/// Its log: what has been written and is not in the file yet.
pub const EMBEDDED_LOG: &str = "vitagraph.db-wal";

/// Sees statements.
#[derive(Clone)]
pub struct Observer(pub Arc<dyn Fn(&Statement) + Send + Sync>);

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observer")
    }
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
            trusted_idle: Duration::from_secs(1),
            observer: None,
        }
    }

    /// The embedded database in a data directory.
    pub fn embedded(data: &Path) -> Self {
        Self::new(format!("sqlite://{}?mode=rwc", data.join(EMBEDDED_FILE).display()))
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
    turn: Arc<tokio::sync::Mutex<()>>,
    group: Arc<Group>,
    watch: WriterWatch,
    /// On SQLite.
    log: Option<Arc<Log>>,
    backend: DbBackend,
    clock: Clock,
    events: Events,
    counts: Arc<Counts>,
    epoch: Arc<Epoch>,
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
        let epoch = Arc::new(Epoch::default());
        let watch = WriterWatch::default();
        let (writer, reader) = if config.url.starts_with("sqlite:") {
            let writer = connect::sqlite_writer(config, &watch).await?;
            let reader = connect::sqlite_readers(config).await?;
            let restart = watch.clone();
            (
                counted(writer, config, (&counts, &epoch), move |failed| restart.ended(failed)),
                counted(reader, config, (&counts, &epoch), |_| ()),
            )
        } else {
            let pool = counted(connect::postgres(config).await?, config, (&counts, &epoch), |_| ());
            (pool.clone(), pool)
        };
        let backend = writer.get_database_backend();
        let log = match backend {
            DbBackend::Sqlite => Some(Log::new(connect::log_of(config)?)),
            _ => None,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                reader,
                writer,
                turn: Arc::default(),
                group: Arc::default(),
                watch,
                log,
                backend,
                clock,
                events,
                counts,
                epoch,
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
        let hold = match self.inner.backend {
            DbBackend::Sqlite => {
                let (tx, turn) = self.begin_in_turn().await?;
                Hold::Alone(tx, Some(turn))
            }
            _ => Hold::Alone(self.inner.writer.begin().await?, None),
        };
        Ok(self.over(hold, durability))
    }

    /// Begins a transaction with [`Durability::Full`] that on SQLite is committed together with those of others who wait at the
    /// same time. It must be short: they wait for it before they hear that theirs is done. What it sees of theirs is committed
    /// when it is.
    pub async fn begin_shared(&self) -> Result<Tx, DbErr> {
        if self.inner.backend != DbBackend::Sqlite {
            return self.begin(Durability::Full).await;
        }
        let member = match self.inner.group.enter().await? {
            Invitation::Lead(lead) => {
                let (tx, turn) = self.begin_in_turn().await?;
                Member::first(tx, turn, lead)
            }
            Invitation::Join(member) => member.begin().await?,
        };
        Ok(self.over(Hold::Shared(member), Durability::Full))
    }

    /// On SQLite.
    async fn begin_in_turn(&self) -> Result<(DatabaseTransaction, Turn), DbErr> {
        let inner = &self.inner;
        let turn = Turn {
            _right: Arc::clone(&inner.turn).lock_owned().await,
            watch: inner.watch.clone(),
        };
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let tx = inner.writer.begin_with_options(options).await?;
        turn.watch.begin();
        Ok((tx, turn))
    }

    fn over(&self, hold: Hold, durability: Durability) -> Tx {
        let inner = &self.inner;
        Tx {
            hold,
            log: inner.log.clone().filter(|_| durability == Durability::Full),
            clock: inner.clock.clone(),
            events: inner.events.clone(),
            after: Mutex::default(),
            changes: Mutex::default(),
            epoch: Arc::clone(&inner.epoch),
            began_at: inner.epoch.own(),
            has_facts: AtomicBool::new(false),
        }
    }

    /// A number that is another one once anything was written that an answer may be of; rows that only say who works
    /// on what do not count. What was read at a number and is kept under it is as fresh as when it was read, for as long
    /// as the number stays: it moves before a writer hears that its commit is done. What other processes write moves it once
    /// it is heard of.
    pub fn epoch(&self) -> u64 {
        self.inner.epoch.now()
    }

    /// A number that is another one once this process has written anything that moves [`Store::epoch`].
    pub fn written(&self) -> u64 {
        self.inner.epoch.own()
    }

    /// Another process has written something.
    pub fn others_have_written(&self) {
        self.inner.epoch.hear_of_others();
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
    hold: Hold,
    /// What is to be on the disk once it is committed.
    log: Option<Arc<Log>>,
    clock: Clock,
    events: Events,
    after: Mutex<Vec<AfterCommit>>,
    changes: Mutex<Pending>,
    epoch: Arc<Epoch>,
    began_at: u64,
    has_facts: AtomicBool,
}

/// A transaction of its own, or a place in one with others.
enum Hold {
    Alone(DatabaseTransaction, Option<Turn>),
    Shared(Member),
}

impl Hold {
    async fn commit(self) -> Result<(), DbErr> {
        match self {
            // The turn ends with it.
            Self::Alone(tx, _turn) => tx.commit().await,
            Self::Shared(member) => member.commit().await,
        }
    }
}

impl Deref for Hold {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        match self {
            Self::Alone(tx, _) => tx,
            Self::Shared(member) => member.tx(),
        }
    }
}

/// The right to write on SQLite, until it is dropped.
struct Turn {
    _right: OwnedMutexGuard<()>,
    watch: WriterWatch,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.watch.end();
    }
}

type AfterCommit = Box<dyn FnOnce(&Events) + Send>;

impl Tx {
    /// Writes the log of changes and commits, then tells what was published: caches have dropped the old rows when this
    /// returns, and a [`Durability::Full`] commit is on the disk. Others see it a moment before that.
    pub async fn commit(self) -> Result<(), DbErr> {
        let Self {
            hold,
            log,
            clock,
            events,
            after,
            changes,
            epoch,
            began_at,
            has_facts,
        } = self;
        let changes = changes.into_inner().unwrap_or_else(PoisonError::into_inner);
        changes.write(&hold, clock.now_ms()).await?;
        hold.commit().await?;
        for tell in after.into_inner().unwrap_or_else(PoisonError::into_inner) {
            tell(&events);
        }
        // Only now has everybody who is in between caches and rows heard of it.
        epoch.end(began_at, has_facts.into_inner());
        if let Some(log) = log {
            let uncertain = |error| DbErr::Custom(format!("what was committed may not be on the disk: {error}"));
            log.sync().await.map_err(uncertain)?;
        }
        Ok(())
    }

    /// States a fact that becomes true with the commit.
    pub fn publish<F: Fact>(&self, fact: F) {
        if let Some((kind, media)) = fact.change() {
            let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
            changes.add(kind, media);
        }
        self.publish_logged(fact);
    }

    /// The same for a fact whose entry in the log of changes is written already.
    pub fn publish_logged<F: Fact>(&self, fact: F) {
        self.has_facts.store(true, Ordering::SeqCst);
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
        &self.hold
    }
}

/// So much of a statement's text is logged, in characters.
const SHOWN: usize = 500;

/// Counts what runs on a connection, logs what is slow, and says when a statement has ended and whether it failed.
fn counted(
    mut connection: DatabaseConnection,
    config: &StoreConfig,
    (counts, epoch): (&Arc<Counts>, &Arc<Epoch>),
    ended: impl Fn(bool) + Send + Sync + 'static,
) -> DatabaseConnection {
    let slow = config.slow_statement;
    let observer = config.observer.clone();
    let (counts, epoch) = (Arc::clone(counts), Arc::clone(epoch));
    connection.set_metric_callback(move |info: &Info<'_>| {
        ended(info.failed);
        work::count_statement();
        counts.statements.fetch_add(1, Ordering::Relaxed);
        counts
            .busy_us
            .fetch_add(info.elapsed.as_micros() as u64, Ordering::Relaxed);
        if info.failed {
            counts.failures.fetch_add(1, Ordering::Relaxed);
        }
        epoch.hear(&info.statement.sql);
        if is_write(&info.statement.sql) {
            counts.writes.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(Observer(see)) = &observer {
            see(info.statement);
        }
        if info.elapsed >= slow {
            // The text only: values may be a user's. Its beginning tells it apart; lists of ids make some very long.
            let sql: String = info.statement.sql.chars().take(SHOWN).collect();
            tracing::warn!(elapsed_ms = info.elapsed.as_millis() as u64, sql, "slow statement");
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
