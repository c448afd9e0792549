//! Which file of an item is shown and played, and what the item's row takes over from it.

use std::collections::HashMap;

use entities::{
    file::{self, FileStatus},
    id::{FileId, MediaId},
    media,
    stream::{self, StreamKind},
};
use kernel::{sql, store::Tx, subtitle_file::NONE};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};

use crate::search::{index, subtitles};

/// Which of the present files is to be the primary one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The one that is, as long as it is present; then the best.
    Keep,
    /// The best by [`quality`].
    Best,
}

/// What pages show of a file's streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Display size, after rotation.
    pub width: Option<i32>,
    /// Display size, after rotation.
    pub height: Option<i32>,
    /// Frames per second.
    pub frame_rate: Option<(i32, i32)>,
    /// Codec of the first real picture.
    pub video_codec: Option<String>,
    /// Codec of the default sound, or of the first.
    pub audio_codec: Option<String>,
    /// Whether any subtitle stream is inside.
    pub has_subtitles: bool,
}

/// The summary of a file's streams, which are in the file's order.
pub fn summary(streams: &[stream::Model]) -> Summary {
    let of = |kind: StreamKind| streams.iter().filter(move |stream| stream.kind == kind);
    let picture = of(StreamKind::Video).find(|stream| !stream.is_cover);
    let sound = of(StreamKind::Audio)
        .find(|stream| stream.is_default)
        .or_else(|| of(StreamKind::Audio).next());
    let is_turned = picture.is_some_and(|stream| stream.rotation % 180 == 90);
    let (width, height) = picture.map_or((None, None), |stream| (stream.width, stream.height));
    let (width, height) = if is_turned { (height, width) } else { (width, height) };
    Summary {
        width,
        height,
        frame_rate: picture.and_then(|stream| Some((stream.frame_rate_num?, stream.frame_rate_den?))),
        video_codec: picture.map(|stream| stream.codec.clone()),
        audio_codec: sound.map(|stream| stream.codec.clone()),
        has_subtitles: of(StreamKind::Subtitle).next().is_some(),
    }
}

/// How good a file is, for comparison with others of the same content: more pixels, then more bits per second, then the
/// codec that makes more of them, then more bytes.
pub fn quality(
    (width, height): (Option<i32>, Option<i32>),
    bit_rate: Option<i64>,
    codec: Option<&str>,
    size: i64,
) -> (i64, i64, u8, i64) {
    let pixels = i64::from(width.unwrap_or(0)) * i64::from(height.unwrap_or(0));
    let codec = match codec.unwrap_or_default() {
        "av1" | "flac" | "alac" => 4,
        "hevc" | "vp9" | "opus" => 3,
        "h264" | "aac" | "vorbis" => 2,
        "vp8" | "mpeg4" | "mp3" => 1,
        _ => 0,
    };
    (pixels, bit_rate.unwrap_or(0), codec, size)
}

/// Takes over what pages show of a file.
pub fn show(item: &mut media::Model, file: &file::Model, summary: &Summary) {
    item.primary_file_id = Some(file.id);
    item.path.clone_from(&file.path);
    item.size = file.size;
    item.duration_us = file.duration_us;
    item.bit_rate = file.bit_rate;
    item.container.clone_from(&file.container);
    item.modified_at = file.mtime_ns.div_euclid(1_000_000);
    item.width = summary.width;
    item.height = summary.height;
    item.frame_rate_num = summary.frame_rate.map(|(num, _)| num);
    item.frame_rate_den = summary.frame_rate.map(|(_, den)| den);
    item.video_codec.clone_from(&summary.video_codec);
    item.audio_codec.clone_from(&summary.audio_codec);
    item.has_subtitles = summary.has_subtitles || file.subtitles != NONE;
}

/// Brings items in line with their files as they are now: how many are present, since when none is, which is shown, and
/// what is searched.
/// The caller has locked the items and tallies what depends on it.
pub async fn settle(tx: &Tx, ids: &[MediaId], choice: Choice, now: i64) -> Result<(), DbErr> {
    for chunk in ids.chunks(sql::CHUNK) {
        let items = media::Entity::find().filter(media::Column::Id.is_in(chunk.iter().copied()));
        let items = items.all(&**tx).await?;
        let files = file::Entity::find().filter(file::Column::MediaId.is_in(chunk.iter().copied()));
        let files = files.order_by_asc(file::Column::Id).all(&**tx).await?;
        let present = files.iter().filter(|file| file.status == FileStatus::Present);
        let summaries = summaries(tx, present.map(|file| file.id).collect()).await?;
        for item in items {
            let of_item = || files.iter().filter(|file| file.media_id == item.id);
            settle_one(tx, &item, of_item().collect(), &summaries, choice, now).await?;
        }
        index::refresh(tx, chunk).await?;
        subtitles::refresh(tx, chunk).await?;
    }
    Ok(())
}

async fn settle_one(
    tx: &Tx,
    item: &media::Model,
    files: Vec<&file::Model>,
    summaries: &HashMap<FileId, Summary>,
    choice: Choice,
    now: i64,
) -> Result<(), DbErr> {
    let present: Vec<&file::Model> = files
        .iter()
        .copied()
        .filter(|file| file.status == FileStatus::Present)
        .collect();
    let nothing = Summary::default();
    let summary = |file: &file::Model| summaries.get(&file.id).unwrap_or(&nothing);
    let rank = |file: &file::Model| {
        let summary = summary(file);
        let codec = summary.video_codec.as_deref().or(summary.audio_codec.as_deref());
        quality((summary.width, summary.height), file.bit_rate, codec, file.size)
    };
    let current = present
        .iter()
        .copied()
        .find(|file| Some(file.id) == item.primary_file_id);
    // Of equal ones the oldest: ids grow with time.
    let best = present
        .iter()
        .copied()
        .max_by_key(|file| (rank(file), std::cmp::Reverse(file.id)));
    let primary = match choice {
        Choice::Keep => current.or(best),
        Choice::Best => best,
    };
    let mut after = item.clone();
    after.n_files = present.len() as i32;
    after.missing_at = if present.is_empty() {
        item.missing_at.or(Some(now))
    } else {
        None
    };
    match primary {
        Some(file) => show(&mut after, file, summary(file)),
        None if !files.iter().any(|file| Some(file.id) == item.primary_file_id) => {
            after.primary_file_id = files.first().map(|file| file.id);
        }
        None => {}
    }
    if after != *item {
        after.updated_at = now;
        write(tx, item, after).await?;
    }
    Ok(())
}

/// Writes only the columns that a file decides: somebody may be editing the others.
async fn write(tx: &Tx, before: &media::Model, after: media::Model) -> Result<(), DbErr> {
    let mut row = before.clone().into_active_model();
    macro_rules! set {
        ($($column:ident),+ $(,)?) => { $(row.$column = Set(after.$column);)+ };
    }
    set!(
        primary_file_id,
        path,
        size,
        duration_us,
        width,
        height,
        frame_rate_num,
        frame_rate_den,
        bit_rate,
        video_codec,
        audio_codec,
        container,
        has_subtitles,
        n_files,
        modified_at,
        updated_at,
        missing_at,
    );
    row.update(&**tx).await?;
    Ok(())
}

async fn summaries(tx: &Tx, files: Vec<FileId>) -> Result<HashMap<FileId, Summary>, DbErr> {
    let mut streams: HashMap<FileId, Vec<stream::Model>> = files.iter().map(|file| (*file, Vec::new())).collect();
    for chunk in files.chunks(sql::CHUNK) {
        let rows = stream::Entity::find().filter(stream::Column::FileId.is_in(chunk.iter().copied()));
        for row in rows.order_by_asc(stream::Column::Index).all(&**tx).await? {
            streams.entry(row.file_id).or_default().push(row);
        }
    }
    Ok(streams
        .into_iter()
        .map(|(file, streams)| (file, summary(&streams)))
        .collect())
}
