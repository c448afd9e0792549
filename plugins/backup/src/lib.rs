//! The backup plugin: copies of the embedded database while it is used, listed, fetched and deleted.
//!
//! PostgreSQL has tools of its own for this, which are better at it; there this plugin says which.

pub mod code;
pub mod graphql;
pub mod jobs;
pub mod routes;

use std::{sync::Arc, time::Duration};

use kernel::{
    backups::Backups,
    error::{Code, Failure},
    jobs::JobTable,
    plugin::{Kernel, Plugin},
    signing::Signer,
};
use schema::{
    kit::scalar::{Bytes, DateTime, Url},
    system::{backups as shown, contracts::BackupReport},
};
use schemars::JsonSchema;
use sea_orm::DbBackend;
use serde::Deserialize;

use crate::jobs::back_up::BackUp;

/// A copy holds everything that people have decided and the hashes of their passwords: its URL does not live long.
const VALID: Duration = Duration::from_secs(1800);

/// The `[backup]` section.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many backups there may be; one more has to wait until one of them is deleted.
    #[schemars(range(min = 1, max = 100))]
    pub most: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { most: 30 }
    }
}

/// The plugin.
pub struct Backup {
    config: Config,
    report: Arc<Report>,
}

impl Plugin for Backup {
    type Config = Config;

    fn new(kernel: &Kernel, config: Config) -> anyhow::Result<Arc<Self>> {
        let is_embedded = kernel.store.backend() == DbBackend::Sqlite;
        Ok(Arc::new(Self {
            config,
            report: Arc::new(Report {
                backups: is_embedded.then(|| Backups::of(&kernel.data_dir)),
                signer: kernel.signer.clone(),
            }),
        }))
    }

    fn name(&self) -> &'static str {
        "backup"
    }

    fn description(&self) -> &'static str {
        "Copies the database while it is used."
    }

    fn jobs(self: Arc<Self>, table: &mut JobTable) {
        table.add::<BackUp>(&self);
    }

    fn codes(&self) -> &'static [&'static Code] {
        code::ALL
    }
}

impl Backup {
    /// The copies, where they are ours to make.
    ///
    /// # Errors
    /// The database is PostgreSQL.
    fn backups(&self) -> Result<&Backups, Failure> {
        self.report.backups.as_ref().ok_or_else(|| {
            let message =
                "this server keeps its data in PostgreSQL; `pg_dump --format=custom` copies it while it is used";
            Failure::new(&code::NOT_EMBEDDED, message)
        })
    }
}

/// What `system.backups` shows.
struct Report {
    /// Absent where the database is not ours to copy.
    backups: Option<Backups>,
    signer: Signer,
}

impl Report {
    fn shown(&self, backup: kernel::backups::Backup) -> shown::Backup {
        let path = format!("/p/backup/{}", backup.name);
        shown::Backup {
            size: Bytes(i64::try_from(backup.size).unwrap_or(i64::MAX)),
            created_at: DateTime(backup.created_at),
            reason: backup.reason.into(),
            download_url: Url(self.signer.sign(&path, VALID)),
            name: backup.name,
        }
    }
}

#[async_trait::async_trait]
impl BackupReport for Report {
    async fn list(&self) -> Result<Option<Vec<shown::Backup>>, Failure> {
        let Some(backups) = self.backups.clone() else {
            return Ok(None);
        };
        let listed = tokio::task::spawn_blocking(move || backups.list()).await;
        let listed = listed.map_err(Failure::internal)?.map_err(Failure::internal)?;
        Ok(Some(listed.into_iter().map(|backup| self.shown(backup)).collect()))
    }
}
