//! What plugins may add to media by contract. A plugin puts an `Arc<dyn ..>` of its own into the request's or the
//! schema's data; while nobody does, the fields that ask for it are null.

use async_graphql::{Context, Enum, ID, SimpleObject};
use entities::{
    file,
    id::{ClipId, MediaId, RenditionId, SimilarMergeId},
    stream,
};
use kernel::{error::Failure, plugin::Kernel};

use crate::{
    kit::scalar::{Seconds, Url},
    media::{
        clip::{Clip, Rendition},
        playback::{PlaybackCapabilities, PlaybackVariant},
    },
};

/// Gives signed URLs of a file's own bytes.
pub trait FileUrls: Send + Sync {
    /// The URL of the file as it is: an absolute path, signed, stable for hours.
    fn direct(&self, file: &file::Model) -> String;
}

/// Says how files are streamed in other forms than their own.
pub trait Streaming: Send + Sync {
    /// What a player with these capabilities is offered of a file; none if nothing can be made of it. `burn` is one of the
    /// streams, whose image subtitles are drawn into the pictures.
    fn offer(
        &self,
        file: &file::Model,
        streams: &[stream::Model],
        capabilities: &PlaybackCapabilities,
        burn: Option<&stream::Model>,
    ) -> Option<Offer>;
    /// The subtitles of a file that can be shown over it.
    fn subtitles(&self, file: &file::Model, streams: &[stream::Model]) -> Vec<Subtitles>;
    /// The subtitles of a stream as WebVTT; none if it has no text.
    fn subtitle_url(&self, stream: &stream::Model) -> Option<Url>;
}

/// Text to show over a video.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "Subtitle")]
pub struct Subtitles {
    /// Its id, unique among subtitles.
    pub id: ID,
    /// The language as the file says, usually after ISO 639-2.
    pub language: Option<String>,
    /// What a menu shows, different for each of a video.
    pub label: String,
    /// The text as WebVTT.
    pub url: Url,
    /// Where it comes from.
    pub source: SubtitleSource,
    /// Whether it is shown by default.
    pub is_default: bool,
    /// Whether it is shown even when subtitles are off.
    pub is_forced: bool,
    /// Whether it tells of sounds too, for those who do not hear them.
    pub tells_sounds: bool,
}

/// Where subtitles come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum SubtitleSource {
    /// A stream of the video's own file.
    Embedded,
    /// A file beside the video.
    Sidecar,
}

/// What a player is offered of a file.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The HLS playlist.
    pub hls_url: Url,
    /// The DASH manifest.
    pub dash_url: Url,
    /// The qualities that both offer.
    pub variants: Vec<PlaybackVariant>,
    /// Whether they hold the file's own streams in another container.
    pub remuxes: bool,
}

/// Gives the pictures that were made of an item.
#[async_trait::async_trait]
pub trait Pictures: Send + Sync {
    /// Reads what all that follows shows of these items, so that it is at hand.
    async fn gather(&self, cx: &Context<'_>, media: Vec<MediaId>) -> Result<(), Failure>;
    /// The still that cards show.
    async fn thumbnail(&self, cx: &Context<'_>, media: MediaId) -> Result<Option<Thumbnail>, Failure>;
    /// Why there is no such still; none where there is one.
    async fn thumbnail_absence(&self, cx: &Context<'_>, media: MediaId) -> Result<Option<ThumbnailAbsence>, Failure>;
    /// A short silent animation.
    async fn preview_url(&self, cx: &Context<'_>, media: MediaId) -> Result<Option<Url>, Failure>;
    /// The same as a picture that moves.
    async fn preview_image_url(&self, cx: &Context<'_>, media: MediaId) -> Result<Option<Url>, Failure>;
    /// The stills over time.
    async fn sprite(&self, cx: &Context<'_>, media: MediaId) -> Result<Option<Sprite>, Failure>;
    /// The loudness over time.
    async fn waveform(&self, cx: &Context<'_>, media: MediaId) -> Result<Option<Waveform>, Failure>;
    /// A picture of a video file at a time in microseconds, made when it is first asked for.
    fn still(&self, file: &file::Model, at_us: i64) -> Thumbnail;
    /// A page of an archive, drawn when it is first asked for.
    fn page(&self, file: &file::Model, position: i32) -> Thumbnail;
}

/// Finds the items that look or sound like another one.
#[async_trait::async_trait]
pub trait Similar: Send + Sync {
    /// Those that are like an item, nearest first: a bounded list.
    async fn similar(&self, cx: &Context<'_>, media: MediaId) -> Result<Vec<MediaId>, Failure>;
}

/// Takes back that items were made one.
#[async_trait::async_trait]
pub trait Merges: Send + Sync {
    /// Takes a merge back; gives how many items changed or came back. The caller has looked whether the viewer may.
    async fn undo(&self, kernel: &Kernel, merge: SimilarMergeId) -> Result<i64, Failure>;
}

/// The still that cards show.
#[derive(Debug, Clone, SimpleObject)]
pub struct Thumbnail {
    /// The picture at its usual size.
    pub url: Url,
    /// A tiny blurred stand-in after the ThumbHash format, in base64, to show while the picture loads.
    pub thumbhash: Option<String>,
    /// The picture in several widths.
    pub srcset: Vec<SizedPicture>,
}

/// Why an item has no still.
#[derive(Debug, Clone, SimpleObject)]
pub struct ThumbnailAbsence {
    /// What kind of reason it is.
    pub reason: ThumbnailAbsenceReason,
    /// The code of the failure; null where nothing failed.
    pub code: Option<String>,
    /// The reason for people.
    pub message: String,
}

/// Kinds of reasons why an item has no still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ThumbnailAbsenceReason {
    /// It was not drawn yet.
    NotDrawn,
    /// Its file holds nothing to see, as most sounds do.
    NothingToSee,
    /// None of its files is present.
    FileMissing,
    /// It could not be drawn.
    Failed,
}

/// A picture of a certain width.
#[derive(Debug, Clone, SimpleObject)]
pub struct SizedPicture {
    /// The picture.
    pub url: Url,
    /// Its width in pixels.
    pub width: i32,
}

/// Stills over time in one picture, for seeking.
#[derive(Debug, Clone, SimpleObject)]
pub struct Sprite {
    /// The picture that holds all stills, row by row.
    pub url: Url,
    /// A WebVTT file that maps times to rectangles of the picture.
    pub vtt_url: Url,
    /// Stills in a row.
    pub columns: i32,
    /// Rows.
    pub rows: i32,
    /// The time from one still to the next.
    pub interval: Seconds,
    /// The width of a still in pixels.
    pub tile_width: i32,
    /// The height of a still in pixels.
    pub tile_height: i32,
}

/// Loudness over time.
#[derive(Debug, Clone, SimpleObject)]
pub struct Waveform {
    /// The peaks as JSON in the form of audiowaveform, version 2.
    pub url: Url,
    /// The same in its binary form, a fifth of the size.
    pub data_url: Url,
}

/// Gives what was cut out of items, and what whole files were turned into.
#[async_trait::async_trait]
pub trait Clips: Send + Sync {
    /// The clips of an item, the latest first: a bounded list.
    async fn clips(&self, cx: &Context<'_>, media: MediaId) -> Result<Vec<Clip>, Failure>;
    /// The renditions of an item's files.
    async fn renditions(&self, cx: &Context<'_>, media: MediaId) -> Result<Vec<Rendition>, Failure>;
    /// A clip by its id.
    async fn clip(&self, cx: &Context<'_>, id: ClipId) -> Result<Option<Clip>, Failure>;
    /// A rendition by its id.
    async fn rendition(&self, cx: &Context<'_>, id: RenditionId) -> Result<Option<Rendition>, Failure>;
}
