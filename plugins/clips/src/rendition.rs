//! Rows of renditions, and what each kind of them is.

use entities::id::{FileId, JobId, MediaId, RenditionId};
use kernel::{objects::ObjectKey, sql};
use media_proto::{
    head::AudioHead,
    rendition::{Preset, VideoCodec, VideoRendition, rung, usual_bit_rate},
};
use schema::media::clip::{MakingError, Rendition, RenditionKind, RenditionStatus};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};

use crate::{own::Own, source::Subject};

/// How far a rendition is, as rows say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits.
    Waiting = 0,
    /// It is being made.
    Rendering = 1,
    /// It is whole.
    Ready = 2,
    /// It could not be made.
    Failed = 3,
}

/// A rendition as it is made.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its id.
    pub id: RenditionId,
    /// The file that it is made of, as it was then.
    pub file: FileId,
    /// Its size.
    pub size: i64,
    /// Its modification time.
    pub mtime_ns: i64,
    /// What it is.
    pub wanted: Wanted,
    /// How far it is.
    pub status: i32,
    /// Which job makes it.
    pub job: Option<JobId>,
    /// Its item.
    pub media: MediaId,
    /// Where its bytes are, once it is whole.
    pub key: Option<ObjectKey>,
}

/// What a file is made into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which kind.
    pub kind: RenditionKind,
    /// The settings of a kind that has none itself.
    pub own: Option<Own>,
}

const COLUMNS: &str =
    "select id, file_id, size, mtime_ns, kind, status, job_id, settings, media_id, object_key from clip_rendition";

/// Reads a rendition.
pub async fn find<C: ConnectionTrait>(db: &C, id: RenditionId) -> Result<Option<Row>, DbErr> {
    let rows = sql::rows(db, format!("{COLUMNS} where id = $1"), [id.0.into()]).await?;
    rows.first().map(row).transpose()
}

/// Reads the rendition of a kind of the present state of a file.
pub async fn of_file<C: ConnectionTrait>(db: &C, subject: &Subject, wanted: &Wanted) -> Result<Option<Row>, DbErr> {
    let text = format!("{COLUMNS} where file_id = $1 and kind = $2 and settings = $3 and size = $4 and mtime_ns = $5");
    let file = &subject.file;
    let values = [
        file.id.0.into(),
        (wanted.kind as i32).into(),
        wanted.settings().into(),
        file.size.into(),
        file.mtime_ns.into(),
    ];
    let rows = sql::rows(db, text, values).await?;
    rows.first().map(row).transpose()
}

fn row(row: &QueryResult) -> Result<Row, DbErr> {
    Ok(Row {
        id: RenditionId(row.try_get_by_index(0)?),
        file: FileId(row.try_get_by_index(1)?),
        size: row.try_get_by_index(2)?,
        mtime_ns: row.try_get_by_index(3)?,
        wanted: Wanted {
            kind: kind(row.try_get_by_index(4)?),
            own: Own::of_text(&row.try_get_by_index::<String>(7)?),
        },
        status: row.try_get_by_index(5)?,
        job: row.try_get_by_index::<Option<i64>>(6)?.map(JobId),
        media: MediaId(row.try_get_by_index(8)?),
        key: row
            .try_get_by_index::<Option<Vec<u8>>>(9)?
            .and_then(|key| ObjectKey::from_bytes(&key)),
    })
}

impl Wanted {
    fn settings(&self) -> String {
        self.own.as_ref().map(Own::to_text).unwrap_or_default()
    }

    /// The pictures that are made of a file; none for sound alone, or where the file has none.
    pub fn pictures(&self, subject: &Subject) -> Option<VideoRendition> {
        let shape = subject.video.as_ref()?.shape(&subject.file);
        let (codec, preset, lines, rate) = match (self.kind, &self.own) {
            (RenditionKind::Proxy720p, _) => (VideoCodec::H264, Preset::Superfast, 720, 2_800_000),
            (RenditionKind::Proxy480p, _) => (VideoCodec::H264, Preset::Superfast, 480, 1_200_000),
            (RenditionKind::H264Lines1080, _) => (VideoCodec::H264, Preset::Medium, 1080, 6_000_000),
            (RenditionKind::Av1Lines1080, _) => (VideoCodec::Av1, Preset::Veryfast, 1080, 3_000_000),
            (RenditionKind::Own, Some(own)) => {
                let lines = own.lines?;
                let rate = own.bit_rate.unwrap_or_else(|| usual_bit_rate(lines));
                (own.codec, own.effort, lines, rate)
            }
            (RenditionKind::AudioOnly | RenditionKind::Own, _) => return None,
        };
        let made = rung(&shape, preset, lines, rate);
        Some(VideoRendition { codec, ..made })
    }

    /// The sound that is made of a file, and its number of segments.
    pub fn sound(&self, subject: &Subject) -> Option<(AudioHead, u32)> {
        let (mut head, n_segments) = subject.audio_head()?;
        if let Some(rate) = self.own.as_ref().and_then(|own| own.sound_bit_rate) {
            head.rendition.bit_rate = rate;
        }
        Some((head, n_segments))
    }

    /// Whether a file has what it is made of.
    pub fn is_possible(&self, subject: &Subject) -> bool {
        let is_sound = match &self.own {
            Some(own) => own.lines.is_none(),
            None => self.kind == RenditionKind::AudioOnly,
        };
        match is_sound {
            true => !subject.sounds.is_empty(),
            false => subject.video.is_some(),
        }
    }

    fn label(&self, pictures: Option<&VideoRendition>) -> String {
        let height = pictures.map(|pictures| pictures.width.min(pictures.height));
        match (&self.own, self.kind, height) {
            (Some(own), ..) => own.label(height),
            (None, RenditionKind::Av1Lines1080, Some(height)) => format!("{height}p AV1"),
            (None, _, Some(height)) => format!("{height}p"),
            (None, ..) => "Audio".to_owned(),
        }
    }
}

/// The files of a rendition while it is made: of each track, and of all together.
pub fn work_names(id: RenditionId) -> [String; 3] {
    [format!("{id}.0"), format!("{id}.1"), format!("{id}.mp4")]
}

/// Writes a new rendition of the present state of a file, and which job makes it.
pub async fn insert<C: ConnectionTrait>(
    db: &C,
    (id, job): (RenditionId, JobId),
    (media, subject): (MediaId, &Subject),
    wanted: &Wanted,
    now: i64,
) -> Result<(), DbErr> {
    let pictures = wanted.pictures(subject);
    let label = wanted.label(pictures.as_ref());
    let sound = wanted.sound(subject).map_or(0, |(head, _)| head.rendition.bit_rate);
    let bit_rate = pictures.as_ref().map_or(0, |pictures| pictures.bit_rate) + sound;
    let text = "insert into clip_rendition (id, media_id, file_id, size, mtime_ns, kind, settings, label, width, height, \
        bit_rate, status, job_id, created_at, updated_at) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12, $13, $13)";
    let side = |side: fn(&VideoRendition) -> u32| pictures.as_ref().map(|pictures| side(pictures) as i32);
    let values: [Value; 13] = [
        id.0.into(),
        media.0.into(),
        subject.file.id.0.into(),
        subject.file.size.into(),
        subject.file.mtime_ns.into(),
        (wanted.kind as i32).into(),
        wanted.settings().into(),
        label.into(),
        side(|pictures| pictures.width).into(),
        side(|pictures| pictures.height).into(),
        (bit_rate as i64).into(),
        job.0.into(),
        now.into(),
    ];
    sql::execute(db, text, values).await?;
    Ok(())
}

/// Says which job makes it.
pub async fn set_job<C: ConnectionTrait>(db: &C, id: RenditionId, job: JobId) -> Result<(), DbErr> {
    let text =
        "update clip_rendition set job_id = $2, status = 0, error_code = null, error_message = null where id = $1";
    sql::execute(db, text, [id.0.into(), job.0.into()]).await?;
    Ok(())
}

/// Says that it is being made.
pub async fn set_rendering<C: ConnectionTrait>(db: &C, id: RenditionId, now: i64) -> Result<(), DbErr> {
    let text =
        "update clip_rendition set status = 1, error_code = null, error_message = null, updated_at = $2 where id = $1";
    sql::execute(db, text, [id.0.into(), now.into()]).await?;
    Ok(())
}

/// Says why it could not be made, unless it is whole: a commit that failed may have happened.
pub async fn set_failed<C: ConnectionTrait>(
    db: &C,
    id: RenditionId,
    (code, message): (&str, String),
    now: i64,
) -> Result<(), DbErr> {
    let text = "update clip_rendition set status = 3, error_code = $2, error_message = $3, updated_at = $4 \
        where id = $1 and status = 1";
    let values: [Value; 4] = [id.0.into(), code.into(), message.into(), now.into()];
    sql::execute(db, text, values).await?;
    Ok(())
}

/// Says where it is, now that it is whole.
pub async fn set_ready<C: ConnectionTrait>(
    db: &C,
    id: RenditionId,
    (key, n_bytes, duration_us): (ObjectKey, u64, i64),
    layout: String,
    now: i64,
) -> Result<(), DbErr> {
    let text = "update clip_rendition set status = 2, object_key = $2, n_bytes = $3, duration_us = $4, bit_rate = $5, \
        layout = $6, error_code = null, error_message = null, updated_at = $7 where id = $1";
    let rate = i128::from(n_bytes) * 8_000_000 / i128::from(duration_us.max(1));
    let values: [Value; 7] = [
        id.0.into(),
        key.as_bytes().to_vec().into(),
        (n_bytes as i64).into(),
        duration_us.into(),
        i64::try_from(rate).unwrap_or(0).into(),
        layout.into(),
        now.into(),
    ];
    sql::execute(db, text, values).await?;
    Ok(())
}

/// What the columns of [`shown`] are.
pub const SHOWN: &str = "made.id, made.kind, made.label, made.width, made.height, made.bit_rate, made.n_bytes, made.status, \
    made.object_key, made.error_code, made.error_message, made.created_at, made.media_id, job.state, \
    case when file.size = made.size and file.mtime_ns = made.mtime_ns then 1 else 0 end, \
    case when made.layout is null then 0 else 1 end \
    from clip_rendition as made join file on file.id = made.file_id left join job on job.id = made.job_id";

/// A rendition as clients see it, without its URLs.
pub struct Shown {
    /// The rendition.
    pub rendition: Rendition,
    /// The key of its bytes, once it is whole.
    pub key: Option<ObjectKey>,
    /// Whether it can be played in parts.
    pub is_laid: bool,
    /// Its item.
    pub media: MediaId,
}

/// A rendition of a row of [`SHOWN`].
pub fn shown(row: &QueryResult) -> Result<Shown, DbErr> {
    let status: i32 = row.try_get_by_index(7)?;
    let job: Option<i32> = row.try_get_by_index(13)?;
    let is_current = row.try_get_by_index::<i32>(14)? == 1;
    let key: Option<Vec<u8>> = row.try_get_by_index(8)?;
    let error = row
        .try_get_by_index::<Option<String>>(9)?
        .zip(row.try_get_by_index(10)?);
    let rendition = Rendition {
        id: RenditionId(row.try_get_by_index(0)?),
        kind: kind(row.try_get_by_index(1)?),
        label: row.try_get_by_index(2)?,
        width: row.try_get_by_index(3)?,
        height: row.try_get_by_index(4)?,
        bit_rate: row.try_get_by_index(5)?,
        size: row.try_get_by_index(6)?,
        status: match (status, job) {
            (2, _) if is_current => RenditionStatus::Ready,
            (2, _) => RenditionStatus::Outdated,
            // The job's states: 4 is failed for good, 5 canceled.
            (0 | 1, Some(5)) => RenditionStatus::Canceled,
            (0 | 1, Some(4)) | (3, _) => RenditionStatus::Failed,
            (1, _) => RenditionStatus::Rendering,
            _ => RenditionStatus::Waiting,
        },
        url: None,
        hls_url: None,
        error: error.map(|(code, message)| MakingError { code, message }),
        created_at: row.try_get_by_index(11)?,
    };
    Ok(Shown {
        rendition,
        key: key.and_then(|key| ObjectKey::from_bytes(&key)),
        is_laid: row.try_get_by_index::<i32>(15)? == 1,
        media: MediaId(row.try_get_by_index(12)?),
    })
}

fn kind(number: i32) -> RenditionKind {
    match number {
        1 => RenditionKind::Proxy480p,
        2 => RenditionKind::H264Lines1080,
        3 => RenditionKind::AudioOnly,
        4 => RenditionKind::Av1Lines1080,
        5 => RenditionKind::Own,
        _ => RenditionKind::Proxy720p,
    }
}
