//! Where the pictures of a file begin, end, and can be cut: by the table of its keyframes, or by the container's own index
//! where none was made yet.

use entities::{file, keyframe_table, stream};
use kernel::{kind, library_file::LibraryFile, store::Store};
use media_engine::{engine::Engine, source::Source};
use media_proto::{
    grid::to_ticks,
    keyframes::{KeyframeMode, Keyframes},
};
use sea_orm::{DbErr, EntityTrait};
use tokio_util::sync::CancellationToken;

/// What is known of where pictures begin, end, and can be cut.
pub struct Cuts {
    /// When the first picture shows, in ticks of the stream.
    pub start_pts: i64,
    /// Where the last one ends, if known.
    pub end_pts: Option<i64>,
    /// How many frames decode before they show, at most.
    pub reorder_depth: u32,
    /// Presentation times of the keyframes.
    pub keyframes: Vec<i64>,
    /// The whole table, if there is one.
    pub table: Option<Keyframes>,
}

impl Cuts {
    /// What is known of a file's pictures.
    ///
    /// # Errors
    /// The database fails.
    pub async fn find(
        store: &Store,
        engine: &Engine,
        file: &file::Model,
        video: &stream::Model,
    ) -> Result<Self, DbErr> {
        let row = keyframe_table::Entity::find_by_id(file.id).one(store.reader()).await?;
        let Some(row) = row.filter(|row| row.is_of(file, video)) else {
            let indexed = by_index(store, engine, file, video).await;
            return Ok(indexed.unwrap_or_else(|| by_row(video, file)));
        };
        let is_from_index = row.is_from_index;
        let of_table = Self::of(Keyframes {
            stream: row.stream_index.unsigned_abs(),
            time_base: (row.time_base_num, row.time_base_den),
            start_pts: row.start_pts,
            end_pts: row.end_pts,
            deltas: keyframe_table::unpack(&row.deltas).unwrap_or_default(),
            is_from_index,
            reorder_depth: row.reorder_depth.unsigned_abs(),
        });
        Ok(match is_from_index {
            true => of_table,
            // A scan may end after players got their playlists, so it may not change what these say.
            false => Self {
                keyframes: of_table.keyframes,
                table: of_table.table,
                ..by_row(video, file)
            },
        })
    }

    fn of(table: Keyframes) -> Self {
        Self {
            start_pts: table.start_pts,
            end_pts: table.end_pts,
            reorder_depth: table.reorder_depth,
            keyframes: table.pts().collect(),
            table: Some(table),
        }
    }
}

/// What the container's own index says: the same that a table in the database will say.
async fn by_index(store: &Store, engine: &Engine, file: &file::Model, video: &stream::Model) -> Option<Cuts> {
    let located = LibraryFile::find(store, file.id).await.ok()??;
    let (opened, facts) = located.open().await.ok()?;
    if (facts.size, facts.mtime_ns) != (file.size, file.mtime_ns) {
        return None;
    }
    let source = Source::new(opened).ok()?;
    let stream = Some(video.index.unsigned_abs());
    let cancel = CancellationToken::new();
    let asked = engine.keyframes(
        &source,
        kind::extension(&file.name),
        stream,
        KeyframeMode::Index,
        &cancel,
    );
    let table = asked.await.ok()??;
    let is_of_it = table.time_base == (video.time_base_num, video.time_base_den);
    (is_of_it && !table.deltas.is_empty()).then(|| Cuts::of(table))
}

/// What the probe found, where there is no index.
fn by_row(video: &stream::Model, file: &file::Model) -> Cuts {
    let start_us = video.start_us.or(file.start_us).unwrap_or(0);
    Cuts {
        start_pts: to_ticks(start_us, (video.time_base_num, video.time_base_den)),
        end_pts: None,
        reorder_depth: 0,
        keyframes: Vec::new(),
        table: None,
    }
}
