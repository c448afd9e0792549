//! Tracks of files that are made already as a whole and kept: whoever makes them lends [`Stored`], whoever plays them asks.

use std::sync::Arc;

use bytes::Bytes;
use entities::id::{FileId, RenditionId};

use crate::{error::Failure, objects::ObjectKey, store::Store};

/// A track of a file that is made already as a whole and kept.
#[derive(Debug, Clone)]
pub struct StoredTrack {
    /// What it is a part of.
    pub rendition: RenditionId,
    /// Whether it holds pictures.
    pub is_video: bool,
    /// How it was made, as its maker writes it down: equal settings make segments that fit each other.
    pub settings: String,
    /// What stands before any segment. It holds this track alone, as number 1.
    pub header: Bytes,
    /// The object that it lies in.
    pub key: ObjectKey,
    /// All its segments.
    pub segments: Vec<StoredSegment>,
}

/// Where a segment lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredSegment {
    /// Its first byte in the object.
    pub at: u64,
    /// Its length.
    pub n_bytes: u32,
    /// How long it lasts, in ticks of the track.
    pub duration: u32,
}

/// Knows what is stored.
#[async_trait::async_trait]
pub trait StoredTracks: Send + Sync {
    /// What is ready of a file in the state of this size and modification time.
    ///
    /// # Errors
    /// When the database fails.
    async fn of_file(
        &self,
        store: &Store,
        file: FileId,
        size: i64,
        mtime_ns: i64,
    ) -> Result<Vec<Arc<StoredTrack>>, Failure>;

    /// A segment as it was made, of track number 1; none if it is there no more.
    ///
    /// # Errors
    /// When the disk fails.
    async fn segment(&self, track: &StoredTrack, n: u32) -> Result<Option<Bytes>, Failure>;
}

/// What is stored, as a part that the server lends: `kernel.parts.get::<Stored>()`.
pub struct Stored(pub Arc<dyn StoredTracks>);
