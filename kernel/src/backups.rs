//! Copies of the embedded database: made while it is used, checked, kept in a folder of the data directory, and read.
//!
//! A copy is made by a connection of its own that only reads: with SQLite's log nobody who writes waits for it.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::UNIX_EPOCH,
};

use anyhow::{Context, ensure};
use bytes::Bytes;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
    sqlx::{Sqlite, pool::PoolOptions},
};

use crate::store::EMBEDDED_FILE;

/// What copies that somebody asked for begin with.
const ASKED: &str = "backup-";
/// What copies begin with that were made before tables changed.
pub const MIGRATION: &str = "vitagraph-";
/// What a database begins with that a backup took the place of.
pub const REPLACED: &str = "replaced-";
/// The folder in the data directory.
pub const FOLDER: &str = "backups";
const ENDING: &str = ".db";
/// How many of its small steps SQLite does between two looks at whether to go on.
const STEPS: i32 = 20_000;

/// Why there is a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Somebody asked for it.
    Asked,
    /// A new version was about to change the tables.
    Migration,
    /// A backup was put in its place.
    Replaced,
}

/// A copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its file's name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was written to last, in UTC milliseconds.
    pub created_at: i64,
    /// Why it was made.
    pub reason: Reason,
}

/// Ends a copy or check that is under way, when it is set.
pub type Stop = Arc<AtomicBool>;

/// The copies of a data directory.
#[derive(Debug, Clone)]
pub struct Backups {
    source: PathBuf,
    folder: PathBuf,
}

impl Backups {
    /// Those of a data directory.
    pub fn of(data: &Path) -> Self {
        Self {
            source: data.join(EMBEDDED_FILE),
            folder: data.join(FOLDER),
        }
    }

    /// The name of a copy that is asked for at a moment, in UTC milliseconds.
    pub fn name_at(moment: i64) -> String {
        let moment = jiff::Timestamp::from_millisecond(moment).unwrap_or_default();
        format!("{ASKED}{}{ENDING}", moment.strftime("%Y%m%dT%H%M%S%3f"))
    }

    /// All whole copies, the newest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> io::Result<Vec<Backup>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut all = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            let (Some(reason), Ok(facts)) = (reason(&name), entry.metadata()) else {
                continue;
            };
            if !facts.is_file() {
                continue;
            }
            let written = facts.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            all.push(Backup {
                name,
                size: facts.len(),
                created_at: i64::try_from(written.as_millis()).unwrap_or(i64::MAX),
                reason,
            });
        }
        all.sort_by(|a, b| (b.created_at, &b.name).cmp(&(a.created_at, &a.name)));
        Ok(all)
    }

    /// A whole copy of this name.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn find(&self, name: &str) -> io::Result<Option<Backup>> {
        Ok(self.list()?.into_iter().find(|backup| backup.name == name))
    }

    /// About how many bytes a copy will have: those of the database.
    ///
    /// # Errors
    /// There is no database.
    pub fn expected_size(&self) -> io::Result<u64> {
        Ok(fs::metadata(&self.source)?.len())
    }

    /// How many bytes the disk has room for.
    ///
    /// # Errors
    /// It does not say.
    pub fn room(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(self.source.parent().unwrap_or(Path::new("/")))?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// How many bytes of a copy under way are written.
    pub fn written(&self, name: &str) -> u64 {
        fs::metadata(self.part(name)).map_or(0, |facts| facts.len())
    }

    /// Copies the database to a part that has no name of its own yet, in place of one that was left over.
    ///
    /// # Errors
    /// It cannot be read or written, or was stopped.
    pub async fn copy(&self, name: &str, stop: Stop) -> anyhow::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.folder)?;
        let part = self.part(name);
        self.drop_part(name);
        let copied = copy(&self.source, &part, stop).await;
        if copied.is_err() {
            self.drop_part(name);
        }
        copied
    }

    /// Checks the part and gives it its name: only whole and sound copies have one.
    ///
    /// # Errors
    /// It is damaged, cannot be read, or was stopped.
    pub async fn publish(&self, name: &str, stop: Stop) -> anyhow::Result<()> {
        let part = self.part(name);
        if let Err(error) = verify(&part, stop).await {
            self.drop_part(name);
            return Err(error);
        }
        fs::rename(&part, self.folder.join(name)).with_context(|| format!("naming the backup {name}"))?;
        File::open(&self.folder)?
            .sync_all()
            .context("writing the folder of backups")
    }

    /// Removes what a copy has left that did not end.
    pub fn drop_part(&self, name: &str) {
        let part = self.part(name);
        for suffix in ["", "-journal"] {
            let mut path = part.clone().into_os_string();
            path.push(suffix);
            // What is not there need not go; what cannot go is written over by the next copy.
            let _ = fs::remove_file(path);
        }
    }

    /// Removes a copy for good; says whether it was there.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, name: &str) -> io::Result<bool> {
        if self.find(name)?.is_none() {
            return Ok(false);
        }
        match fs::remove_file(self.folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other?,
        }
        File::open(&self.folder)?.sync_all()?;
        Ok(true)
    }

    /// A copy for reading; nothing where there is none.
    ///
    /// # Errors
    /// It is there and cannot be opened.
    pub fn open(&self, name: &str) -> io::Result<Option<OpenBackup>> {
        let Some(backup) = self.find(name)? else {
            return Ok(None);
        };
        match File::open(self.folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => Ok(Some(OpenBackup {
                file: Arc::new(other?),
                facts: backup,
            })),
        }
    }

    fn part(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.part"))
    }
}

/// A copy that is being read.
#[derive(Debug, Clone)]
pub struct OpenBackup {
    file: Arc<File>,
    /// What it is.
    pub facts: Backup,
}

impl OpenBackup {
    /// So many bytes from a place on; fewer at the end.
    ///
    /// # Errors
    /// The disk fails.
    pub async fn read(&self, at: u64, n: usize) -> io::Result<Bytes> {
        let file = Arc::clone(&self.file);
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; n];
            let n = file.read_at(&mut bytes, at)?;
            bytes.truncate(n);
            io::Result::Ok(Bytes::from(bytes))
        });
        read.await.map_err(io::Error::other)?
    }
}

fn reason(name: &str) -> Option<Reason> {
    let stem = name.strip_suffix(ENDING)?;
    let of = |(prefix, reason)| stem.starts_with(prefix).then_some(reason);
    [
        (ASKED, Reason::Asked),
        (MIGRATION, Reason::Migration),
        (REPLACED, Reason::Replaced),
    ]
    .into_iter()
    .find_map(of)
}

/// Copies a database to a new file, consistent and compact, on the disk when it returns, and for its owner's eyes alone.
///
/// # Errors
/// It cannot be read or written, or was stopped.
pub async fn copy(source: &Path, target: &Path, stop: Stop) -> anyhow::Result<()> {
    let text = target.to_str().context("the backup's name is not UTF-8")?;
    let connection = open(source, "rw", stop).await?;
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, "vacuum into $1", [text.into()]);
    let copied = connection.execute_raw(statement).await;
    connection.close().await?;
    copied.with_context(|| format!("copying the database to {text}"))?;
    // Only its owner may read accounts and keys.
    fs::set_permissions(target, fs::Permissions::from_mode(0o600))
        .with_context(|| format!("keeping {text} private"))?;
    File::open(target)?
        .sync_all()
        .with_context(|| format!("writing {text}"))
}

/// Refuses a file that is damaged or no database of ours.
///
/// # Errors
/// It is one of these, cannot be read, or the check was stopped.
pub async fn verify(path: &Path, stop: Stop) -> anyhow::Result<()> {
    ensure!(path.is_file(), "there is no file {}", path.display());
    let connection = open(path, "ro", stop).await?;
    let checked = async {
        let one = |text: &'static str| connection.query_one_raw(Statement::from_string(DbBackend::Sqlite, text));
        let row = one("pragma quick_check(1)").await?.context("no answer of the check")?;
        let verdict: String = row.try_get_by_index(0)?;
        ensure!(verdict == "ok", "it is damaged: {verdict}");
        let tables = "select count(*) from sqlite_master where name in ('migration_core', 'media')";
        let n: i64 = one(tables).await?.context("no answer")?.try_get_by_index(0)?;
        ensure!(n == 2, "it is no database of Vitagraph");
        anyhow::Ok(())
    };
    let checked = checked.await;
    connection.close().await?;
    checked.with_context(|| format!("{} is no backup", path.display()))
}

async fn open(path: &Path, mode: &str, stop: Stop) -> anyhow::Result<DatabaseConnection> {
    let text = path.to_str().context("the file's name is not UTF-8")?;
    let mut options = ConnectOptions::new(format!("sqlite://{text}?mode={mode}"));
    options.max_connections(1).sqlx_logging(false);
    options.map_sqlx_sqlite_pool_opts(move |pool: PoolOptions<Sqlite>| {
        let stop = Arc::clone(&stop);
        pool.after_connect(move |connection, _| {
            let stop = Arc::clone(&stop);
            Box::pin(async move {
                let goes_on = move || !stop.load(Ordering::Relaxed);
                connection.lock_handle().await?.set_progress_handler(STEPS, goes_on);
                Ok(())
            })
        })
    });
    Database::connect(options)
        .await
        .with_context(|| format!("opening {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn database(path: &Path, statements: &str) {
        let url = format!("sqlite://{}?mode=rwc", path.display());
        let connection = Database::connect(url).await.expect("a database");
        connection.execute_unprepared(statements).await.expect("statements");
        connection.close().await.expect("closed");
    }

    #[tokio::test]
    async fn only_a_whole_and_sound_copy_has_a_name() {
        let data = tempfile::tempdir().expect("a folder");
        let source = data.path().join(EMBEDDED_FILE);
        let tables = "pragma journal_mode=wal; create table migration_core (a); create table media (a); \
                      insert into media values (1), (2), (3)";
        database(&source, tables).await;
        let backups = Backups::of(data.path());
        assert!(backups.list().expect("no folder yet").is_empty());

        let name = Backups::name_at(1_700_000_000_123);
        assert_eq!(name, "backup-20231114T221320123.db");
        backups.copy(&name, Stop::default()).await.expect("copied");
        assert!(backups.list().expect("a list").is_empty() && backups.written(&name) > 0);
        backups.publish(&name, Stop::default()).await.expect("sound");
        let found = backups.find(&name).expect("a list").expect("the copy");
        assert_eq!(found.reason, Reason::Asked);
        let mode = fs::metadata(data.path().join(FOLDER).join(&name))
            .expect("the file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let open = backups.open(&name).expect("readable").expect("there");
        assert_eq!(&open.read(0, 6).await.expect("bytes")[..], b"SQLite");

        // Damage is found before the name is given.
        let second = Backups::name_at(1_700_000_001_000);
        backups.copy(&second, Stop::default()).await.expect("copied");
        let part = data.path().join(FOLDER).join(format!("{second}.part"));
        File::options()
            .write(true)
            .open(&part)
            .expect("the part")
            .write_at(&[0xff; 64], 100)
            .expect("damaged");
        backups.publish(&second, Stop::default()).await.expect_err("damaged");
        assert!(!part.exists() && backups.list().expect("a list").len() == 1);

        // What is no copy is not seen, whatever it is called.
        for stranger in ["notes.db", "backup-x.db.part", "../vitagraph.db"] {
            assert!(backups.find(stranger).expect("a list").is_none() && !backups.remove(stranger).expect("a list"));
        }
        assert!(source.exists());
        assert!(backups.remove(&name).expect("removed") && !backups.remove(&name).expect("gone already"));
    }

    #[tokio::test]
    async fn a_copy_that_is_stopped_leaves_nothing() {
        let data = tempfile::tempdir().expect("a folder");
        let rows = "create table migration_core (a); create table media (a); \
                    with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) \
                    insert into media select i || hex(zeroblob(100)) from n";
        database(&data.path().join(EMBEDDED_FILE), rows).await;
        let backups = Backups::of(data.path());
        let stopped = Stop::new(AtomicBool::new(true));
        backups.copy("backup-1.db", stopped).await.expect_err("it was stopped");
        assert_eq!(fs::read_dir(data.path().join(FOLDER)).expect("the folder").count(), 0);
    }
}
