//! A source that crashed two workers in the same kind of job; left alone until it or FFmpeg changes.

use sea_orm::entity::prelude::*;

/// A row of `quarantine`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "quarantine")]
pub struct Model {
    /// Digest of device, inode, size and modification time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub identity: Vec<u8>,
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_kind: String,
    pub reason: String,
    pub signal: Option<i32>,
    pub ffmpeg: String,
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
