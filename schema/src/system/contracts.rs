//! What plugins and the server may add to `system` by contract: an `Arc<dyn ..>` in the data of the schema or of the
//! request. While nobody does, the fields that ask for it are null.

use async_graphql::SimpleObject;
use entities::id::MediaId;
use kernel::error::Failure;

use crate::{
    kit::scalar::{Bytes, DateTime, Seconds},
    system::{backups::Backup, hardware::Hardware},
};

/// Says what this machine's encoders and decoders can do.
#[async_trait::async_trait]
pub trait HardwareReport: Send + Sync {
    /// The last result; the first call on a machine makes one.
    async fn read(&self) -> Result<Hardware, Failure>;
    /// Tries everything again.
    async fn refresh(&self) -> Result<Hardware, Failure>;
}

/// Says which copies of the database there are.
#[async_trait::async_trait]
pub trait BackupReport: Send + Sync {
    /// The copies, the newest first; none where the database is not this server's to copy.
    async fn list(&self) -> Result<Option<Vec<Backup>>, Failure>;
}

/// Says how drawing pictures of items goes.
#[async_trait::async_trait]
pub trait PictureReport: Send + Sync {
    /// The bytes that all pictures take.
    async fn size(&self) -> Result<i64, Failure>;
    /// Counts.
    async fn summary(&self) -> Result<PictureSummary, Failure>;
    /// The newest failures, so many at most.
    async fn recent_errors(&self, limit: u64) -> Result<Vec<PictureError>, Failure>;
}

/// How drawing pictures goes, in numbers.
#[derive(Debug, Clone, Copy)]
pub struct PictureSummary {
    /// Items with pictures.
    pub succeeded: i64,
    /// Items of which something could not be drawn.
    pub failed: i64,
    /// How long an item takes on average; none before the first.
    pub mean_duration: Option<Seconds>,
}

/// An item of which something could not be drawn.
#[derive(Debug, Clone)]
pub struct PictureError {
    /// The item.
    pub media_id: MediaId,
    /// Its file's path below the library path.
    pub path: String,
    /// A stable name.
    pub code: String,
    /// For people.
    pub message: String,
    /// How often it was tried in vain.
    pub attempts: i32,
    /// When it was last tried.
    pub at: DateTime,
}

/// Says how much room whole files in other forms take.
#[async_trait::async_trait]
pub trait RenditionReport: Send + Sync {
    /// The bytes of all of them.
    async fn size(&self) -> Result<i64, Failure>;
}

/// Says how streaming goes.
pub trait StreamReport: Send + Sync {
    /// The figures of this moment.
    fn read(&self) -> StreamingStats;
}

/// How the making of segments for players goes. Counts begin with the process.
#[derive(Debug, Clone, SimpleObject)]
pub struct StreamingStats {
    /// Makers of segments that are at work, or wait until somebody wants more of theirs.
    pub active_heads: i64,
    /// Segments that somebody waits for now.
    pub awaited_segments: i64,
    /// Segments that were made.
    pub made_segments: i64,
    /// Seconds of media that are made in a second of work, on average; null before the first was measured.
    pub speed: Option<f64>,
    /// Segments that were found in memory.
    pub memory_hits: i64,
    /// Segments that were found on the disk.
    pub disk_hits: i64,
    /// Segments that had to be made or waited for.
    pub misses: i64,
    /// Segments in memory.
    pub memory_size: Bytes,
    /// Segments on the disk.
    pub disk_size: Bytes,
    /// What segments on the disk may take.
    pub disk_limit: Bytes,
}
