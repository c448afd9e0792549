//! What a scan did: counted while it runs, kept with its job's checkpoint, and written down when it ends.

use entities::id::{JobId, LibraryId};
use kernel::store::Tx;
use sea_orm::{ConnectionTrait, DbErr};
use serde::{Deserialize, Serialize};

use crate::sql;

/// The counts of one scan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScanReport {
    /// Files that may be items.
    pub found: u64,
    /// Recorded for the first time.
    pub new: u64,
    /// Recorded again because size or time changed.
    pub changed: u64,
    /// Recognized under another path.
    pub moved: u64,
    /// Newly missing.
    pub missing: u64,
    /// Back where they were.
    pub restored: u64,
    /// As they were.
    pub unchanged: u64,
    /// With a row that says why they are no items.
    pub failed: u64,
    /// Links, devices and the like.
    pub skipped: u64,
    /// Left out by rules, or of no known kind.
    pub ignored: u64,
    /// Bytes of the files found.
    pub bytes: u64,
    /// How long it took, in milliseconds, waits for settling included.
    pub elapsed_ms: u64,
    /// Why the library is offline, when that ended the scan.
    pub offline_reason: Option<String>,
}

impl ScanReport {
    /// What a next attempt of the same job starts from.
    pub fn carried_over(self) -> Self {
        let Self {
            new,
            changed,
            moved,
            missing,
            restored,
            elapsed_ms,
            ..
        } = self;
        Self {
            new,
            changed,
            moved,
            missing,
            restored,
            elapsed_ms,
            ..Self::default()
        }
    }

    /// Completes the counts, from how many failures there are in all and how many of them are of files that were found.
    pub fn count_rest(&mut self, (n_failures, n_failed_files): (u64, u64)) {
        self.failed = n_failures;
        let told = self.new + self.changed + self.moved + self.restored + n_failed_files;
        self.unchanged = self.found.saturating_sub(told);
    }
}

/// Writes the report of a job.
pub async fn write(tx: &Tx, job: JobId, library: LibraryId, now: i64, report: &ScanReport) -> Result<(), DbErr> {
    let counts = serde_json::to_string(report).map_err(|error| DbErr::Json(error.to_string()))?;
    let text = "insert into scan_report (job_id, library_id, counts, created_at) values ($1, $2, $3, $4) \
        on conflict (job_id) do update set counts = excluded.counts, created_at = excluded.created_at";
    sql::execute(
        &**tx,
        text,
        vec![job.0.into(), library.0.into(), counts.into(), now.into()],
    )
    .await?;
    Ok(())
}

/// The report of a job, with its library.
pub async fn read<C: ConnectionTrait>(db: &C, job: JobId) -> Result<Option<(LibraryId, ScanReport)>, DbErr> {
    let text = "select library_id, counts from scan_report where job_id = $1";
    let rows = sql::rows(db, text, vec![job.0.into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let counts: String = row.try_get_by_index(1)?;
    let report = serde_json::from_str(&counts).map_err(|error| DbErr::Json(error.to_string()))?;
    Ok(Some((LibraryId(row.try_get_by_index(0)?), report)))
}
