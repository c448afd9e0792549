//! Whether a new file has the bytes of a known one: then it is another file of the same item.

use std::{collections::HashMap, sync::Arc};

use entities::id::{LibraryId, LibraryPathId, MediaId};
use kernel::{
    blob::{RelativePath, Root},
    identity,
};
use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use tokio_util::sync::CancellationToken;

use crate::{look::content_hash_of, sql};

/// A file that others may be a copy of.
#[derive(Debug, Clone)]
pub struct Original {
    /// Its item.
    pub media: MediaId,
    /// Which of the library's paths.
    pub root: usize,
    /// Below that path.
    pub path: RelativePath,
    /// Bytes.
    pub size: i64,
    /// Device and inode.
    pub identity: (i64, i64),
    /// BLAKE3 of all bytes, if it was computed.
    pub content_hash: Option<Vec<u8>>,
}

/// Files by fingerprint, the best original first.
pub type Originals = HashMap<Vec<u8>, Vec<Original>>;

/// The recorded files of a library with one of these fingerprints: present ones first, then older ones.
pub async fn originals<C: ConnectionTrait>(
    db: &C,
    library: LibraryId,
    paths: &[LibraryPathId],
    fingerprints: &[Vec<u8>],
) -> Result<Originals, DbErr> {
    let mut originals = Originals::new();
    for chunk in fingerprints.chunks(sql::CHUNK) {
        let text = format!(
            "select file.fingerprint, file.media_id, folder.library_path_id, folder.path, file.name, file.size, \
             file.device, file.inode, file.content_hash from file join folder on folder.id = file.folder_id \
             where file.library_id = $1 and file.fingerprint in ({}) order by file.status, file.id",
            sql::marks(2, chunk.len())
        );
        let mut values = vec![library.0.into()];
        values.extend(chunk.iter().map(|fingerprint| fingerprint.clone().into()));
        for row in sql::rows(db, text, values).await? {
            if let Some((fingerprint, original)) = original(&row, paths)? {
                originals.entry(fingerprint).or_default().push(original);
            }
        }
    }
    Ok(originals)
}

fn original(row: &QueryResult, paths: &[LibraryPathId]) -> Result<Option<(Vec<u8>, Original)>, DbErr> {
    let library_path = LibraryPathId(row.try_get_by_index(2)?);
    let Some(root) = paths.iter().position(|path| *path == library_path) else {
        return Ok(None);
    };
    let folder = RelativePath::from_bytes(row.try_get_by_index(3)?);
    let original = Original {
        media: MediaId(row.try_get_by_index(1)?),
        root,
        path: folder.join(&row.try_get_by_index::<Vec<u8>>(4)?),
        size: row.try_get_by_index(5)?,
        identity: (row.try_get_by_index(6)?, row.try_get_by_index(7)?),
        content_hash: row.try_get_by_index(8)?,
    };
    Ok(Some((row.try_get_by_index(0)?, original)))
}

/// The item that a new file joins: that of the first original whose bytes are surely the same. A fingerprint covers all
/// bytes of a small file; larger ones are read completely and compared, and the file's own hash is kept in `new`.
pub async fn find(
    roots: &Arc<Vec<Root>>,
    originals: &[Original],
    new: &mut Original,
    cancel: &CancellationToken,
) -> Option<MediaId> {
    for original in originals.iter().filter(|original| original.size == new.size) {
        if original.identity == new.identity || identity::covers_all(new.size) {
            return Some(original.media);
        }
        let theirs = match &original.content_hash {
            Some(hash) => Some(hash.clone()),
            None => hash(roots, original, cancel).await,
        };
        let Some(theirs) = theirs else { continue };
        if new.content_hash.is_none() {
            new.content_hash = hash(roots, new, cancel).await;
        }
        if new.content_hash.as_ref() == Some(&theirs) {
            return Some(original.media);
        }
    }
    None
}

async fn hash(roots: &Arc<Vec<Root>>, of: &Original, cancel: &CancellationToken) -> Option<Vec<u8>> {
    let (roots, of, cancel) = (Arc::clone(roots), of.clone(), cancel.clone());
    let read = move || content_hash_of(&roots[of.root], &of.path, of.size, || !cancel.is_cancelled());
    tokio::task::spawn_blocking(read).await.ok()?.map(|hash| hash.to_vec())
}
