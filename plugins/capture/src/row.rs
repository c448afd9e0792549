//! Rows of sources, captures, their files and gaps. The address of a source is in its row sealed; see `secret`.

use entities::id::{CaptureGapId, CaptureId, CapturePartId, CaptureSourceId, JobId, LibraryId};
use kernel::sql;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};

/// How far a capture is. Below [`Finished`](Self::Finished) it is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nothing has come yet.
    Connecting = 0,
    /// It records.
    Recording = 1,
    /// It has lost its source and looks for it.
    Reconnecting = 2,
    /// It has ended as it was to.
    Finished = 3,
    /// It had to end.
    Failed = 4,
}

impl Status {
    /// Out of a row.
    pub fn of(number: i32) -> Self {
        match number {
            0 => Self::Connecting,
            1 => Self::Recording,
            2 => Self::Reconnecting,
            3 => Self::Finished,
            _ => Self::Failed,
        }
    }

    /// Whether it has ended.
    pub fn is_terminal(self) -> bool {
        self as i32 >= Self::Finished as i32
    }
}

/// A source, without its address.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its id.
    pub id: CaptureSourceId,
    /// Where recordings go.
    pub library: LibraryId,
    /// Its name.
    pub name: String,
    /// Where it is, without account, path and query.
    pub shown: String,
    /// Whether it may be captured.
    pub is_enabled: bool,
    /// Whether it is always captured.
    pub is_continuous: bool,
    /// When captures begin, as a pattern in UTC.
    pub schedule: Option<String>,
    /// How long a capture is, in seconds.
    pub duration_s: Option<i32>,
    /// How long recordings are kept, in days.
    pub keep_days: Option<i32>,
    /// How much is kept, in bytes.
    pub keep_bytes: Option<i64>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// The last time of the schedule that was looked at.
    pub last_tick: i64,
    /// Files in which less moved are not kept, in percent; none keeps all, and looks for nothing.
    pub motion_threshold: Option<i32>,
}

const SOURCE: &str = "id, library_id, name, is_enabled, is_continuous, schedule, duration_s, keep_days, keep_bytes, \
    last_error, last_tick, shown, motion_threshold";

/// All sources, or one.
pub async fn sources<C: ConnectionTrait>(db: &C, id: Option<CaptureSourceId>) -> Result<Vec<Source>, DbErr> {
    let only = id.map_or_else(String::new, |id| format!("where id = {}", id.0));
    let rows = sql::rows(
        db,
        format!("select {SOURCE} from capture_source {only} order by id"),
        [],
    )
    .await?;
    rows.iter().map(source).collect()
}

fn source(row: &QueryResult) -> Result<Source, DbErr> {
    Ok(Source {
        id: CaptureSourceId(row.try_get_by_index(0)?),
        library: LibraryId(row.try_get_by_index(1)?),
        name: row.try_get_by_index(2)?,
        is_enabled: row.try_get_by_index(3)?,
        is_continuous: row.try_get_by_index(4)?,
        schedule: row.try_get_by_index(5)?,
        duration_s: row.try_get_by_index(6)?,
        keep_days: row.try_get_by_index(7)?,
        keep_bytes: row.try_get_by_index(8)?,
        last_error: row.try_get_by_index(9)?,
        last_tick: row.try_get_by_index(10)?,
        shown: row.try_get_by_index(11)?,
        motion_threshold: row.try_get_by_index(12)?,
    })
}

/// The address of a source as it is in its row: sealed, or as old versions wrote it.
pub async fn address<C: ConnectionTrait>(db: &C, id: CaptureSourceId) -> Result<Option<String>, DbErr> {
    let rows = sql::rows(db, "select address from capture_source where id = $1", [id.0.into()]).await?;
    rows.first().map(|row| row.try_get_by_index(0)).transpose()
}

/// Writes a source: a new one with its sealed address, or over a known one, whose address stays where none is given.
pub async fn write_source<C: ConnectionTrait>(
    db: &C,
    source: &Source,
    address: Option<&str>,
    now: i64,
) -> Result<(), DbErr> {
    let text = "insert into capture_source (id, library_id, name, address, is_enabled, is_continuous, schedule, duration_s, \
        keep_days, keep_bytes, last_tick, created_at, updated_at, shown, \
        motion_threshold) values ($1, $2, $3, coalesce($4, ''), $5, $6, $7, $8, $9, $10, $11, $11, $11, $12, $13) \
        on conflict (id) do update set library_id = excluded.library_id, name = excluded.name, \
        address = coalesce($4, capture_source.address), is_enabled = excluded.is_enabled, \
        is_continuous = excluded.is_continuous, schedule = excluded.schedule, duration_s = excluded.duration_s, \
        keep_days = excluded.keep_days, keep_bytes = excluded.keep_bytes, last_tick = excluded.last_tick, \
        updated_at = excluded.updated_at, shown = excluded.shown, motion_threshold = excluded.motion_threshold";
    let values: [Value; 13] = [
        source.id.0.into(),
        source.library.0.into(),
        source.name.clone().into(),
        address.map(str::to_owned).into(),
        source.is_enabled.into(),
        source.is_continuous.into(),
        source.schedule.clone().into(),
        source.duration_s.into(),
        source.keep_days.into(),
        source.keep_bytes.into(),
        now.into(),
        source.shown.clone().into(),
        source.motion_threshold.into(),
    ];
    sql::execute(db, text, values).await?;
    Ok(())
}

/// Sources whose address is as old versions wrote it.
pub async fn unsealed<C: ConnectionTrait>(db: &C) -> Result<Vec<(CaptureSourceId, String)>, DbErr> {
    let rows = sql::rows(db, "select id, address from capture_source where shown = ''", []).await?;
    let read = |row: &QueryResult| Ok((CaptureSourceId(row.try_get_by_index(0)?), row.try_get_by_index(1)?));
    rows.iter().map(read).collect()
}

/// Replaces the address of a source by itself sealed.
pub async fn set_address<C: ConnectionTrait>(
    db: &C,
    id: CaptureSourceId,
    sealed: String,
    shown: String,
) -> Result<(), DbErr> {
    let text = "update capture_source set address = $2, shown = $3 where id = $1";
    sql::execute(db, text, [id.0.into(), sealed.into(), shown.into()]).await?;
    Ok(())
}

/// A capture.
#[derive(Debug, Clone)]
pub struct Capture {
    /// Its id.
    pub id: CaptureId,
    /// Of what.
    pub source: CaptureSourceId,
    /// How far it is.
    pub status: Status,
    /// Whether it was told to stop.
    pub is_stopping: bool,
    /// When it began.
    pub started_at: i64,
    /// When it is to end.
    pub ends_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Bytes of its files.
    pub n_bytes: i64,
    /// How long they are together, in microseconds.
    pub duration_us: i64,
    /// How many files were not kept, for too little moved in them.
    pub n_skipped: i32,
}

/// Columns of a capture, for [`capture`].
pub const CAPTURE: &str = "capture.id, capture.source_id, capture.status, capture.is_stopping, \
    capture.started_at, capture.ends_at, capture.ended_at, capture.last_error, \
    coalesce((select cast(sum(part.n_bytes) as bigint) from capture_part as part where part.capture_id = capture.id), 0), \
    coalesce((select cast(sum(part.duration_us) as bigint) from capture_part as part where part.capture_id = capture.id), 0), \
    capture.n_skipped";

/// Reads a capture off a row.
pub fn capture(row: &QueryResult) -> Result<Capture, DbErr> {
    Ok(Capture {
        id: CaptureId(row.try_get_by_index(0)?),
        source: CaptureSourceId(row.try_get_by_index(1)?),
        status: Status::of(row.try_get_by_index(2)?),
        is_stopping: row.try_get_by_index(3)?,
        started_at: row.try_get_by_index(4)?,
        ends_at: row.try_get_by_index(5)?,
        ended_at: row.try_get_by_index(6)?,
        last_error: row.try_get_by_index(7)?,
        n_bytes: row.try_get_by_index(8)?,
        duration_us: row.try_get_by_index(9)?,
        n_skipped: row.try_get_by_index(10)?,
    })
}

/// One capture.
pub async fn find<C: ConnectionTrait>(db: &C, id: CaptureId) -> Result<Option<Capture>, DbErr> {
    let rows = sql::rows(
        db,
        format!("select {CAPTURE} from capture where id = $1"),
        [id.0.into()],
    )
    .await?;
    rows.first().map(capture).transpose()
}

/// Begins a capture; it fails where the source has a live one.
pub async fn insert<C: ConnectionTrait>(
    db: &C,
    id: CaptureId,
    source: CaptureSourceId,
    ends_at: Option<i64>,
    now: i64,
) -> Result<(), DbErr> {
    let text = "insert into capture (id, source_id, status, is_stopping, started_at, ends_at, updated_at) \
        values ($1, $2, 0, $5, $3, $4, $3)";
    let values: [Value; 5] = [id.0.into(), source.0.into(), now.into(), ends_at.into(), false.into()];
    sql::execute(db, text, values).await?;
    Ok(())
}

/// Says which job does it.
pub async fn set_job<C: ConnectionTrait>(db: &C, id: CaptureId, job: JobId) -> Result<(), DbErr> {
    let text = "update capture set job_id = $2 where id = $1";
    sql::execute(db, text, [id.0.into(), job.0.into()]).await?;
    Ok(())
}

/// Says how far it is, and what went wrong with it and its source.
pub async fn set_status<C: ConnectionTrait>(
    db: &C,
    capture: &Capture,
    status: Status,
    error: Option<&str>,
    now: i64,
) -> Result<(), DbErr> {
    let text = "update capture set status = $2, last_error = coalesce($3, last_error), updated_at = $4, ended_at = $5 \
        where id = $1";
    let ended_at = status.is_terminal().then_some(now);
    let error = error.map(str::to_owned);
    let values: [Value; 5] = [
        capture.id.0.into(),
        (status as i32).into(),
        error.clone().into(),
        now.into(),
        ended_at.into(),
    ];
    sql::execute(db, text, values).await?;
    // A source that works again has no error.
    if error.is_some() || status == Status::Recording {
        let text = "update capture_source set last_error = $2, updated_at = $3 where id = $1";
        sql::execute(db, text, [capture.source.0.into(), error.into(), now.into()]).await?;
    }
    Ok(())
}

/// Tells a capture to stop.
pub async fn set_stopping<C: ConnectionTrait>(db: &C, id: CaptureId) -> Result<(), DbErr> {
    let text = "update capture set is_stopping = $2 where id = $1";
    sql::execute(db, text, [id.0.into(), true.into()]).await?;
    Ok(())
}

/// A file of a capture that is not whole yet.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its id.
    pub id: CapturePartId,
    /// The capture.
    pub capture: CaptureId,
    /// The name of its file.
    pub file_name: String,
    /// When it began.
    pub started_at: i64,
}

/// What is known of a file that is whole.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Its size.
    pub n_bytes: i64,
    /// Its pictures.
    pub n_frames: i64,
    /// How long it is, in microseconds.
    pub duration_us: i64,
    /// The BLAKE3 hash of its bytes.
    pub hash: Vec<u8>,
    /// Whether it was cut off.
    pub is_interrupted: bool,
    /// How much moved in each second, in percent; empty where nobody looked.
    pub motion: Vec<u8>,
}

/// Begins a file: its row is there before its first byte.
pub async fn insert_part<C: ConnectionTrait>(db: &C, part: &Part) -> Result<(), DbErr> {
    let text = "insert into capture_part (id, capture_id, status, file_name, started_at, n_bytes, n_frames, duration_us, \
        is_interrupted) values ($1, $2, 0, $3, $4, 0, 0, 0, $5) on conflict (id) do nothing";
    let values: [Value; 5] = [
        part.id.0.into(),
        part.capture.0.into(),
        part.file_name.clone().into(),
        part.started_at.into(),
        false.into(),
    ];
    sql::execute(db, text, values).await?;
    Ok(())
}

/// Says how far a file is.
pub async fn set_progress<C: ConnectionTrait>(db: &C, id: CapturePartId, sealed: &Sealed) -> Result<(), DbErr> {
    let text = "update capture_part set n_bytes = $2, n_frames = $3, duration_us = $4 where id = $1 and status = 0";
    let values: [Value; 4] = [
        id.0.into(),
        sealed.n_bytes.into(),
        sealed.n_frames.into(),
        sealed.duration_us.into(),
    ];
    sql::execute(db, text, values).await?;
    Ok(())
}

/// Says that a file is whole and in its place.
pub async fn seal<C: ConnectionTrait>(db: &C, id: CapturePartId, sealed: &Sealed, now: i64) -> Result<(), DbErr> {
    let text = "update capture_part set status = 1, n_bytes = $2, n_frames = $3, duration_us = $4, hash = $5, \
        is_interrupted = $6, ended_at = $7, motion = $8 where id = $1";
    let motion = (!sealed.motion.is_empty()).then(|| sealed.motion.clone());
    let values: [Value; 8] = [
        id.0.into(),
        sealed.n_bytes.into(),
        sealed.n_frames.into(),
        sealed.duration_us.into(),
        sealed.hash.clone().into(),
        sealed.is_interrupted.into(),
        now.into(),
        motion.into(),
    ];
    sql::execute(db, text, values).await?;
    Ok(())
}

/// Forgets a file that is not kept; says whether it was known.
pub async fn remove_part<C: ConnectionTrait>(db: &C, id: CapturePartId) -> Result<bool, DbErr> {
    let removed = sql::execute(db, "delete from capture_part where id = $1", [id.0.into()]).await?;
    Ok(removed > 0)
}

/// Counts a file that is not kept, for too little moved in it.
pub async fn count_skipped<C: ConnectionTrait>(db: &C, id: CaptureId) -> Result<(), DbErr> {
    let text = "update capture set n_skipped = n_skipped + 1 where id = $1";
    sql::execute(db, text, [id.0.into()]).await?;
    Ok(())
}

/// The files of a capture that are not whole, the oldest first.
pub async fn open_parts<C: ConnectionTrait>(db: &C, capture: CaptureId) -> Result<Vec<Part>, DbErr> {
    let text = "select id, capture_id, file_name, started_at from capture_part where capture_id = $1 and status = 0 \
        order by id";
    let rows = sql::rows(db, text, [capture.0.into()]).await?;
    let read = |row: &QueryResult| {
        Ok(Part {
            id: CapturePartId(row.try_get_by_index(0)?),
            capture: CaptureId(row.try_get_by_index(1)?),
            file_name: row.try_get_by_index(2)?,
            started_at: row.try_get_by_index(3)?,
        })
    };
    rows.iter().map(read).collect()
}

/// A file of a capture as those see it who watch.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its id.
    pub id: CapturePartId,
    /// The name of its file.
    pub file_name: String,
    /// When it began.
    pub started_at: i64,
    /// Whether it is whole.
    pub is_sealed: bool,
    /// Where it goes.
    pub library: LibraryId,
    /// Whether nothing comes after it.
    pub is_over: bool,
}

/// A file of a capture, or its latest.
pub async fn shown_part<C: ConnectionTrait>(
    db: &C,
    capture: CaptureId,
    part: Option<CapturePartId>,
) -> Result<Option<Shown>, DbErr> {
    let text = "select capture_part.id, file_name, capture_part.started_at, capture_part.status, library_id, capture.status \
        from capture_part join capture on capture.id = capture_part.capture_id \
        join capture_source on capture_source.id = capture.source_id \
        where capture.id = $1 and ($2 = 0 or capture_part.id = $2) order by capture_part.id desc limit 1";
    let values: [Value; 2] = [capture.0.into(), part.map_or(0, |part| part.0).into()];
    let rows = sql::rows(db, text, values).await?;
    let read = |row: &QueryResult| {
        Ok(Shown {
            id: CapturePartId(row.try_get_by_index(0)?),
            file_name: row.try_get_by_index(1)?,
            started_at: row.try_get_by_index(2)?,
            is_sealed: row.try_get_by_index::<i32>(3)? != 0,
            library: LibraryId(row.try_get_by_index(4)?),
            is_over: Status::of(row.try_get_by_index(5)?).is_terminal(),
        })
    };
    rows.first().map(read).transpose()
}

/// Opens a gap, unless one is open.
pub async fn open_gap<C: ConnectionTrait>(
    db: &C,
    capture: CaptureId,
    began_at: i64,
    reason: &str,
) -> Result<(), DbErr> {
    let text = "insert into capture_gap (id, capture_id, began_at, reason) select $1, $2, $3, $4 \
        where not exists (select 1 from capture_gap where capture_id = $2 and ended_at is null)";
    let values: [Value; 4] = [
        CaptureGapId::new().0.into(),
        capture.0.into(),
        began_at.into(),
        reason.into(),
    ];
    sql::execute(db, text, values).await?;
    Ok(())
}

/// Closes the open gap.
pub async fn close_gap<C: ConnectionTrait>(db: &C, capture: CaptureId, now: i64) -> Result<(), DbErr> {
    let text = "update capture_gap set ended_at = $2 where capture_id = $1 and ended_at is null";
    sql::execute(db, text, [capture.0.into(), now.into()]).await?;
    Ok(())
}
