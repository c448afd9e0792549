//! `scan.hash`: the full BLAKE3 of every file that lacks one, in the background and in batches.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use entities::id::{FileId, LibraryId, LibraryPathId};
use kernel::{
    blob::{RelativePath, Root},
    events::MediaChanged,
    identity,
    jobs::{Job, JobCx, Lane},
    store::Durability,
};
use serde::{Deserialize, Serialize};

use crate::{Scan, known, sql};

kernel::steps! {
    /// What hashing does.
    pub enum HashStep {
        Hash = "hash",
    }
}

/// Hashes one library.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HashLibrary {
    /// The library.
    pub library: LibraryId,
}

/// The most files between two transactions.
const BATCH: usize = 64;
/// The longest a hash waits for its transaction, unless one file takes longer: a restart repeats what was not written.
const MAX_DELAY: Duration = Duration::from_secs(2);

/// Saved with what was hashed. Nothing reads it, for the rows say what is left; that something was saved is progress.
#[derive(Serialize)]
struct HashState {
    n_last: usize,
}

struct Todo {
    file: FileId,
    media: entities::id::MediaId,
    library_path: LibraryPathId,
    path: RelativePath,
    size: i64,
    mtime_ns: i64,
}

#[async_trait::async_trait]
impl Job for HashLibrary {
    const KIND: &'static str = "scan.hash";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Cpu;
    // What is written grants new attempts, but a very large file may outlast many short lives of a server.
    const MAX_ATTEMPTS: u32 = 20;
    type Step = HashStep;
    type Plugin = Scan;

    fn title(&self) -> String {
        "Hash files completely".to_owned()
    }

    async fn run(&self, cx: &JobCx<HashStep>, _scan: &Scan) -> anyhow::Result<()> {
        let db = cx.kernel().store.reader();
        let Some(known) = known::library(db, self.library).await? else {
            return Ok(());
        };
        let text = "select count(*) from file where library_id = $1 and content_hash is null and status = 0";
        let rows = sql::rows(db, text, vec![self.library.0.into()]).await?;
        let n: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
        cx.unit("files");
        cx.step(HashStep::Hash, Some(n as u64));
        let mut roots = Vec::new();
        for path in &known.paths {
            let at = std::path::PathBuf::from(&path.path);
            let opened = tokio::task::spawn_blocking(move || Root::open(&at)).await?;
            roots.push((
                path.id,
                Arc::new(opened.with_context(|| format!("opening `{}`", path.path))?),
            ));
        }
        // The order of ids is the checkpoint: what is hashed is no longer found, what cannot be read is passed by.
        let mut after = FileId(i64::MIN);
        loop {
            let todo = todo(cx, self.library, after).await?;
            let Some(last) = todo.last() else { return Ok(()) };
            after = last.file;
            let (mut hashed, mut begun) = (Vec::new(), Instant::now());
            for todo in todo {
                cx.checkpoint().await?;
                cx.message(todo.path.display());
                let Some((_, root)) = roots.iter().find(|(id, _)| *id == todo.library_path) else {
                    continue;
                };
                if let Some(hash) = hash(cx, root, &todo).await? {
                    hashed.push((todo, hash));
                }
                if begun.elapsed() >= MAX_DELAY {
                    write(cx, std::mem::take(&mut hashed)).await?;
                    begun = Instant::now();
                }
                cx.advance(1);
            }
            write(cx, hashed).await?;
        }
    }
}

async fn todo(cx: &JobCx<HashStep>, library: LibraryId, after: FileId) -> anyhow::Result<Vec<Todo>> {
    let text = format!(
        "select file.id, file.media_id, folder.library_path_id, folder.path, file.name, file.size, file.mtime_ns \
         from file join folder on folder.id = file.folder_id \
         where file.library_id = $1 and file.content_hash is null and file.status = 0 and file.id > $2 \
         order by file.id limit {BATCH}"
    );
    let rows = sql::rows(cx.kernel().store.reader(), text, vec![library.0.into(), after.0.into()]).await?;
    let mut todo = Vec::with_capacity(rows.len());
    for row in rows {
        let folder = RelativePath::from_bytes(row.try_get_by_index(3)?);
        todo.push(Todo {
            file: FileId(row.try_get_by_index(0)?),
            media: entities::id::MediaId(row.try_get_by_index(1)?),
            library_path: LibraryPathId(row.try_get_by_index(2)?),
            path: folder.join(&row.try_get_by_index::<Vec<u8>>(4)?),
            size: row.try_get_by_index(5)?,
            mtime_ns: row.try_get_by_index(6)?,
        });
    }
    Ok(todo)
}

/// The hash of a file, or nothing when it is not what the row says.
async fn hash(cx: &JobCx<HashStep>, root: &Arc<Root>, todo: &Todo) -> anyhow::Result<Option<Vec<u8>>> {
    let (root, path) = (Arc::clone(root), todo.path.clone());
    let (size, mtime_ns, cancel) = (todo.size, todo.mtime_ns, cx.canceled().clone());
    let read = move || {
        let (file, facts) = root.open_file(&path).ok()?;
        (facts.size == size && facts.mtime_ns == mtime_ns).then_some(())?;
        let hash = identity::content_hash(&file, || !cancel.is_cancelled()).ok()??;
        let (_, facts) = root.open_file(&path).ok()?;
        (facts.size == size && facts.mtime_ns == mtime_ns).then(|| hash.to_vec())
    };
    Ok(tokio::task::spawn_blocking(read).await?)
}

async fn write(cx: &JobCx<HashStep>, hashed: Vec<(Todo, Vec<u8>)>) -> anyhow::Result<()> {
    if hashed.is_empty() {
        return Ok(());
    }
    let tx = cx.begin(Durability::Normal).await?;
    for (todo, hash) in &hashed {
        // A scan may have recorded other bytes meanwhile.
        let text = "update file set content_hash = $2 where id = $1 and size = $3 and mtime_ns = $4";
        let values = vec![
            todo.file.0.into(),
            hash.clone().into(),
            todo.size.into(),
            todo.mtime_ns.into(),
        ];
        sql::execute(&*tx, text, values).await?;
    }
    cx.save_in(&tx, &HashState { n_last: hashed.len() }).await?;
    tx.publish(MediaChanged {
        media: hashed.iter().map(|(todo, _)| todo.media).collect(),
    });
    tx.commit().await?;
    Ok(())
}
