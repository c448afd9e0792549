//! Clips: a worker cuts, and what it makes is written to a file that the caller opened.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use media_proto::clip::{Clip, Clipped};
use media_proto::error::MediaError;
use media_proto::job::{Job, Limits};
use media_proto::message::Reply;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, mismatch};
use crate::head::{Link, Resumable, Taker};
use crate::pool::Task;
use crate::progress::Progress;
use crate::source::Source;

/// Pieces on their way from the worker to the disk.
const AHEAD: usize = 4;

impl Resumable for Clip {
    fn job(&self, _first: u32, _until: u32) -> Job {
        Job::Clip(Box::new(self.clone()))
    }
}

impl Engine {
    /// Cuts a clip into an empty file, at most `max_bytes` long. A worker that dies is replaced once, and begins anew. The
    /// file is not synced. How far it is goes to `progress`, in frames.
    pub async fn clip(
        &self,
        source: &Source,
        clip: &Clip,
        into: File,
        max_bytes: u64,
        cancel: &CancellationToken,
        progress: Option<&watch::Sender<Progress>>,
    ) -> Result<Clipped, MediaError> {
        let job = clip.job(0, 0);
        let limits = Limits {
            deadline_ms: u32::MAX,
            cpu_s: 0,
            ..self.limits(job.class())
        };
        let (send, pieces) = mpsc::channel(AHEAD);
        let (_until, allowed) = watch::channel(u32::MAX);
        let into = Arc::new(into);
        let writing = tokio::spawn(write(pieces, Arc::clone(&into), max_bytes));
        let clipped = {
            let link = Link::new(0, Taker::Pieces(send), allowed);
            let task = Task {
                job: &job,
                source: Some(source),
                limits: &limits,
                cancel,
                progress,
                head: Some((clip, &link)),
            };
            self.pool.run(task).await
        };
        // The sender is gone with the link, so the writer ends.
        let end = writing.await.map_err(io_error)?;
        let clipped = match clipped? {
            (Reply::Clipped(clipped), _) => *clipped,
            _ => return Err(mismatch()),
        };
        if end? < clipped.len {
            return Err(MediaError::Protocol {
                reason: "a clip that is longer than its pieces".to_owned(),
            });
        }
        // What a worker wrote that died may be longer.
        into.set_len(clipped.len).map_err(io_error)?;
        Ok(clipped)
    }
}

/// Writes all pieces; gives where the last of them ends. After an error the rest is thrown away, as the worker must be
/// heard to its end.
async fn write(mut pieces: mpsc::Receiver<(u64, Bytes)>, into: Arc<File>, max_bytes: u64) -> Result<u64, MediaError> {
    let mut end = Ok(0);
    while let Some((offset, bytes)) = pieces.recv().await {
        let Ok(so_far) = end else { continue };
        let until = offset.saturating_add(bytes.len() as u64);
        if until > max_bytes {
            end = Err(MediaError::TooLarge {
                limit: format!("a clip of more than {max_bytes} bytes"),
            });
            continue;
        }
        let file = Arc::clone(&into);
        let written = tokio::task::spawn_blocking(move || file.write_all_at(&bytes, offset)).await;
        end = match written {
            Ok(Ok(())) => Ok(until.max(so_far)),
            Ok(Err(error)) => Err(io_error(error)),
            Err(panicked) => Err(io_error(panicked)),
        };
    }
    end
}

fn io_error(error: impl std::fmt::Display) -> MediaError {
    MediaError::Io {
        reason: format!("writing the clip: {error}"),
    }
}
