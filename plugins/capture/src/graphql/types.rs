//! Sources, captures, their files and gaps as clients see them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use entities::{
    id::{CaptureId, MediaId},
    user::Role,
};
use kernel::plugin::Kernel;
use schema::{
    caches::Loaders,
    kit::{
        access::require,
        connection::{Connection, Total},
        error::ToGraphql,
        id::id,
        keyset::Keyset,
        page::{self, PageArgs},
        scalar::{Bytes, DateTime, Seconds, Url},
    },
    library::types::Library,
    media::types::Media,
};

use super::loader::RequestCaptures;
use crate::{
    Capture as Plugin,
    desk::Vitals,
    routes,
    row::{self, Status},
};

/// How far a capture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum CaptureStatus {
    /// Nothing has come yet.
    Connecting,
    /// It records.
    Recording,
    /// It has lost its source and looks for it.
    Reconnecting,
    /// It has ended as it was to.
    Finished,
    /// It had to end.
    Failed,
}

impl From<Status> for CaptureStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Connecting => Self::Connecting,
            Status::Recording => Self::Recording,
            Status::Reconnecting => Self::Reconnecting,
            Status::Finished => Self::Finished,
            Status::Failed => Self::Failed,
        }
    }
}

/// How a live source fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum CaptureSourceStatus {
    /// It may not be captured.
    Disabled,
    /// Nobody captures it.
    Idle,
    /// A capture waits for its first picture.
    Connecting,
    /// It is recorded.
    Recording,
    /// A capture has lost it and looks for it.
    Reconnecting,
    /// Its last capture had to end.
    Failed,
}

/// A live source that can be captured, such as a camera. What is secret in its address is not told.
#[derive(Clone)]
pub struct CaptureSource(pub row::Source);

/// A live source that can be captured, such as a camera. What is secret in its address is not told.
#[Object]
impl CaptureSource {
    /// Its id.
    async fn id(&self) -> ID {
        id(self.0.id)
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Where it is: its address without account, path and query, such as `rtsp://camera.lan:554`. Null for viewers.
    async fn address(&self, cx: &Context<'_>) -> Option<&str> {
        let viewer = require(cx).ok()?;
        (viewer.role != Role::Viewer).then_some(&self.0.shown)
    }

    /// Where recordings go.
    async fn library(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Library>> {
        let row = Loaders::of(cx).library.get(self.0.library).await.graphql()?;
        Ok(row.map(|row| Library { row }))
    }

    /// Whether it may be captured.
    async fn is_enabled(&self) -> bool {
        self.0.is_enabled
    }

    /// Whether it is always captured.
    async fn is_continuous(&self) -> bool {
        self.0.is_continuous
    }

    /// When captures begin by themselves, in UTC: a cron pattern.
    async fn schedule(&self) -> Option<&str> {
        self.0.schedule.as_deref()
    }

    /// How many seconds a capture that begins by schedule is long; null for until it is stopped.
    async fn duration(&self) -> Option<i32> {
        self.0.duration_s
    }

    /// After how many days recordings are removed; null for never.
    async fn keep_days(&self) -> Option<i32> {
        self.0.keep_days
    }

    /// The most bytes that are kept; null for all.
    async fn keep_bytes(&self) -> Option<Bytes> {
        self.0.keep_bytes.map(Bytes)
    }

    /// How much of the picture must move for a minute of it to be kept, in percent; null where all is kept.
    async fn motion_threshold(&self) -> Option<i32> {
        self.0.motion_threshold
    }

    /// How it fares.
    async fn status(&self, cx: &Context<'_>) -> async_graphql::Result<CaptureSourceStatus> {
        if !self.0.is_enabled {
            return Ok(CaptureSourceStatus::Disabled);
        }
        let captures = RequestCaptures::of(cx).captures(self.0.id).await.graphql()?;
        Ok(match captures.first().map(|capture| capture.status) {
            None | Some(Status::Finished) => CaptureSourceStatus::Idle,
            Some(Status::Connecting) => CaptureSourceStatus::Connecting,
            Some(Status::Recording) => CaptureSourceStatus::Recording,
            Some(Status::Reconnecting) => CaptureSourceStatus::Reconnecting,
            Some(Status::Failed) => CaptureSourceStatus::Failed,
        })
    }

    /// What went wrong with it last; null once it has worked again.
    async fn last_error(&self) -> Option<&str> {
        self.0.last_error.as_deref()
    }

    /// Its latest picture, 640 wide, while it is recorded; another URL each few seconds, as the settings say.
    async fn latest_snapshot_url(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Url>> {
        let captures = RequestCaptures::of(cx).captures(self.0.id).await.graphql()?;
        let recording = captures.first().filter(|capture| capture.status == Status::Recording);
        let (kernel, plugin) = (cx.data_unchecked::<Kernel>(), cx.data_unchecked::<Arc<Plugin>>());
        Ok(recording.map(|capture| Url(routes::snapshot_url(kernel, capture.id, plugin.config.snapshot_seconds))))
    }

    /// Its captures, the latest first: a thousand at most.
    #[graphql(complexity = 100)]
    async fn captures(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<Capture>> {
        let captures = RequestCaptures::of(cx).captures(self.0.id).await.graphql()?;
        let ids: Vec<i64> = captures.iter().map(|capture| capture.id.into()).collect();
        let args = PageArgs::new(first, after, last, before);
        let page = args
            .slice(&ids, &Keyset::in_memory("captures"), page::cap(cx))
            .graphql()?;
        let find = |id: i64| captures.iter().find(|capture| capture.id.0 == id).cloned().map(Capture);
        Ok(Connection::new(page, Total::Known(ids.len() as i64), find))
    }
}

/// A recording of a live source, from when it was begun to when it was ended.
#[derive(Clone)]
pub struct Capture(pub row::Capture);

/// A recording of a live source, from when it was begun to when it was ended.
#[Object]
impl Capture {
    /// Its id.
    async fn id(&self) -> ID {
        id(self.0.id)
    }

    /// How far it is.
    async fn status(&self) -> CaptureStatus {
        self.0.status.into()
    }

    /// Where it can be watched while it records, a few seconds late: HLS. Null otherwise.
    async fn live_url(&self, cx: &Context<'_>) -> Option<Url> {
        let is_live = self.0.status == Status::Recording;
        is_live.then(|| Url(routes::live_url(cx.data_unchecked(), self.0.id)))
    }

    /// When it began.
    async fn started_at(&self) -> DateTime {
        DateTime(self.0.started_at)
    }

    /// When it ended; null while it runs.
    async fn ended_at(&self) -> Option<DateTime> {
        self.0.ended_at.map(DateTime)
    }

    /// How long its files are together.
    async fn duration(&self) -> Seconds {
        Seconds::from_us(self.0.duration_us)
    }

    /// How many bytes its files have together.
    async fn size(&self) -> Bytes {
        Bytes(self.0.n_bytes)
    }

    /// What went wrong last.
    async fn last_error(&self) -> Option<&str> {
        self.0.last_error.as_deref()
    }

    /// How many files were not kept, for too little moved in them.
    async fn skipped_file_count(&self) -> i32 {
        self.0.n_skipped
    }

    /// The item that its first file has become; null until then.
    async fn media(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Media>> {
        let files = RequestCaptures::of(cx).files(self.0.id).await.graphql()?;
        media(cx, files.iter().find_map(|file| file.media)).await
    }

    /// Its files, the oldest first: a new one begins with each connection and each hour. The first thousand.
    #[graphql(complexity = 100)]
    async fn files(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<CaptureFile>> {
        let files = RequestCaptures::of(cx).files(self.0.id).await.graphql()?;
        Ok(files.iter().cloned().map(CaptureFile).collect())
    }

    /// The times in which nothing came, the oldest first. The first thousand.
    #[graphql(complexity = 100)]
    async fn gaps(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<CaptureGap>> {
        let gaps = RequestCaptures::of(cx).gaps(self.0.id).await.graphql()?;
        Ok((*gaps).clone())
    }
}

async fn media(cx: &Context<'_>, media: Option<MediaId>) -> async_graphql::Result<Option<Media>> {
    let Some(media) = media else { return Ok(None) };
    Ok(Loaders::of(cx).card.get(media).await.graphql()?.map(Media::new))
}

/// A file of a capture, as its row is.
#[derive(Clone)]
pub struct FileRow {
    /// When it began.
    pub started_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// Its size.
    pub n_bytes: i64,
    /// Its pictures.
    pub n_frames: i64,
    /// How long it is.
    pub duration_us: i64,
    /// Whether it was cut off.
    pub is_interrupted: bool,
    /// How much moved in each second, in percent.
    pub motion: Option<Vec<u8>>,
    /// The item it has become.
    pub media: Option<MediaId>,
}

/// A file of a capture.
pub struct CaptureFile(pub FileRow);

/// A file of a capture.
#[Object]
impl CaptureFile {
    /// When it began.
    async fn started_at(&self) -> DateTime {
        DateTime(self.0.started_at)
    }

    /// When it ended; null while it is written.
    async fn ended_at(&self) -> Option<DateTime> {
        self.0.ended_at.map(DateTime)
    }

    /// How many bytes it has.
    async fn size(&self) -> Bytes {
        Bytes(self.0.n_bytes)
    }

    /// How many pictures it has.
    async fn frame_count(&self) -> i64 {
        self.0.n_frames
    }

    /// How long it is.
    async fn duration(&self) -> Seconds {
        Seconds::from_us(self.0.duration_us)
    }

    /// Whether the server was interrupted while it was written: what was not on the disk then is missing at its end.
    async fn is_interrupted(&self) -> bool {
        self.0.is_interrupted
    }

    /// What share of the picture moved in each second, in percent; null where nobody looked for motion.
    async fn motion(&self) -> Option<Vec<i32>> {
        let motion = self.0.motion.as_deref()?;
        Some(motion.iter().copied().map(i32::from).collect())
    }

    /// The item that it has become; null until then.
    async fn media(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Media>> {
        media(cx, self.0.media).await
    }
}

/// A time in which a capture had nothing.
#[derive(Clone, SimpleObject)]
pub struct CaptureGap {
    /// When it began.
    pub started_at: DateTime,
    /// When it ended; null while nothing comes.
    pub ended_at: Option<DateTime>,
    /// Why.
    pub reason: String,
}

/// How a capture fares.
#[derive(SimpleObject)]
pub struct CaptureState {
    /// The capture.
    pub id: ID,
    /// How far it is.
    pub status: CaptureStatus,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Bytes kept in a second, over the last five.
    pub bytes_per_second: f64,
    /// Pictures kept in a second, over the last five.
    pub frame_rate: f64,
}

impl CaptureState {
    /// As its row says.
    pub fn of_row(row: &row::Capture) -> Self {
        Self {
            id: id(row.id),
            status: row.status.into(),
            last_error: row.last_error.clone(),
            bytes_per_second: 0.0,
            frame_rate: 0.0,
        }
    }

    /// As the one that runs here says.
    pub fn of_vitals(capture: CaptureId, vitals: &Vitals) -> Self {
        Self {
            id: id(capture),
            status: vitals.status.into(),
            last_error: vitals.last_error.clone(),
            bytes_per_second: vitals.bytes_per_second,
            frame_rate: vitals.frame_rate,
        }
    }
}

/// Rows that a request shares.
pub type Shared<T> = Arc<Vec<T>>;
