//! Tracks of whole files: heads for which nobody waits, and the check of what they made together.

use media_proto::error::MediaError;
use media_proto::job::{Job, Limits};
use media_proto::message::Reply;
use media_proto::transcode::Verified;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, mismatch};
use crate::head::{HeadJob, Link, Made, Resumable, Taker};
use crate::pool::Task;
use crate::source::Source;

/// A head in the class of work that runs when nothing else does.
struct Track<'a>(&'a HeadJob);

impl Resumable for Track<'_> {
    fn job(&self, first: u32, until: u32) -> Job {
        match self.0.job(first, until) {
            Job::VideoHead(head) => Job::VideoTrack(head),
            Job::AudioHead(head) => Job::AudioTrack(head),
            other => other,
        }
    }
}

impl Engine {
    /// As [`head`](Engine::head), at the priority of background work.
    pub async fn track(
        &self,
        source: &Source,
        head: &HeadJob,
        made: mpsc::Sender<Made>,
        until: watch::Receiver<u32>,
        cancel: &CancellationToken,
    ) -> Result<(), MediaError> {
        let track = Track(head);
        let job = track.job(head.first(), *until.borrow());
        let limits = Limits {
            deadline_ms: u32::MAX,
            cpu_s: 0,
            ..self.limits(job.class())
        };
        let link = Link::new(head.first(), Taker::Segments(made), until);
        let task = Task {
            job: &job,
            source: Some(source),
            limits: &limits,
            cancel,
            progress: None,
            head: Some((&track, &link)),
        };
        match self.pool.run(task).await? {
            (Reply::Ended, _) => Ok(()),
            _ => Err(mismatch()),
        }
    }

    /// Reads a rendition to its end: counts its packets, and decodes its keyframes and its sound.
    pub async fn verify(&self, source: &Source, cancel: &CancellationToken) -> Result<Verified, MediaError> {
        let job = Job::Verify;
        let limits = self.limits(job.class());
        let task = Task {
            job: &job,
            source: Some(source),
            limits: &limits,
            cancel,
            progress: None,
            head: None,
        };
        match self.pool.run(task).await? {
            (Reply::Verified(verified), _) => Ok(*verified),
            _ => Err(mismatch()),
        }
    }
}
