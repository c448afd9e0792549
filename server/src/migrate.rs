//! Brings the tables up to date: the core's, then each plugin's, each with a bookkeeping table of its own, so that a
//! plugin can be left out of a build and come back.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use kernel::{backups, plugin::Plugin, store::Store};
use migration::Migrator;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DynIden, Statement, sea_query::IntoIden,
};
use sea_orm_migration::{MigrationTrait, MigratorTrait, MigratorTraitSelf};

/// The key of the lock that keeps two servers from migrating one PostgreSQL database at a time.
const ADVISORY_KEY: i64 = 0x7669_7461;
/// How many backups of the embedded database are kept.
const N_BACKUPS: usize = 3;

/// The migrations of one owner.
struct Owned {
    owner: &'static str,
    migrations: fn() -> Vec<Box<dyn MigrationTrait>>,
    plugin: Option<Arc<dyn Plugin>>,
}

impl MigratorTraitSelf for Owned {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        self.plugin
            .as_ref()
            .map_or_else(|| (self.migrations)(), |plugin| plugin.migrations())
    }

    fn migration_table_name(&self) -> DynIden {
        format!("migration_{}", self.owner).into_iden()
    }
}

fn owners(plugins: &[Arc<dyn Plugin>]) -> Vec<Owned> {
    let core = Owned {
        owner: "core",
        migrations: <Migrator as MigratorTrait>::migrations,
        plugin: None,
    };
    let of = |plugin: &Arc<dyn Plugin>| Owned {
        owner: plugin.name(),
        migrations: Vec::new,
        plugin: Some(Arc::clone(plugin)),
    };
    std::iter::once(core)
        .chain(plugins.iter().map(of))
        .filter(|owned| !owned.migrations().is_empty())
        .collect()
}

/// Applies the core's migrations that are missing. A database that holds something is copied to `backups/` first.
pub async fn core(store: &Store, data: &Path, url: Option<&str>) -> anyhow::Result<()> {
    run(store, data, url, owners(&[])).await
}

/// Applies what is missing of the plugins' tables.
pub async fn plugins(store: &Store, data: &Path, url: Option<&str>, plugins: &[Arc<dyn Plugin>]) -> anyhow::Result<()> {
    run(
        store,
        data,
        url,
        owners(plugins)
            .into_iter()
            .filter(|owned| owned.plugin.is_some())
            .collect(),
    )
    .await
}

/// Refuses to work with tables that another version has made, when this process may not change them.
pub async fn check(store: &Store, plugins: &[Arc<dyn Plugin>]) -> anyhow::Result<()> {
    for owned in owners(plugins) {
        let (n_pending, n_applied) = state(store, &owned).await?;
        if n_applied > owned.migrations().len() {
            bail!(
                "a newer version of Vitagraph has changed the tables of `{}`; use that version, or a backup",
                owned.owner
            );
        }
        if n_pending > 0 {
            bail!(
                "the database lacks {n_pending} migrations of `{}`; start `vitagraph serve` of this version once, \
                 or stop the other process that uses this data directory",
                owned.owner
            );
        }
    }
    Ok(())
}

/// How many migrations are missing, and how many are applied.
async fn state(store: &Store, owned: &Owned) -> anyhow::Result<(usize, usize)> {
    let db = store.migrator();
    let all = owned.migrations().len();
    let table = format!("migration_{}", owned.owner);
    if !table_exists(db, &table).await? {
        return Ok((all, 0));
    }
    let sql = format!("select count(*) as n from {table}");
    let row = db
        .query_one_raw(Statement::from_string(db.get_database_backend(), sql))
        .await?;
    let applied = match row {
        Some(row) => usize::try_from(row.try_get::<i64>("", "n")?).unwrap_or(0),
        None => 0,
    };
    Ok((all.saturating_sub(applied), applied))
}

async fn table_exists(db: &DatabaseConnection, table: &str) -> anyhow::Result<bool> {
    let sql = match db.get_database_backend() {
        DbBackend::Sqlite => "select 1 from sqlite_master where type = 'table' and name = $1",
        _ => "select 1 from information_schema.tables where table_schema = current_schema() and table_name = $1",
    };
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [table.into()]);
    Ok(db.query_one_raw(statement).await?.is_some())
}

async fn run(store: &Store, data: &Path, url: Option<&str>, owners: Vec<Owned>) -> anyhow::Result<()> {
    let guard = match url {
        Some(url) if store.backend() == DbBackend::Postgres => Some(AdvisoryLock::take(url).await?),
        _ => None,
    };
    let mut n_pending = 0;
    let mut n_applied = 0;
    for owned in &owners {
        let (pending, applied) = state(store, owned).await?;
        n_pending += pending;
        n_applied += applied;
    }
    if n_pending > 0 && n_applied > 0 && store.backend() == DbBackend::Sqlite {
        let copy = backup(store, data).await?;
        tracing::info!(backup = %copy.display(), n_pending, "the database was copied before its tables change");
    }
    for owned in &owners {
        owned
            .up(store.migrator(), None)
            .await
            .with_context(|| format!("migrating the tables of `{}`", owned.owner))?;
    }
    if let Some(guard) = guard {
        guard.release().await?;
    }
    Ok(())
}

/// Copies the embedded database, consistent and compact, to `backups/`, and removes the oldest copies.
async fn backup(store: &Store, data: &Path) -> anyhow::Result<PathBuf> {
    let folder = crate::data_dir::prepare(&data.join(backups::FOLDER))?;
    let moment = jiff::Timestamp::from_millisecond(store.clock().now_ms())?.strftime("%Y%m%dT%H%M%S%3f");
    let copy = folder.join(format!("{}{moment}.db", backups::MIGRATION));
    let target = copy.to_str().context("the data directory's name is not UTF-8")?;
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, "vacuum into $1", [target.into()]);
    store
        .migrator()
        .execute_raw(statement)
        .await
        .with_context(|| format!("copying the database to {target}"))?;
    let mut copies: Vec<PathBuf> = std::fs::read_dir(&folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with(backups::MIGRATION))
        })
        .collect();
    copies.sort();
    for old in copies.iter().rev().skip(N_BACKUPS) {
        std::fs::remove_file(old).with_context(|| format!("removing the old backup {}", old.display()))?;
    }
    Ok(copy)
}

/// A session of its own that holds PostgreSQL's advisory lock; the lock ends with the session.
struct AdvisoryLock {
    session: DatabaseConnection,
}

impl AdvisoryLock {
    async fn take(url: &str) -> anyhow::Result<Self> {
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        let session = Database::connect(options).await.context("connecting to the database")?;
        session
            .execute_unprepared(&format!("select pg_advisory_lock({ADVISORY_KEY})"))
            .await?;
        Ok(Self { session })
    }

    async fn release(self) -> anyhow::Result<()> {
        Ok(self.session.close().await?)
    }
}
