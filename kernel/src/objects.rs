//! What the server makes itself and can make again: bytes under the hash of them, in a folder now, in a bucket one day.
//!
//! Nothing here knows a path but [`Objects::in_folder`]. An object is never changed: it is visible whole or not at all,
//! and when [`Objects::put`] returns, it is on the disk.

use std::{
    fmt,
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::PathBuf,
    str::FromStr,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use data_encoding::BASE32HEX_NOPAD;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, local::LocalFileSystem, path::Path};

use crate::error::Failure;

/// So many bytes of a file are read at a time.
const PIECE: usize = 8 << 20;
/// 160 bits: a name of 32 letters and digits that no file system folds.
const KEY: usize = 20;

/// The name of an object: the first 160 bits of the BLAKE3 of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey([u8; KEY]);

impl ObjectKey {
    /// The key of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let hash = blake3::hash(bytes);
        let mut key = [0; KEY];
        key.copy_from_slice(&hash.as_bytes()[..KEY]);
        Self(key)
    }

    /// A key from a row; none when it has another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes for a row.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Spread over folders, so that none becomes very large.
    fn path(self) -> Path {
        let text = self.to_string();
        Path::from(format!("{}/{}", &text[..2], &text[2..]))
    }

    fn of_path(path: &Path) -> Option<Self> {
        path.as_ref().replace('/', "").parse().ok()
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32HEX_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

/// A text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the key of an object")]
pub struct NotAKey;

impl FromStr for ObjectKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(NotAKey);
        }
        let bytes = BASE32HEX_NOPAD.decode(text.to_ascii_uppercase().as_bytes());
        bytes.ok().and_then(|bytes| Self::from_bytes(&bytes)).ok_or(NotAKey)
    }
}

/// An object that a listing found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: ObjectKey,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last put, UTC milliseconds.
    pub put_at: i64,
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{action} in the store of made files failed: {source}")]
pub struct ObjectError {
    action: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl ObjectError {
    fn of(action: &'static str) -> impl Fn(object_store::Error) -> Self {
        move |source| Self {
            action,
            source: Box::new(source),
        }
    }
}

impl From<ObjectError> for Failure {
    fn from(error: ObjectError) -> Self {
        Self::internal(error)
    }
}

/// A store of objects. Clones are handles to the same one.
#[derive(Clone)]
pub struct Objects {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    store: OnceLock<LocalFileSystem>,
}

impl Objects {
    /// A store in a folder of the data directory, which is made with the first object.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self {
            inner: Arc::new(Inner {
                folder,
                store: OnceLock::new(),
            }),
        }
    }

    fn store(&self) -> Result<&dyn ObjectStore, ObjectError> {
        let inner = &self.inner;
        if let Some(store) = inner.store.get() {
            return Ok(store);
        }
        std::fs::create_dir_all(&inner.folder).map_err(|source| ObjectError {
            action: "making the folder",
            source: Box::new(source),
        })?;
        let opened = LocalFileSystem::new_with_prefix(&inner.folder).map_err(ObjectError::of("opening the folder"))?;
        Ok(inner.store.get_or_init(|| opened.with_fsync(true)))
    }

    /// Keeps bytes and gives their key. They are durable when this returns; the same bytes again only become younger.
    pub async fn put(&self, bytes: Bytes) -> Result<ObjectKey, ObjectError> {
        let key = ObjectKey::of(&bytes);
        let payload = PutPayload::from_bytes(bytes);
        let put = self.store()?.put(&key.path(), payload).await;
        put.map_err(ObjectError::of("writing"))?;
        Ok(key)
    }

    /// Keeps all of a file, as [`put`](Self::put) keeps bytes, and gives its key and length. Nobody may change it meanwhile.
    pub async fn put_file(&self, file: File) -> Result<(ObjectKey, u64), ObjectError> {
        let failed = |source: io::Error| ObjectError {
            action: "reading what is to be kept",
            source: Box::new(source),
        };
        let joined = |error: tokio::task::JoinError| failed(io::Error::other(error));
        let file = Arc::new(file);
        let hashed = Arc::clone(&file);
        let hash = move || {
            let mut hasher = blake3::Hasher::new();
            let (mut piece, mut size) = (vec![0; PIECE], 0);
            loop {
                match hashed.read_at(&mut piece, size)? {
                    0 => return Ok((hasher.finalize(), size)),
                    n => {
                        hasher.update(&piece[..n]);
                        size += n as u64;
                    }
                }
            }
        };
        let (hash, size) = tokio::task::spawn_blocking(hash)
            .await
            .map_err(joined)?
            .map_err(failed)?;
        let mut key = [0; KEY];
        key.copy_from_slice(&hash.as_bytes()[..KEY]);
        let key = ObjectKey(key);
        let mut upload = self
            .store()?
            .put_multipart(&key.path())
            .await
            .map_err(ObjectError::of("writing"))?;
        let mut at = 0;
        while at < size {
            let part = Arc::clone(&file);
            let length = PIECE.min((size - at) as usize);
            let read = move || {
                let mut piece = vec![0; length];
                part.read_exact_at(&mut piece, at).map(|()| piece)
            };
            let piece = tokio::task::spawn_blocking(read)
                .await
                .map_err(joined)?
                .map_err(failed)?;
            upload
                .put_part(PutPayload::from(piece))
                .await
                .map_err(ObjectError::of("writing"))?;
            at += length as u64;
        }
        upload.complete().await.map_err(ObjectError::of("writing"))?;
        Ok((key, size))
    }

    /// All bytes of an object, if there is one.
    pub async fn get(&self, key: ObjectKey) -> Result<Option<Bytes>, ObjectError> {
        let read = async { self.store()?.get(&key.path()).await.map_err(ObjectError::of("reading")) };
        match present(read.await)? {
            Some(found) => present(found.bytes().await.map_err(ObjectError::of("reading"))),
            None => Ok(None),
        }
    }

    /// Some bytes of an object, if there is one; the range must lie in it.
    pub async fn get_range(&self, key: ObjectKey, range: Range<u64>) -> Result<Option<Bytes>, ObjectError> {
        let read = self.store()?.get_range(&key.path(), range).await;
        present(read.map_err(ObjectError::of("reading")))
    }

    /// How many bytes an object has, if there is one.
    pub async fn size(&self, key: ObjectKey) -> Result<Option<u64>, ObjectError> {
        let found = self.store()?.head(&key.path()).await;
        Ok(present(found.map_err(ObjectError::of("looking")))?.map(|found| found.size))
    }

    /// Removes an object; one that is not there is no error.
    pub async fn delete(&self, key: ObjectKey) -> Result<(), ObjectError> {
        let deleted = self.store()?.delete(&key.path()).await;
        present(deleted.map_err(ObjectError::of("deleting")))?;
        Ok(())
    }

    /// All objects, in no order.
    pub fn list(&self) -> impl Stream<Item = Result<Listed, ObjectError>> + Send + use<> {
        let listed = match self.store() {
            Ok(store) => store.list(None).map_err(ObjectError::of("listing")).boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        };
        listed.try_filter_map(|found| async move {
            // What somebody else put there is not ours to judge.
            Ok(ObjectKey::of_path(&found.location).map(|key| Listed {
                key,
                size: found.size,
                put_at: found.last_modified.timestamp_millis(),
            }))
        })
    }

    /// Removes what a killed process began to write and never finished, if nobody has written to it for so long.
    pub async fn remove_unfinished(&self, idle: Duration) -> io::Result<u64> {
        let folder = self.inner.folder.clone();
        let swept = tokio::task::spawn_blocking(move || remove_unfinished(&folder, idle));
        swept.await.map_err(io::Error::other)?
    }
}

/// What is not there is an answer, not an error.
fn present<T>(result: Result<T, ObjectError>) -> Result<Option<T>, ObjectError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) => match error.source.downcast_ref() {
            Some(object_store::Error::NotFound { .. }) => Ok(None),
            _ => Err(error),
        },
    }
}

/// `object_store` writes to `<name>#<number>` and renames; its listings hide those names.
fn remove_unfinished(folder: &std::path::Path, idle: Duration) -> io::Result<u64> {
    let shards = match std::fs::read_dir(folder) {
        Ok(shards) => shards,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut n = 0;
    for shard in shards {
        let shard = shard?;
        if !shard.file_type()?.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(shard.path())? {
            let entry = entry?;
            let name = entry.file_name();
            let is_unfinished = name
                .to_string_lossy()
                .split_once('#')
                .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
            let facts = entry.metadata()?;
            let rested = SystemTime::now().duration_since(facts.modified()?).unwrap_or_default();
            if is_unfinished && facts.is_file() && rested >= idle {
                std::fs::remove_file(entry.path())?;
                n += 1;
            }
        }
    }
    Ok(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_object_is_found_under_the_hash_of_its_bytes_until_it_is_deleted() {
        let folder = tempfile::tempdir().expect("a folder");
        let objects = Objects::in_folder(folder.path().join("made"));
        assert_eq!(objects.get(ObjectKey::of(b"nothing")).await.expect("no error"), None);
        let key = objects.put(Bytes::from_static(b"a picture")).await.expect("room");
        assert_eq!(key, ObjectKey::of(b"a picture"));
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(key.to_string().to_uppercase().parse::<ObjectKey>(), Err(NotAKey));
        assert_eq!(
            objects.put(Bytes::from_static(b"a picture")).await.expect("the same"),
            key
        );
        assert_eq!(
            objects.get(key).await.expect("no error").as_deref(),
            Some(&b"a picture"[..])
        );
        assert_eq!(
            objects.get_range(key, 2..5).await.expect("no error").as_deref(),
            Some(&b"pic"[..])
        );
        assert_eq!(objects.size(key).await.expect("no error"), Some(9));
        let listed: Vec<Listed> = objects.list().try_collect().await.expect("a listing");
        assert_eq!(
            listed.iter().map(|found| (found.key, found.size)).collect::<Vec<_>>(),
            [(key, 9)]
        );
        objects.delete(key).await.expect("no error");
        objects.delete(key).await.expect("gone is no error");
        assert_eq!(objects.size(key).await.expect("no error"), None);
    }

    #[tokio::test]
    async fn only_what_was_never_finished_is_removed_and_only_when_it_rested() {
        let folder = tempfile::tempdir().expect("a folder");
        let objects = Objects::in_folder(folder.path().to_owned());
        let key = objects.put(Bytes::from_static(b"whole")).await.expect("room");
        let text = key.to_string();
        let half = folder.path().join(&text[..2]).join(format!("{}#1", &text[2..]));
        std::fs::write(&half, b"ha").expect("a file");
        assert_eq!(
            objects
                .remove_unfinished(Duration::from_secs(60))
                .await
                .expect("no error"),
            0
        );
        assert_eq!(
            objects.list().try_collect::<Vec<_>>().await.expect("a listing").len(),
            1
        );
        assert_eq!(objects.remove_unfinished(Duration::ZERO).await.expect("no error"), 1);
        assert!(!half.exists());
        assert_eq!(objects.size(key).await.expect("no error"), Some(5));
    }
}
