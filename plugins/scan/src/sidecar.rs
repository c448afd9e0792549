//! Which version of a sidecar was applied to a file, so that an edited one is applied again and no other.

use std::collections::HashMap;

use entities::id::FileId;
use kernel::store::Tx;
use sea_orm::{ConnectionTrait, DbErr};

use crate::{sql, walk::SeenFile};

/// What tells versions apart. The name is left out: a sidecar moves with its file.
pub fn digest(sidecar: &SeenFile) -> Vec<u8> {
    let facts = &sidecar.facts;
    let mut hasher = blake3::Hasher::new();
    for number in [facts.size, facts.mtime_ns, facts.inode] {
        hasher.update(&number.to_le_bytes());
    }
    hasher.finalize().as_bytes().to_vec()
}

/// The versions that were applied to some files.
pub async fn applied<C: ConnectionTrait>(db: &C, files: &[FileId]) -> Result<HashMap<FileId, Vec<u8>>, DbErr> {
    let mut applied = HashMap::new();
    for chunk in files.chunks(sql::CHUNK) {
        let text = format!(
            "select file_id, digest from scan_sidecar where file_id in ({})",
            sql::ids(chunk)
        );
        for row in sql::rows(db, text, Vec::new()).await? {
            applied.insert(FileId(row.try_get_by_index(0)?), row.try_get_by_index(1)?);
        }
    }
    Ok(applied)
}

/// Remembers versions that were applied.
pub async fn write(tx: &Tx, sidecars: impl Iterator<Item = (FileId, &SeenFile)>) -> Result<(), DbErr> {
    let rows: Vec<(FileId, Vec<u8>)> = sidecars.map(|(file, sidecar)| (file, digest(sidecar))).collect();
    for chunk in rows.chunks(sql::CHUNK) {
        let values = chunk
            .iter()
            .flat_map(|(file, digest)| [file.0.into(), digest.clone().into()]);
        let text = format!(
            "insert into scan_sidecar (file_id, digest) values {} on conflict (file_id) do update set digest = excluded.digest",
            sql::tuples(chunk.len(), 2)
        );
        sql::execute(&**tx, text, values.collect()).await?;
    }
    Ok(())
}
