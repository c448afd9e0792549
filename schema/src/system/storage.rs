//! How much room things take.

use std::{io, path::Path};

use entities::library;
use kernel::{
    error::Failure,
    plugin::Kernel,
    store::{EMBEDDED_FILE, EMBEDDED_LOG},
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait, QuerySelect, Statement};

/// The bytes of all libraries' present files, as the last scans counted them.
pub async fn media_size(kernel: &Kernel) -> Result<i64, DbErr> {
    let sizes = library::Entity::find().select_only().column(library::Column::TotalSize);
    let sizes: Vec<i64> = sizes.into_tuple().all(kernel.store.reader()).await?;
    Ok(sizes.into_iter().sum())
}

/// The bytes of the database on its disk, with what SQLite has not folded in yet.
pub async fn database_size(kernel: &Kernel) -> Result<i64, Failure> {
    let store = &kernel.store;
    if store.backend() == DbBackend::Postgres {
        let sql = "select pg_database_size(current_database()) as size";
        let row = store
            .reader()
            .query_one_raw(Statement::from_string(store.backend(), sql))
            .await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("the size of the database".to_owned()))?;
        return Ok(row.try_get("", "size")?);
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
