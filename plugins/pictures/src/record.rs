//! Writes what came of an item, in the caller's transaction: the bytes are in the store before.

use std::collections::BTreeMap;

use entities::{file_analysis, media::MediaKind};
use kernel::{
    events::{MediaAnalyzed, MediaChanged},
    objects::ObjectKey,
    sql,
    store::Tx,
};
use media_proto::survey::{PosterSource as Source, Surveyed};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, DbErr, EntityTrait, Iterable, QueryFilter,
    sea_query::{Expr, OnConflict},
};

use crate::{
    draw::{Drawn, Fault, Kept},
    queue::Task,
    recipe::VERSION,
    tables::{
        picture_failure,
        picture_object::{self, Role},
        picture_part,
        picture_set::{self, PosterSource},
        picture_still,
    },
    total,
};

/// The longest a failure that passes waits for its next try.
const LONGEST_WAIT_MS: i64 = 24 * 3600 * 1000;
/// The first wait; each one doubles it.
const FIRST_WAIT_MS: i64 = 5 * 60 * 1000;

/// Writes a set in place of the one before, and what was measured. Parts that failed become a failure beside it.
pub async fn success(tx: &Tx, task: &Task, drawn: &Drawn, ffmpeg: &str, now: i64) -> Result<(), DbErr> {
    // A sheet and a poster may be the same bytes; a part has one place for each role, format and width.
    let mut parts: BTreeMap<_, &Kept> = BTreeMap::new();
    for kept in drawn.kept.iter().filter(|kept| kept.role != Role::Still) {
        parts.insert((kept.role, kept.format as i32, kept.width), kept);
    }
    let added = objects(tx, parts.values().copied(), now).await?;
    picture_part::Entity::delete_many()
        .filter(picture_part::Column::MediaId.eq(task.media))
        .exec(&**tx)
        .await?;
    let replace = OnConflict::column(picture_set::Column::MediaId)
        .update_columns(picture_set::Column::iter().filter(|column| !matches!(column, picture_set::Column::MediaId)))
        .to_owned();
    picture_set::Entity::insert(set(task, &drawn.surveyed, now))
        .on_conflict(replace)
        .exec_without_returning(&**tx)
        .await?;
    let rows: Vec<_> = parts.values().map(|kept| part(task, kept)).collect();
    if !rows.is_empty() {
        picture_part::Entity::insert_many(rows)
            .exec_without_returning(&**tx)
            .await?;
    }
    let replace = OnConflict::column(file_analysis::Column::FileId)
        .update_columns(file_analysis::Column::iter().filter(|column| !matches!(column, file_analysis::Column::FileId)))
        .to_owned();
    file_analysis::Entity::insert(analysis(task, &drawn.surveyed, now))
        .on_conflict(replace)
        .exec_without_returning(&**tx)
        .await?;
    match incomplete(task, drawn) {
        Some(fault) => failure(tx, task, &fault, ffmpeg, now).await?,
        None => {
            picture_failure::Entity::delete_by_id(task.media).exec(&**tx).await?;
        }
    }
    total::add_survey(tx, added, drawn.took_ms).await?;
    tx.publish(MediaChanged {
        media: vec![task.media],
    });
    tx.publish(MediaAnalyzed {
        media: vec![task.media],
    });
    Ok(())
}

/// Writes why an item could not be drawn, and logs it. What was drawn of it before stays.
pub async fn failure(tx: &Tx, task: &Task, fault: &Fault, ffmpeg: &str, now: i64) -> Result<(), DbErr> {
    let known = picture_failure::Entity::find_by_id(task.media).one(&**tx).await?;
    let same = known.filter(|row| {
        (row.file_id, row.size, row.mtime_ns, row.version) == (task.file, task.size, task.mtime_ns, VERSION)
    });
    let attempts = same.map_or(0, |row| row.attempts).saturating_add(1);
    let wait = FIRST_WAIT_MS
        .saturating_mul(1 << (attempts - 1).clamp(0, 16))
        .min(LONGEST_WAIT_MS);
    let row = picture_failure::ActiveModel {
        media_id: Set(task.media),
        file_id: Set(task.file),
        size: Set(task.size),
        mtime_ns: Set(task.mtime_ns),
        version: Set(VERSION),
        ffmpeg: Set(ffmpeg.to_owned()),
        path: Set(task.path.clone()),
        code: Set(fault.code.clone()),
        message: Set(fault.message.clone()),
        attempts: Set(attempts),
        failed_at: Set(now),
        retry_at: Set(fault.is_passing.then_some(now + wait)),
    };
    let replace = OnConflict::column(picture_failure::Column::MediaId)
        .update_columns(
            picture_failure::Column::iter().filter(|column| !matches!(column, picture_failure::Column::MediaId)),
        )
        .to_owned();
    picture_failure::Entity::insert(row)
        .on_conflict(replace)
        .exec_without_returning(&**tx)
        .await?;
    tracing::warn!(media = %task.media, file = %task.file, path = task.path, code = fault.code, attempts,
        reason = fault.message, "an item could not be drawn");
    Ok(())
}

/// A picture at a time that somebody asked for.
pub async fn still(tx: &Tx, row: picture_still::Model, kept: &Kept, now: i64) -> Result<(), DbErr> {
    use picture_still::Column;
    let added = objects(tx, [kept].into_iter(), now).await?;
    let replace = OnConflict::columns([Column::FileId, Column::AtUs, Column::Format, Column::Width])
        .update_columns([Column::Size, Column::MtimeNs, Column::Key])
        .to_owned();
    picture_still::Entity::insert(picture_still::ActiveModel::from(row).reset_all())
        .on_conflict(replace)
        .exec_without_returning(&**tx)
        .await?;
    total::add(tx, added).await
}

/// Rows of objects; gives the bytes that are new. Those that are known become younger, so that no sweep takes them.
async fn objects(tx: &Tx, kept: impl Iterator<Item = &Kept> + Clone, now: i64) -> Result<i64, DbErr> {
    let distinct: BTreeMap<ObjectKey, &Kept> = kept.map(|kept| (kept.key, kept)).collect();
    if distinct.is_empty() {
        return Ok(0);
    }
    let mut values = Vec::with_capacity(distinct.len() * 4);
    for kept in distinct.values() {
        values.extend([
            kept.key.as_bytes().to_vec().into(),
            (kept.role as i32).into(),
            kept.bytes.into(),
            now.into(),
        ]);
    }
    let text = format!(
        "insert into picture_object (key, role, bytes, made_at) values {} on conflict (key) do nothing returning bytes",
        sql::tuples(distinct.len(), 4)
    );
    let mut added = 0;
    let inserted = sql::rows(&**tx, text, values).await?;
    for row in &inserted {
        added += row.try_get_by_index::<i64>(0)?;
    }
    if inserted.len() < distinct.len() {
        let keys = distinct.keys().map(|key| key.as_bytes().to_vec());
        picture_object::Entity::update_many()
            .col_expr(picture_object::Column::MadeAt, Expr::value(now))
            .filter(picture_object::Column::Key.is_in(keys))
            .exec(&**tx)
            .await?;
    }
    Ok(added)
}

fn set(task: &Task, surveyed: &Surveyed, now: i64) -> picture_set::ActiveModel {
    let has_peaks = surveyed.peaks.filter(|(windows, _)| *windows > 0);
    let sprite = surveyed.sprite;
    picture_set::ActiveModel {
        media_id: Set(task.media),
        file_id: Set(task.file),
        size: Set(task.size),
        mtime_ns: Set(task.mtime_ns),
        version: Set(VERSION),
        poster_source: Set(surveyed.poster.map(|source| match source {
            Source::Frame(_) => PosterSource::Frame,
            Source::Cover => PosterSource::Cover,
            Source::Image => PosterSource::Image,
        })),
        poster_at_us: Set(match surveyed.poster {
            Some(Source::Frame(at_us)) => Some(at_us),
            _ => None,
        }),
        thumbhash: Set(surveyed.thumbhash.clone()),
        sprite_count: Set(sprite.map(|layout| layout.count as i32)),
        sprite_columns: Set(sprite.map(|layout| layout.columns as i32)),
        sprite_tile_width: Set(sprite.map(|layout| layout.tile_width as i32)),
        sprite_tile_height: Set(sprite.map(|layout| layout.tile_height as i32)),
        sprite_interval_us: Set(sprite.map(|layout| layout.interval_us)),
        peaks_per_second: Set(has_peaks.map(|(_, rate)| rate as i32)),
        made_at: Set(now),
    }
}

fn part(task: &Task, kept: &Kept) -> picture_part::ActiveModel {
    picture_part::ActiveModel {
        media_id: Set(task.media),
        role: Set(kept.role),
        format: Set(kept.format),
        width: Set(kept.width),
        height: Set(kept.height),
        key: Set(kept.key.as_bytes().to_vec()),
    }
}

fn analysis(task: &Task, surveyed: &Surveyed, now: i64) -> file_analysis::ActiveModel {
    let times = |times: &[i64]| (!times.is_empty()).then(|| file_analysis::pack_times(times));
    let stretches = |stretches: &[(i64, i64)]| {
        let flat: Vec<i64> = stretches.iter().flat_map(|(start, end)| [*start, *end]).collect();
        times(&flat)
    };
    let words = &surveyed.fingerprint;
    let loudness = surveyed.loudness;
    file_analysis::ActiveModel {
        file_id: Set(task.file),
        size: Set(task.size),
        mtime_ns: Set(task.mtime_ns),
        version: Set(VERSION),
        phash: Set(surveyed.phash.map(u64::cast_signed)),
        audio_fingerprint: Set((!words.is_empty()).then(|| file_analysis::pack_words(words))),
        loudness_lufs: Set(loudness.map(|loudness| loudness.integrated_lufs)),
        loudness_range_lu: Set(loudness.map(|loudness| loudness.range_lu)),
        true_peak_dbtp: Set(loudness.map(|loudness| loudness.true_peak_dbtp)),
        scenes: Set(times(&surveyed.scenes_us)),
        black: Set(stretches(&surveyed.black_us)),
        silence: Set(stretches(&surveyed.silence_us)),
        made_at: Set(now),
    }
}

/// What is missing of a set although the survey as a whole succeeded.
fn incomplete(task: &Task, drawn: &Drawn) -> Option<Fault> {
    let mut reasons: Vec<String> = drawn
        .surveyed
        .failures
        .iter()
        .map(|(part, why)| format!("{part}: {why}"))
        .collect();
    let has_poster = drawn.kept.iter().any(|kept| kept.role == Role::Poster);
    let needs_poster = task.subject.kind != MediaKind::Audio;
    if reasons.is_empty() && needs_poster && !has_poster {
        reasons.push("poster: no picture could be decoded".to_owned());
    }
    (!reasons.is_empty()).then(|| Fault {
        is_passing: false,
        ..Fault::new(&crate::code::INCOMPLETE, reasons.join("; "))
    })
}
