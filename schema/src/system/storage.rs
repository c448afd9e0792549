//! How much room things take.

use std::{io, path::Path};

use kernel::{
    error::Failure,
    plugin::Kernel,
    store::{EMBEDDED_FILE, EMBEDDED_LOG},
};
use sea_orm::DbBackend;

use crate::kit::{cells::Cells, together::Together};

/// The bytes of all libraries' present files, as the last scans counted them.
pub async fn media_size(together: &Together) -> Result<i64, Failure> {
    // Sums of big integers are decimals on PostgreSQL.
    number(
        together,
        "select cast(coalesce(sum(total_size), 0) as bigint) as n from library",
    )
    .await
}

async fn number(together: &Together, text: &str) -> Result<i64, Failure> {
    let mut rows = together.read_text(text.to_owned(), vec!["n"]).await?;
    Ok(rows.first_mut().map_or(Ok(0), Cells::int)?)
}

/// The bytes of the database on its disk, with what SQLite has not folded in yet.
pub async fn database_size(kernel: &Kernel, together: &Together) -> Result<i64, Failure> {
    if kernel.store.backend() == DbBackend::Postgres {
        return number(together, "select pg_database_size(current_database()) as n").await;
    }
    let size = |name: &str| match std::fs::metadata(kernel.data_dir.join(name)) {
        Ok(facts) => Ok(facts.len() as i64),
        // The log is not there before the first write.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(Failure::internal(error)),
    };
    Ok(size(EMBEDDED_FILE)? + size(EMBEDDED_LOG)?)
}

/// The bytes that this process may still write to the disk of a folder.
pub fn free_space(folder: &Path) -> io::Result<i64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(i64::try_from(disk.f_bavail.saturating_mul(disk.f_frsize)).unwrap_or(i64::MAX))
}
