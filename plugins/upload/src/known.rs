//! Whether bytes are in a library already.

use std::{collections::HashMap, fs::File};

use data_encoding::HEXLOWER_PERMISSIVE;
use entities::id::{FileId, MediaId};
use kernel::{
    error::Failure,
    identity::{self, Fingerprint},
    library_file::LibraryFile,
    plugin::Kernel,
    sql,
};
use sea_orm::{ConnectionTrait, DbErr};

/// A hash from 64 hexadecimal digits.
pub fn parse(text: &str) -> Option<[u8; 32]> {
    HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok()?.try_into().ok()
}

/// The item with a present file of exactly these bytes, as far as files have been hashed.
pub async fn by_content_hash<C: ConnectionTrait>(db: &C, hash: &[u8]) -> Result<Option<MediaId>, DbErr> {
    let text = "select media_id from file where content_hash = $1 and status = 0 order by id limit 1";
    let rows = sql::rows(db, text, [hash.to_vec().into()]).await?;
    rows.first().map(|row| row.try_get_by_index(0).map(MediaId)).transpose()
}

/// The items with a present file of one of these hashes: of all bytes, or of size and edges.
pub async fn by_any_hash<C: ConnectionTrait>(db: &C, hashes: &[[u8; 32]]) -> Result<HashMap<Vec<u8>, MediaId>, DbErr> {
    let mut found = HashMap::new();
    if hashes.is_empty() {
        return Ok(found);
    }
    let marks: Vec<String> = (1..=hashes.len()).map(|n| format!("${n}")).collect();
    for column in ["fingerprint", "content_hash"] {
        let text = format!(
            "select {column}, media_id from file where {column} in ({}) and status = 0 order by id desc",
            marks.join(", ")
        );
        for row in sql::rows(db, text, hashes.iter().map(|hash| hash.to_vec().into())).await? {
            found.insert(row.try_get_by_index::<Vec<u8>>(0)?, MediaId(row.try_get_by_index(1)?));
        }
    }
    Ok(found)
}

/// The item with a present file of the same bytes. Files that have the same size and edges and were not hashed yet are
/// read; one that is not what its row says is passed by.
///
/// # Errors
/// When the database fails, or the new file cannot be read.
pub async fn find(kernel: &Kernel, file: File, size: i64, hash: &[u8]) -> Result<Option<MediaId>, Failure> {
    let db = kernel.store.reader();
    if let Some(media) = by_content_hash(db, hash).await? {
        return Ok(Some(media));
    }
    let read = tokio::task::spawn_blocking(move || identity::fingerprint(&file, size)).await;
    let Fingerprint { blake3, .. } = read.map_err(Failure::internal)?.map_err(Failure::internal)?;
    let text = "select id, media_id from file where fingerprint = $1 and size = $2 and status = 0 \
        and content_hash is null order by id limit 20";
    for row in sql::rows(db, text, [blake3.to_vec().into(), size.into()]).await? {
        let (id, media) = (FileId(row.try_get_by_index(0)?), MediaId(row.try_get_by_index(1)?));
        let Some(known) = LibraryFile::find(&kernel.store, id).await? else {
            continue;
        };
        let Ok((file, facts)) = known.open().await else {
            continue;
        };
        if facts.size != known.size || facts.mtime_ns != known.mtime_ns {
            continue;
        }
        let read = tokio::task::spawn_blocking(move || identity::content_hash(&file, || true)).await;
        let theirs = read.map_err(Failure::internal)?.ok().flatten();
        if theirs.is_some_and(|theirs| theirs[..] == *hash) {
            return Ok(Some(media));
        }
    }
    Ok(None)
}
