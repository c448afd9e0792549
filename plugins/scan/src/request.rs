//! What was asked of the next scan of a library, besides the scan itself.
//!
//! It is no part of the job's payload: that is the library alone, so that one library has one live scan at most.

use entities::id::LibraryId;
use kernel::store::Tx;
use sea_orm::{ConnectionTrait, DbErr};

use crate::sql;

/// Asks that the next scan, or the running one, goes on whatever it finds missing, and tries every failed file again.
pub async fn force(tx: &Tx, library: LibraryId, now: i64) -> Result<(), DbErr> {
    let text = "insert into scan_request (library_id, created_at) values ($1, $2) \
        on conflict (library_id) do update set created_at = excluded.created_at";
    sql::execute(&**tx, text, vec![library.0.into(), now.into()]).await?;
    Ok(())
}

/// Whether force was asked for.
pub async fn is_forced<C: ConnectionTrait>(db: &C, library: LibraryId) -> Result<bool, DbErr> {
    let rows = sql::rows(
        db,
        "select 1 from scan_request where library_id = $1",
        vec![library.0.into()],
    )
    .await?;
    Ok(!rows.is_empty())
}

/// Forgets the request when it was granted.
pub async fn done(tx: &Tx, library: LibraryId) -> Result<(), DbErr> {
    sql::execute(
        &**tx,
        "delete from scan_request where library_id = $1",
        vec![library.0.into()],
    )
    .await?;
    Ok(())
}
