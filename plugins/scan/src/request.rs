//! What was asked of the scans of a library: which are live, and whether the next one is forced.
//!
//! Force is no part of a job's payload: the same folders have one live scan at most, forced or not.

use entities::{
    id::{JobId, LibraryId},
    job::JobStatus,
    library,
};
use kernel::{jobs::Job, store::Tx};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QuerySelect};

use crate::{jobs::library::ScanLibrary, sql};

/// A scan that has not ended.
#[derive(Debug)]
pub struct LiveScan {
    /// Its job.
    pub id: JobId,
    /// What it scans.
    pub job: ScanLibrary,
    /// Whether it runs or is paused: then it may have passed any folder already.
    pub has_begun: bool,
}

/// The live scans of a library, the oldest first. Until the transaction ends, no other starts one.
pub async fn live(tx: &Tx, library: LibraryId) -> Result<Vec<LiveScan>, DbErr> {
    library::Entity::find_by_id(library).lock_exclusive().one(&**tx).await?;
    let text = "select id, state, payload from job where kind = $1 and state in (0, 1, 2, 6) order by id";
    let mut live = Vec::new();
    for row in sql::rows(&**tx, text, vec![ScanLibrary::KIND.into()]).await? {
        // A payload that does not decode is a newer version's; its job cannot run here either.
        let payload: String = row.try_get_by_index(2)?;
        let Ok(job) = serde_json::from_str::<ScanLibrary>(&payload) else {
            continue;
        };
        if job.library == library {
            let state: JobStatus = row.try_get("", "state")?;
            live.push(LiveScan {
                id: JobId(row.try_get_by_index(0)?),
                job,
                has_begun: !matches!(state, JobStatus::Waiting | JobStatus::Ready),
            });
        }
    }
    Ok(live)
}

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
