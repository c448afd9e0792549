//! Rows of clips.

use entities::id::{ClipId, JobId, LibraryId, MarkerId, MediaId};
use kernel::{error::Failure, sql};
use media_proto::clip as proto;
use schema::media::clip::{Clip, ClipFormat, ClipMode, ClipStatus, MakingError};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};

/// How far a clip is, as rows say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits.
    Waiting = 0,
    /// It is being cut.
    Rendering = 1,
    /// Its file is in its place, and no item yet.
    Placed = 2,
    /// It is an item.
    Ready = 3,
    /// It could not be made.
    Failed = 4,
}

/// A clip as it is made.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its id.
    pub id: ClipId,
    /// The item that it is cut out of.
    pub source: MediaId,
    /// Its library.
    pub library: LibraryId,
    /// What it is named.
    pub title: String,
    /// The parts in microseconds.
    pub ranges: Vec<(i64, i64)>,
    /// How it is cut.
    pub mode: ClipMode,
    /// What it is made into.
    pub format: ClipFormat,
    /// How far it is.
    pub status: i32,
    /// The name of its file.
    pub file_name: String,
    /// The marker that it was made of.
    pub marker: Option<MarkerId>,
    /// The item that it has become.
    pub result: Option<MediaId>,
    /// Which job makes it.
    pub job: Option<JobId>,
}

/// Reads a clip.
pub async fn find<C: ConnectionTrait>(db: &C, id: ClipId) -> Result<Option<Row>, DbErr> {
    let text = "select id, media_id, library_id, title, ranges, mode, format, status, file_name, marker_id, result_media_id, \
         job_id from clip where id = $1";
    let rows = sql::rows(db, text, [id.0.into()]).await?;
    rows.first().map(row).transpose()
}

fn row(row: &QueryResult) -> Result<Row, DbErr> {
    Ok(Row {
        id: ClipId(row.try_get_by_index(0)?),
        source: MediaId(row.try_get_by_index(1)?),
        library: LibraryId(row.try_get_by_index(2)?),
        title: row.try_get_by_index(3)?,
        ranges: ranges(&row.try_get_by_index::<String>(4)?),
        mode: mode_of(row.try_get_by_index(5)?),
        format: format_of(row.try_get_by_index(6)?),
        status: row.try_get_by_index(7)?,
        file_name: row.try_get_by_index(8)?,
        marker: row.try_get_by_index::<Option<i64>>(9)?.map(MarkerId),
        result: row.try_get_by_index::<Option<i64>>(10)?.map(MediaId),
        job: row.try_get_by_index::<Option<i64>>(11)?.map(JobId),
    })
}

/// Writes a new clip.
pub async fn insert<C: ConnectionTrait>(db: &C, row: &Row, now: i64) -> Result<(), Failure> {
    let text = "insert into clip (id, media_id, library_id, title, ranges, mode, format, status, file_name, marker_id, \
        job_id, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)";
    let ranges = serde_json::to_string(&row.ranges).map_err(Failure::internal)?;
    let values: [Value; 12] = [
        row.id.0.into(),
        row.source.0.into(),
        row.library.0.into(),
        row.title.clone().into(),
        ranges.into(),
        (row.mode as i32).into(),
        (row.format as i32).into(),
        row.status.into(),
        row.file_name.clone().into(),
        row.marker.map(|marker| marker.0).into(),
        row.job.map(|job| job.0).into(),
        now.into(),
    ];
    sql::execute(db, text, values).await?;
    Ok(())
}

/// Says how far it is; what went wrong before is forgotten. False when it was deleted meanwhile.
pub async fn set_state<C: ConnectionTrait>(db: &C, id: ClipId, state: State, now: i64) -> Result<bool, DbErr> {
    let text = "update clip set status = $2, error_code = null, error_message = null, updated_at = $3 where id = $1";
    let n = sql::execute(db, text, [id.0.into(), (state as i32).into(), now.into()]).await?;
    Ok(n > 0)
}

/// Says why it could not be made, unless it is in its place: a commit that failed may have happened.
pub async fn set_failed<C: ConnectionTrait>(
    db: &C,
    id: ClipId,
    (code, message): (&str, String),
    now: i64,
) -> Result<(), DbErr> {
    let text =
        "update clip set status = 4, error_code = $2, error_message = $3, updated_at = $4 where id = $1 and status = 1";
    let values: [Value; 4] = [id.0.into(), code.into(), message.into(), now.into()];
    sql::execute(db, text, values).await?;
    Ok(())
}

/// Says how it was cut.
pub async fn set_made<C: ConnectionTrait>(db: &C, id: ClipId, made: &proto::Clipped) -> Result<(), DbErr> {
    let text = "update clip set made_mode = $2, reason = $3 where id = $1";
    let mode = match made.mode {
        proto::ClipMode::Smart => ClipMode::Smart,
        proto::ClipMode::Exact => ClipMode::Exact,
        proto::ClipMode::Keyframe => ClipMode::Keyframe,
    };
    let values: [Value; 3] = [id.0.into(), (mode as i32).into(), made.reason.clone().into()];
    sql::execute(db, text, values).await?;
    Ok(())
}

/// What the columns of [`shown`] are.
pub const SHOWN: &str = "clip.id, clip.title, clip.ranges, clip.mode, clip.made_mode, clip.reason, clip.format, clip.status, \
    clip.result_media_id, clip.media_id, clip.error_code, clip.error_message, clip.created_at, job.state \
    from clip left join job on job.id = clip.job_id";

/// What holds for clips that are shown: one that was deleted is there again once its file is back from the trash.
pub const IS_THERE: &str = "(clip.deleted_at is null or exists (select 1 from file where file.media_id = clip.result_media_id \
    and file.path = clip.file_name and file.status = 0))";

/// A clip as clients see it.
pub fn shown(row: &QueryResult) -> Result<Clip, DbErr> {
    let status: i32 = row.try_get_by_index(7)?;
    let job: Option<i32> = row.try_get_by_index(13)?;
    let error = row
        .try_get_by_index::<Option<String>>(10)?
        .zip(row.try_get_by_index(11)?);
    Ok(Clip {
        id: ClipId(row.try_get_by_index(0)?),
        title: row.try_get_by_index(1)?,
        ranges: ranges(&row.try_get_by_index::<String>(2)?),
        mode: mode_of(row.try_get_by_index(3)?),
        made_mode: row.try_get_by_index::<Option<i32>>(4)?.map(mode_of),
        reason: row.try_get_by_index(5)?,
        format: format_of(row.try_get_by_index(6)?),
        status: match (status, job) {
            // The job's states: 4 is failed for good, 5 canceled.
            (0 | 1, Some(5)) => ClipStatus::Canceled,
            (0 | 1, Some(4)) | (4, _) => ClipStatus::Failed,
            (1, _) => ClipStatus::Rendering,
            (2, _) => ClipStatus::Adding,
            (3, _) => ClipStatus::Ready,
            _ => ClipStatus::Waiting,
        },
        media: row.try_get_by_index::<Option<i64>>(8)?.map(MediaId),
        source: MediaId(row.try_get_by_index(9)?),
        error: error.map(|(code, message)| MakingError { code, message }),
        created_at: row.try_get_by_index(12)?,
    })
}

fn ranges(text: &str) -> Vec<(i64, i64)> {
    // Only we write them.
    serde_json::from_str(text).unwrap_or_default()
}

/// The mode that a row says.
pub fn mode_of(number: i32) -> ClipMode {
    match number {
        1 => ClipMode::Exact,
        2 => ClipMode::Keyframe,
        _ => ClipMode::Smart,
    }
}

/// The format that a row says.
pub fn format_of(number: i32) -> ClipFormat {
    match number {
        1 => ClipFormat::Gif,
        2 => ClipFormat::Webp,
        _ => ClipFormat::Mp4,
    }
}
