//! Remembers in the database which files broke a media worker twice.

use async_trait::async_trait;
use entities::quarantine;
use kernel::store::{Durability, Store};
use media_engine::{
    quarantine::{Quarantine, Quarantined},
    source::Identity,
};
use media_proto::job::JobKind;
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, sea_query::OnConflict};

/// The `quarantine` table. Its entries survive a restart; losing one costs two crashes.
pub struct QuarantineTable {
    store: Store,
}

impl QuarantineTable {
    /// The table of this database.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    async fn write(&self, identity: Identity, kind: JobKind, entry: Quarantined) -> Result<(), DbErr> {
        let row = quarantine::ActiveModel {
            identity: Set(digest(identity)),
            job_kind: Set(kind.name().to_owned()),
            reason: Set(entry.reason),
            signal: Set(entry.signal),
            ffmpeg: Set(entry.ffmpeg),
            created_at: Set(self.store.clock().now_ms()),
        };
        let replace = OnConflict::columns([quarantine::Column::Identity, quarantine::Column::JobKind])
            .update_columns([
                quarantine::Column::Reason,
                quarantine::Column::Signal,
                quarantine::Column::Ffmpeg,
                quarantine::Column::CreatedAt,
            ])
            .to_owned();
        let tx = self.store.begin(Durability::Normal).await?;
        quarantine::Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(&*tx)
            .await?;
        tx.commit().await
    }
}

#[async_trait]
impl Quarantine for QuarantineTable {
    async fn load(&self, identity: Identity, kind: JobKind) -> Option<Quarantined> {
        let key = (digest(identity), kind.name().to_owned());
        let row = match quarantine::Entity::find_by_id(key).one(self.store.reader()).await {
            Ok(row) => row?,
            Err(error) => {
                tracing::warn!(%error, "the quarantine could not be read; the file is tried");
                return None;
            }
        };
        Some(Quarantined {
            signal: row.signal,
            reason: row.reason,
            ffmpeg: row.ffmpeg,
        })
    }

    async fn store(&self, identity: Identity, kind: JobKind, entry: Quarantined) {
        if let Err(error) = self.write(identity, kind, entry).await {
            tracing::warn!(%error, "the quarantine could not be written; the file will be tried again");
        }
    }
}

/// What makes a file's bytes these bytes, as one key.
fn digest(identity: Identity) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&identity.device.to_le_bytes());
    hasher.update(&identity.inode.to_le_bytes());
    hasher.update(&identity.size.to_le_bytes());
    hasher.update(&identity.mtime_ns.to_le_bytes());
    hasher.finalize().as_bytes().to_vec()
}
