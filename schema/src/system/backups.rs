//! Copies of the database, as administrators see them.

use async_graphql::{Enum, SimpleObject};
use kernel::backups::Reason;

use crate::kit::scalar::{Bytes, DateTime, Url};

/// A copy of the database. It was checked before it was listed.
#[derive(Debug, Clone, SimpleObject)]
pub struct Backup {
    /// Its file's name in the folder `backups` of the data directory.
    pub name: String,
    /// Its bytes.
    pub size: Bytes,
    /// When it was made.
    pub created_at: DateTime,
    /// Why it was made.
    pub reason: BackupReason,
    /// Where it can be fetched, for half an hour at most. Who has it has everything: names, decisions, and the hashes of
    /// passwords.
    pub download_url: Url,
}

/// Why a backup was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum BackupReason {
    /// Somebody asked for it.
    Asked,
    /// A new version was about to change the tables.
    Migration,
    /// A backup was put in the place of this database.
    Replaced,
}

impl From<Reason> for BackupReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Asked => Self::Asked,
            Reason::Migration => Self::Migration,
            Reason::Replaced => Self::Replaced,
        }
    }
}
