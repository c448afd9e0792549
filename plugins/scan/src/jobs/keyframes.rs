//! `scan.keyframes`: the keyframe table of every film that lacks one. Indices first, which takes a moment each; then the
//! films without a usable index, of which every packet has to be read.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use entities::{
    id::{FileId, LibraryId, LibraryPathId},
    keyframe_table::{self, VERSION},
};
use futures_util::{StreamExt, stream};
use kernel::{
    blob::{RelativePath, Root},
    error::Failure,
    jobs::{Job, JobCx, Lane},
    kind,
    store::Durability,
};
use media_engine::{engine::Engine, source::Source};
use media_proto::{
    error::MediaError,
    keyframes::{KeyframeMode, Keyframes},
};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};
use serde::{Deserialize, Serialize};

use crate::{Scan, code, known, sql};

kernel::steps! {
    /// What finding keyframes does.
    pub enum KeyframeStep {
        Index = "index",
        Read = "read",
    }
}

/// Finds the keyframes of one library's films.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FindKeyframes {
    /// The library.
    pub library: LibraryId,
}

/// The most files between two transactions.
const BATCH: usize = 64;
/// The longest a table waits for its transaction.
const MAX_DELAY: Duration = Duration::from_secs(2);
/// Files at the engine at a time while indices are read.
const N_INDICES: usize = 4;

/// Saved with tables. Nothing reads it, for the rows say what is left; that something was saved is progress.
#[derive(Serialize)]
struct KeyframeState {
    n_last: usize,
}

#[derive(Debug, Clone)]
struct Todo {
    file: FileId,
    library_path: LibraryPathId,
    path: RelativePath,
    extension: Option<String>,
    size: i64,
    mtime_ns: i64,
}

/// What is known of a file now.
enum Found {
    /// Its table, or why it has none for as long as it does not change.
    Settled(Result<Keyframes, String>),
    /// Nothing: it has no index to trust, or it cannot be read at the moment.
    Open,
    /// The engine cannot look into any file.
    Down(MediaError),
}

#[async_trait::async_trait]
impl Job for FindKeyframes {
    const KIND: &'static str = "scan.keyframes";
    const UNIQUE: bool = true;
    const LANE: Lane = Lane::Disk;
    // As for hashes: a very long film may outlast many short lives of a server.
    const MAX_ATTEMPTS: u32 = 20;
    type Step = KeyframeStep;
    type Plugin = Scan;

    fn title(&self) -> String {
        "Find where films can be cut".to_owned()
    }

    async fn run(&self, cx: &JobCx<KeyframeStep>, _scan: &Scan) -> anyhow::Result<()> {
        let Some(known) = known::library(cx.kernel().store.reader(), self.library).await? else {
            return Ok(());
        };
        let Some(engine) = cx.kernel().parts.get::<Engine>() else {
            let message = "the media engine is not running; see the log of the start";
            return Err(Failure::new(&code::NO_ENGINE, message).into());
        };
        let mut roots = Vec::new();
        for path in &known.paths {
            let at = std::path::PathBuf::from(&path.path);
            let opened = tokio::task::spawn_blocking(move || Root::open(&at)).await?;
            roots.push((
                path.id,
                Arc::new(opened.with_context(|| format!("opening `{}`", path.path))?),
            ));
        }
        cx.unit("files");
        let finder = Finder {
            cx,
            engine,
            roots,
            library: self.library,
        };
        finder.pass(KeyframeStep::Index, KeyframeMode::Index, N_INDICES).await?;
        finder.pass(KeyframeStep::Read, KeyframeMode::Scan, 1).await
    }
}

struct Finder<'a> {
    cx: &'a JobCx<KeyframeStep>,
    engine: Arc<Engine>,
    roots: Vec<(LibraryPathId, Arc<Root>)>,
    library: LibraryId,
}

impl Finder<'_> {
    /// Goes over all films without a table, so many at a time. The order of ids is the checkpoint: what has a table is no
    /// longer found, what gets none is passed by.
    async fn pass(&self, step: KeyframeStep, mode: KeyframeMode, n_at_once: usize) -> anyhow::Result<()> {
        let cx = self.cx;
        cx.step(step, Some(self.n_left().await?));
        let mut after = FileId(i64::MIN);
        loop {
            let todo = self.todo(after).await?;
            let Some(last) = todo.last() else { return Ok(()) };
            after = last.file;
            let (mut tables, mut begun) = (Vec::new(), Instant::now());
            let find = |todo: Todo| async {
                let found = self.find(&todo, mode).await;
                (todo, found)
            };
            let mut finds = stream::iter(todo).map(find).buffered(n_at_once);
            while let Some((todo, found)) = finds.next().await {
                cx.checkpoint().await?;
                cx.message(todo.path.display());
                match found? {
                    Found::Settled(table) => tables.push(row(&todo, table, cx.kernel().clock.now_ms())),
                    Found::Open => {}
                    Found::Down(error) => {
                        let message = format!("no film can be looked into: {error}");
                        return Err(Failure::new(&code::NO_ENGINE, message).into());
                    }
                }
                if begun.elapsed() >= MAX_DELAY {
                    self.write(std::mem::take(&mut tables)).await?;
                    begun = Instant::now();
                }
                cx.advance(1);
            }
            drop(finds);
            self.write(tables).await?;
        }
    }

    async fn n_left(&self) -> anyhow::Result<u64> {
        let text = format!("select count(*) {LACKING}");
        let rows = sql::rows(
            self.cx.kernel().store.reader(),
            text,
            vec![self.library.0.into(), VERSION.into()],
        )
        .await?;
        let n: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(n.max(0) as u64)
    }

    async fn todo(&self, after: FileId) -> anyhow::Result<Vec<Todo>> {
        let text = format!(
            "select file.id, folder.library_path_id, folder.path, file.name, file.size, file.mtime_ns \
             {LACKING} and file.id > $3 order by file.id limit {BATCH}"
        );
        let values = vec![self.library.0.into(), VERSION.into(), after.0.into()];
        let rows = sql::rows(self.cx.kernel().store.reader(), text, values).await?;
        let mut todo = Vec::with_capacity(rows.len());
        for row in rows {
            let folder = RelativePath::from_bytes(row.try_get_by_index(2)?);
            let name = row.try_get_by_index::<Vec<u8>>(3)?;
            todo.push(Todo {
                file: FileId(row.try_get_by_index(0)?),
                library_path: LibraryPathId(row.try_get_by_index(1)?),
                path: folder.join(&name),
                extension: kind::extension(&name),
                size: row.try_get_by_index(4)?,
                mtime_ns: row.try_get_by_index(5)?,
            });
        }
        Ok(todo)
    }

    async fn find(&self, todo: &Todo, mode: KeyframeMode) -> anyhow::Result<Found> {
        let Some((_, root)) = self.roots.iter().find(|(id, _)| *id == todo.library_path) else {
            return Ok(Found::Open);
        };
        let (root, path, size, mtime_ns) = (Arc::clone(root), todo.path.clone(), todo.size, todo.mtime_ns);
        let open = move || {
            let (file, facts) = root.open_file(&path).ok()?;
            (facts.size == size && facts.mtime_ns == mtime_ns).then_some(())?;
            Source::new(file).ok()
        };
        // What is not what the row says is the next scan's business.
        let Some(source) = tokio::task::spawn_blocking(open).await? else {
            return Ok(Found::Open);
        };
        loop {
            let extension = todo.extension.clone();
            let asked = self
                .engine
                .keyframes(&source, extension, None, mode, self.cx.canceled());
            return Ok(match asked.await {
                Ok(Some(table)) => Found::Settled(Ok(table)),
                Ok(None) if mode == KeyframeMode::Index => Found::Open,
                Ok(None) => Found::Settled(Err("its times are in no order".to_owned())),
                Err(MediaError::Busy { .. }) if !self.cx.canceled().is_cancelled() => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
                Err(error @ (MediaError::Unavailable { .. } | MediaError::Version { .. })) => Found::Down(error),
                Err(error) if error.blames_file() => Found::Settled(Err(error.to_string())),
                Err(_) => Found::Open,
            });
        }
    }

    async fn write(&self, tables: Vec<keyframe_table::ActiveModel>) -> anyhow::Result<()> {
        if tables.is_empty() {
            return Ok(());
        }
        use keyframe_table::Column;
        let n_last = tables.len();
        let all = [
            Column::Size,
            Column::MtimeNs,
            Column::Version,
            Column::StreamIndex,
            Column::TimeBaseNum,
            Column::TimeBaseDen,
            Column::StartPts,
            Column::EndPts,
            Column::ReorderDepth,
            Column::IsFromIndex,
            Column::NKeyframes,
            Column::Deltas,
            Column::Reason,
            Column::MadeAt,
        ];
        let tx = self.cx.begin(Durability::Normal).await?;
        // A library may be removed meanwhile, and its files with it.
        let files: Vec<FileId> = tables
            .iter()
            .filter_map(|table| table.file_id.try_as_ref().copied())
            .collect();
        let text = format!("select id from file where id in ({})", sql::ids(&files));
        let mut present = std::collections::HashSet::new();
        for row in sql::rows(&*tx, text, Vec::new()).await? {
            present.insert(row.try_get_by_index::<i64>(0)?);
        }
        let tables = tables
            .into_iter()
            .filter(|table| table.file_id.try_as_ref().is_some_and(|file| present.contains(&file.0)));
        keyframe_table::Entity::insert_many(tables)
            .on_conflict(OnConflict::column(Column::FileId).update_columns(all).to_owned())
            .exec_without_returning(&*tx)
            .await?;
        self.cx.save_in(&tx, &KeyframeState { n_last }).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Present films of a library whose content has no table of this version.
const LACKING: &str = "from file join folder on folder.id = file.folder_id join media on media.id = file.media_id \
    where file.library_id = $1 and file.status = 0 and media.kind = 0 and file.probed_at is not null \
    and not exists (select 1 from keyframe_table made where made.file_id = file.id and made.size = file.size \
    and made.mtime_ns = file.mtime_ns and made.version = $2)";

fn row(todo: &Todo, table: Result<Keyframes, String>, now: i64) -> keyframe_table::ActiveModel {
    let (table, reason) = match table {
        Ok(table) => (table, None),
        Err(reason) => {
            let none = Keyframes {
                time_base: (1, 1),
                ..Keyframes::default()
            };
            (none, Some(reason))
        }
    };
    keyframe_table::ActiveModel {
        file_id: Set(todo.file),
        size: Set(todo.size),
        mtime_ns: Set(todo.mtime_ns),
        version: Set(VERSION),
        stream_index: Set(table.stream as i32),
        time_base_num: Set(table.time_base.0),
        time_base_den: Set(table.time_base.1),
        start_pts: Set(table.start_pts),
        end_pts: Set(table.end_pts),
        reorder_depth: Set(table.reorder_depth as i32),
        is_from_index: Set(table.is_from_index),
        n_keyframes: Set(table.deltas.len() as i32),
        deltas: Set(keyframe_table::pack(&table.deltas)),
        reason: Set(reason),
        made_at: Set(now),
    }
}
