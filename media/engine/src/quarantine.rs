//! Files that broke a worker twice: remembered by whoever starts the engine, so that they are not tried at every scan.

use media_proto::job::JobKind;

use crate::source::Identity;

/// Why a file is not tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The signal that ended the worker, if one did.
    pub signal: Option<i32>,
    /// What happened, for a person.
    pub reason: String,
    /// Which FFmpeg it happened with ([`Hello::ffmpeg_hash`](media_proto::message::Hello::ffmpeg_hash)); another one may
    /// do better, so the entry does not count there.
    pub ffmpeg: String,
}

/// Where quarantined files are remembered. Losing an entry costs two crashes, no more.
#[async_trait::async_trait]
pub trait Quarantine: Send + Sync {
    /// The entry for these bytes and this kind of work.
    async fn load(&self, identity: Identity, kind: JobKind) -> Option<Quarantined>;

    /// Remembers an entry, in place of an earlier one.
    async fn store(&self, identity: Identity, kind: JobKind, entry: Quarantined);
}

/// Remembers nothing: for tools that live for one command.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoQuarantine;

#[async_trait::async_trait]
impl Quarantine for NoQuarantine {
    async fn load(&self, _: Identity, _: JobKind) -> Option<Quarantined> {
        None
    }

    async fn store(&self, _: Identity, _: JobKind, _: Quarantined) {}
}
