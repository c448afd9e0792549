//! Sheets of stills over time, for scrubbing: whoever draws them lends [`StillSheets`], whoever plays films asks.

use std::sync::Arc;

use entities::id::{FileId, MediaId};

use crate::error::Failure;

/// Stills of a film in one picture, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StillSheet {
    /// Where the picture is: an absolute path on this server, signed.
    pub url: String,
    /// Its media type.
    pub mime: &'static str,
    /// Its length.
    pub n_bytes: u64,
    /// Stills in a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// The width of a still in pixels.
    pub tile_width: u32,
    /// The height of a still in pixels.
    pub tile_height: u32,
    /// The time from one still to the next, in microseconds.
    pub interval_us: i64,
}

/// Knows which sheets there are.
#[async_trait::async_trait]
pub trait Sheets: Send + Sync {
    /// The sheet of an item, if it was drawn of this file in the state of this size and modification time.
    ///
    /// # Errors
    /// When the database fails.
    async fn of_file(
        &self,
        media: MediaId,
        file: FileId,
        size: i64,
        mtime_ns: i64,
    ) -> Result<Option<StillSheet>, Failure>;
}

/// The sheets, as a part that the server lends: `kernel.parts.get::<StillSheets>()`.
pub struct StillSheets(pub Arc<dyn Sheets>);
