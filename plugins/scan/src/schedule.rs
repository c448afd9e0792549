//! Libraries that are scanned at set times.

use std::time::Duration;

use entities::id::LibraryId;
use kernel::{
    cron::Pattern,
    error::Failure,
    plugin::Kernel,
    store::{Durability, Store},
};
use sea_orm::DbErr;
use tokio_util::sync::CancellationToken;

use crate::{ScanOptions, code, sql, start};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(5);

/// When a library is scanned.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The library.
    pub library: LibraryId,
    /// The pattern.
    pub pattern: String,
    /// The last time that was looked at, in UTC milliseconds.
    pub last_tick: i64,
}

impl Schedule {
    /// When the next scan begins, in UTC milliseconds.
    pub fn next_at(&self) -> Option<i64> {
        Pattern::parse(&self.pattern).ok()?.next_after(self.last_tick)
    }
}

/// All schedules, by library.
///
/// # Errors
/// When the database fails.
pub async fn all(store: &Store) -> Result<Vec<Schedule>, DbErr> {
    let text = "select library_id, pattern, last_tick from scan_schedule order by library_id";
    let rows = sql::rows(store.reader(), text, Vec::new()).await?;
    let read = |row: &sea_orm::QueryResult| {
        Ok(Schedule {
            library: LibraryId(row.try_get_by_index(0)?),
            pattern: row.try_get_by_index(1)?,
            last_tick: row.try_get_by_index(2)?,
        })
    };
    rows.iter().map(read).collect()
}

/// Has a library scanned at set times from now on, or not any more.
///
/// # Errors
/// The pattern cannot be read, there is no such library, or the database fails.
pub async fn set(kernel: &Kernel, library: LibraryId, pattern: Option<String>) -> Result<Option<Schedule>, Failure> {
    let known = "select 1 from library where id = $1";
    if sql::rows(kernel.store.reader(), known, vec![library.0.into()])
        .await?
        .is_empty()
    {
        let message = format!("no library `{library}`");
        return Err(Failure::new(&code::LIBRARY_NOT_FOUND, message));
    }
    let now = kernel.clock.now_ms();
    let tx = kernel.store.begin(Durability::Full).await?;
    let schedule = match pattern {
        Some(pattern) => {
            if let Err(error) = Pattern::parse(&pattern) {
                return Err(Failure::field("input.schedule", format!("not a cron pattern: {error}")));
            }
            let text = "insert into scan_schedule (library_id, pattern, last_tick) values ($1, $2, $3) \
                on conflict (library_id) do update set pattern = excluded.pattern, last_tick = excluded.last_tick";
            let values = vec![library.0.into(), pattern.clone().into(), now.into()];
            sql::execute(&*tx, text, values).await?;
            Some(Schedule {
                library,
                pattern,
                last_tick: now,
            })
        }
        None => {
            let text = "delete from scan_schedule where library_id = $1";
            sql::execute(&*tx, text, vec![library.0.into()]).await?;
            None
        }
    };
    tx.commit().await?;
    Ok(schedule)
}

/// Starts what is due until the server stops.
pub async fn run(kernel: Kernel, stop: CancellationToken) {
    let work = async {
        loop {
            if let Err(error) = start_due(&kernel).await {
                tracing::warn!(%error, "scans that are due could not be started");
            }
            tokio::time::sleep(TICK).await;
        }
    };
    stop.run_until_cancelled(work).await;
}

async fn start_due(kernel: &Kernel) -> Result<(), Failure> {
    let now = kernel.clock.now_ms();
    for schedule in all(&kernel.store).await? {
        // Of times that were missed while no server ran, one is made up for.
        if schedule.next_at().is_none_or(|next| next > now) {
            continue;
        }
        let tx = kernel.store.begin(Durability::Normal).await?;
        let text = "update scan_schedule set last_tick = $2 where library_id = $1 and last_tick = $3";
        let values = vec![schedule.library.0.into(), now.into(), schedule.last_tick.into()];
        // Another server may have been faster.
        let is_ours = sql::execute(&*tx, text, values).await?.rows_affected() > 0;
        tx.commit().await?;
        if is_ours && let Err(error) = start(kernel, schedule.library, &ScanOptions::default()).await {
            tracing::warn!(library = %schedule.library, %error, "a scan that is due could not be started");
        }
    }
    Ok(())
}
