//! What items are made into: clips, which are items of their own, and renditions of whole files.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use entities::id::{ClipId, MediaId, RenditionId};

use crate::{
    caches::Loaders,
    kit::{
        error::ToGraphql,
        id::id,
        scalar::{Bytes, DateTime, Seconds, Url},
    },
    media::types::Media,
};

/// How far a clip is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ClipStatus {
    /// It waits for its turn.
    Waiting,
    /// It is being cut.
    Rendering,
    /// It is cut, and becomes an item of its library.
    Adding,
    /// It is an item of its library.
    Ready,
    /// It could not be made.
    Failed,
    /// Somebody canceled it.
    Canceled,
}

/// How the pictures of a clip are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ClipMode {
    /// Copied between keyframes and encoded anew at both edges: exact to the frame, quick, and mostly without loss. Where
    /// the pictures do not allow it, all of them are encoded anew.
    Smart,
    /// Encoded anew: exact to the frame, and plays everywhere.
    Exact,
    /// Copied, from the keyframe at or before the start to the one at or after the end.
    Keyframe,
}

/// What a clip is made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ClipFormat {
    /// A film.
    Mp4,
    /// Silent pictures that move, at most half a minute.
    Gif,
    /// Silent pictures that move, at most half a minute.
    Webp,
}

/// Why something could not be made.
#[derive(Debug, Clone, SimpleObject)]
pub struct MakingError {
    /// A stable name of the situation.
    pub code: String,
    /// What happened, for people.
    pub message: String,
}

/// A part of an item.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct ClipRange {
    /// Where it begins.
    pub start: Seconds,
    /// Where it ends.
    pub end: Seconds,
}

/// Parts of an item as an item of its own. The item it comes from is never changed.
#[derive(Debug, Clone)]
pub struct Clip {
    /// Its row.
    pub id: ClipId,
    /// What it was named.
    pub title: String,
    /// The parts, joined in this order, in microseconds.
    pub ranges: Vec<(i64, i64)>,
    /// How far it is.
    pub status: ClipStatus,
    /// How it was asked to be cut.
    pub mode: ClipMode,
    /// How it was cut in fact, once it is.
    pub made_mode: Option<ClipMode>,
    /// Why that is something else.
    pub reason: Option<String>,
    /// What it is made into.
    pub format: ClipFormat,
    /// The item that it has become.
    pub media: Option<MediaId>,
    /// The item that it comes from.
    pub source: MediaId,
    /// Why it could not be made.
    pub error: Option<MakingError>,
    /// When it was asked for, UTC milliseconds.
    pub created_at: i64,
}

/// Parts of an item as an item of its own. The item it comes from is never changed.
#[Object]
impl Clip {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.id)
    }

    /// What it was named.
    async fn title(&self) -> &str {
        &self.title
    }

    /// Where its first part begins.
    async fn start(&self) -> Seconds {
        Seconds::from_us(self.ranges.first().map_or(0, |range| range.0))
    }

    /// Where its last part ends.
    async fn end(&self) -> Seconds {
        Seconds::from_us(self.ranges.last().map_or(0, |range| range.1))
    }

    /// Its parts, joined in this order.
    async fn ranges(&self) -> Vec<ClipRange> {
        let range = |(start, end): &(i64, i64)| ClipRange {
            start: Seconds::from_us(*start),
            end: Seconds::from_us(*end),
        };
        self.ranges.iter().map(range).collect()
    }

    /// How far it is.
    async fn status(&self) -> ClipStatus {
        self.status
    }

    /// How it was asked to be cut.
    async fn mode(&self) -> ClipMode {
        self.mode
    }

    /// How it was cut in fact; null until it is.
    async fn made_mode(&self) -> Option<ClipMode> {
        self.made_mode
    }

    /// Why it was cut otherwise than asked; null if it was not.
    async fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// What it is made into.
    async fn format(&self) -> ClipFormat {
        self.format
    }

    /// The item that it has become; null until then, and once that is removed.
    async fn media(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Media>> {
        let Some(media) = self.media else { return Ok(None) };
        Ok(Loaders::of(cx).card.get(media).await.graphql()?.map(Media::new))
    }

    /// The item that it comes from; null once that is removed.
    async fn source(&self, cx: &Context<'_>) -> async_graphql::Result<Option<Media>> {
        Ok(Loaders::of(cx).card.get(self.source).await.graphql()?.map(Media::new))
    }

    /// Why it could not be made; null unless it failed.
    async fn error(&self) -> Option<&MakingError> {
        self.error.as_ref()
    }

    /// When it was asked for.
    async fn created_at(&self) -> DateTime {
        DateTime(self.created_at)
    }
}

/// What a whole file is turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Enum)]
#[graphql(rename_items = "SCREAMING_SNAKE_CASE")]
pub enum RenditionKind {
    /// H.264 of 720 lines, quickly made.
    #[graphql(name = "PROXY_720P")]
    Proxy720p,
    /// H.264 of 480 lines, quickly made.
    #[graphql(name = "PROXY_480P")]
    Proxy480p,
    /// H.264 of 1080 lines, made with care.
    #[graphql(name = "H264_1080P")]
    H264Lines1080,
    /// The sound alone, as AAC.
    AudioOnly,
    /// AV1 of 1080 lines: half the size, slowly made.
    #[graphql(name = "AV1_1080P")]
    Av1Lines1080,
    /// What whoever asks for it says.
    Own,
}

/// How far a rendition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum RenditionStatus {
    /// It waits for its turn.
    Waiting,
    /// It is being made.
    Rendering,
    /// It can be played.
    Ready,
    /// It was made of a file that has changed since.
    Outdated,
    /// It could not be made.
    Failed,
    /// Somebody canceled it.
    Canceled,
}

/// A whole file in another form, made once and kept.
#[derive(Debug, Clone)]
pub struct Rendition {
    /// Its row.
    pub id: RenditionId,
    /// What it is.
    pub kind: RenditionKind,
    /// What a menu shows.
    pub label: String,
    /// Width in pixels.
    pub width: Option<i32>,
    /// Height in pixels.
    pub height: Option<i32>,
    /// Bits per second.
    pub bit_rate: Option<i64>,
    /// Bytes.
    pub size: Option<i64>,
    /// How far it is.
    pub status: RenditionStatus,
    /// The whole file.
    pub url: Option<Url>,
    /// Its HLS playlist.
    pub hls_url: Option<Url>,
    /// Why it could not be made.
    pub error: Option<MakingError>,
    /// When it was asked for, UTC milliseconds.
    pub created_at: i64,
}

/// A whole file in another form, made once and kept.
#[Object]
impl Rendition {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.id)
    }

    /// What it is.
    async fn kind(&self) -> RenditionKind {
        self.kind
    }

    /// What a menu shows.
    async fn label(&self) -> &str {
        &self.label
    }

    /// Width in pixels; null for sound.
    async fn width(&self) -> Option<i32> {
        self.width
    }

    /// Height in pixels; null for sound.
    async fn height(&self) -> Option<i32> {
        self.height
    }

    /// Bits per second; until it is ready those that are aimed at.
    async fn bit_rate(&self) -> Option<i64> {
        self.bit_rate
    }

    /// Its size; null until it is ready.
    async fn size(&self) -> Option<Bytes> {
        self.size.map(Bytes)
    }

    /// How far it is.
    async fn status(&self) -> RenditionStatus {
        self.status
    }

    /// The whole file, signed; null until it is ready.
    async fn url(&self) -> Option<&Url> {
        self.url.as_ref()
    }

    /// An HLS playlist of ranges of the whole file, signed; null until it is ready.
    async fn hls_url(&self) -> Option<&Url> {
        self.hls_url.as_ref()
    }

    /// Why it could not be made; null unless it failed.
    async fn error(&self) -> Option<&MakingError> {
        self.error.as_ref()
    }

    /// When it was asked for.
    async fn created_at(&self) -> DateTime {
        DateTime(self.created_at)
    }
}
