//! Captures, files and gaps for one request: one statement each for all that a page wants.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use async_graphql::Context;
use dataloader::{BatchFn, non_cached::Loader};
use entities::id::{CaptureId, CaptureSourceId, MediaId};
use kernel::{error::Failure, plugin::Kernel, sql};
use schema::{
    kit::{loader::YIELDS, scalar::DateTime},
    limits,
};
use sea_orm::{DatabaseConnection, DbErr};

use super::types::{CaptureGap, FileRow, Shared};
use crate::row::{self, Capture};

/// The most rows of one list that are told.
const MOST: usize = 1000;

type Loaded<T> = Result<Shared<T>, Arc<DbErr>>;

/// What one request reads.
pub struct RequestCaptures {
    captures: Loader<CaptureSourceId, Loaded<Capture>, ReadCaptures>,
    files: Loader<CaptureId, Loaded<FileRow>, ReadFiles>,
    gaps: Loader<CaptureId, Loaded<CaptureGap>, ReadGaps>,
}

struct ReadCaptures(DatabaseConnection);
struct ReadFiles(DatabaseConnection);
struct ReadGaps(DatabaseConnection);

impl RequestCaptures {
    /// Loaders over the reader.
    pub fn new(kernel: &Kernel) -> Self {
        let db = || kernel.store.reader().clone();
        let most = limits::PAGE_OF_IDS;
        Self {
            captures: Loader::new(ReadCaptures(db()))
                .with_yield_count(YIELDS)
                .with_max_batch_size(most),
            files: Loader::new(ReadFiles(db()))
                .with_yield_count(YIELDS)
                .with_max_batch_size(most),
            gaps: Loader::new(ReadGaps(db()))
                .with_yield_count(YIELDS)
                .with_max_batch_size(most),
        }
    }

    /// Those of this request.
    pub fn of<'a>(cx: &Context<'a>) -> &'a Arc<Self> {
        cx.data_unchecked::<Arc<Self>>()
    }

    /// Captures of a source, the latest first.
    pub async fn captures(&self, source: CaptureSourceId) -> Result<Shared<Capture>, Failure> {
        Ok(self.captures.try_load(source).await.map_err(Failure::internal)??)
    }

    /// Files of a capture, the oldest first.
    pub async fn files(&self, capture: CaptureId) -> Result<Shared<FileRow>, Failure> {
        Ok(self.files.try_load(capture).await.map_err(Failure::internal)??)
    }

    /// Gaps of a capture, the oldest first.
    pub async fn gaps(&self, capture: CaptureId) -> Result<Shared<CaptureGap>, Failure> {
        Ok(self.gaps.try_load(capture).await.map_err(Failure::internal)??)
    }
}

impl BatchFn<CaptureSourceId, Loaded<Capture>> for ReadCaptures {
    async fn load(&mut self, sources: &[CaptureSourceId]) -> HashMap<CaptureSourceId, Loaded<Capture>> {
        let ids = sql::ids(sources.iter().copied());
        let columns = row::CAPTURE;
        let text = format!("select {columns} from capture where capture.source_id in ({ids}) order by capture.id desc");
        let read = |row: &sea_orm::QueryResult| row::capture(row).map(|capture| (capture.source, capture));
        spread(sources, sql::rows(&self.0, text, []).await, read)
    }
}

impl BatchFn<CaptureId, Loaded<FileRow>> for ReadFiles {
    async fn load(&mut self, captures: &[CaptureId]) -> HashMap<CaptureId, Loaded<FileRow>> {
        let ids = sql::ids(captures.iter().copied());
        let text = format!(
            "select capture_id, started_at, ended_at, n_bytes, n_frames, duration_us, is_interrupted, media_id, motion \
            from capture_part where capture_id in ({ids}) order by id"
        );
        let read = |row: &sea_orm::QueryResult| {
            let file = FileRow {
                started_at: row.try_get_by_index(1)?,
                ended_at: row.try_get_by_index(2)?,
                n_bytes: row.try_get_by_index(3)?,
                n_frames: row.try_get_by_index(4)?,
                duration_us: row.try_get_by_index(5)?,
                is_interrupted: row.try_get_by_index(6)?,
                media: row.try_get_by_index::<Option<i64>>(7)?.map(MediaId),
                motion: row.try_get_by_index(8)?,
            };
            Ok((CaptureId(row.try_get_by_index(0)?), file))
        };
        spread(captures, sql::rows(&self.0, text, []).await, read)
    }
}

impl BatchFn<CaptureId, Loaded<CaptureGap>> for ReadGaps {
    async fn load(&mut self, captures: &[CaptureId]) -> HashMap<CaptureId, Loaded<CaptureGap>> {
        let ids = sql::ids(captures.iter().copied());
        let text = format!(
            "select capture_id, began_at, ended_at, reason from capture_gap where capture_id in ({ids}) order by id"
        );
        let read = |row: &sea_orm::QueryResult| {
            let gap = CaptureGap {
                started_at: DateTime(row.try_get_by_index(1)?),
                ended_at: row.try_get_by_index::<Option<i64>>(2)?.map(DateTime),
                reason: row.try_get_by_index(3)?,
            };
            Ok((CaptureId(row.try_get_by_index(0)?), gap))
        };
        spread(captures, sql::rows(&self.0, text, []).await, read)
    }
}

/// Gives each key its rows, in their order.
fn spread<K: Hash + Eq + Copy, T>(
    keys: &[K],
    found: Result<Vec<sea_orm::QueryResult>, DbErr>,
    read: impl Fn(&sea_orm::QueryResult) -> Result<(K, T), DbErr>,
) -> HashMap<K, Loaded<T>> {
    let rows: Result<Vec<(K, T)>, DbErr> = found.and_then(|rows| rows.iter().map(read).collect());
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            let error = Arc::new(error);
            return keys.iter().map(|key| (*key, Err(Arc::clone(&error)))).collect();
        }
    };
    let mut own: HashMap<K, Vec<T>> = HashMap::new();
    for (key, row) in rows {
        let list = own.entry(key).or_default();
        if list.len() < MOST {
            list.push(row);
        }
    }
    keys.iter()
        .map(|key| (*key, Ok(Arc::new(own.remove(key).unwrap_or_default()))))
        .collect()
}
