//! Captures: a worker reads a pipe to its end and gives fragments of files, which the caller keeps.

use std::os::fd::OwnedFd;

use bytes::Bytes;
use media_proto::capture::{Capture, Captured, Fragment};
use media_proto::error::MediaError;
use media_proto::job::{Job, Limits};
use media_proto::message::Reply;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, mismatch};
use crate::head::{Link, Resumable, Taker};
use crate::pool::Task;
use crate::source::Source;

impl Resumable for Capture {
    fn job(&self, _first: u32, _until: u32) -> Job {
        Job::Capture(Box::new(self.clone()))
    }

    fn is_repeatable(&self) -> bool {
        // What was read from a pipe is gone.
        false
    }
}

impl Engine {
    /// Captures what comes through a pipe or a socket until it ends. Fragments come out as they are whole, in order, each right
    /// behind the one before; whoever does not take them holds the worker back, and it the pipe. Canceling ends the work without
    /// what is not out yet; the end of the pipe is the good end.
    pub async fn capture(
        &self,
        pipe: OwnedFd,
        capture: &Capture,
        made: mpsc::Sender<(Fragment, Bytes)>,
        cancel: &CancellationToken,
    ) -> Result<Captured, MediaError> {
        let job = capture.job(0, 0);
        let limits = Limits {
            deadline_ms: u32::MAX,
            cpu_s: 0,
            ..self.limits(job.class())
        };
        let (_until, allowed) = watch::channel(u32::MAX);
        let link = Link::new(0, Taker::Fragments(made), allowed);
        let source = Source::pipe(pipe);
        let task = Task {
            job: &job,
            source: Some(&source),
            limits: &limits,
            cancel,
            progress: None,
            head: Some((capture, &link)),
        };
        match self.pool.run(task).await? {
            (Reply::Captured(captured), _) => Ok(captured),
            _ => Err(mismatch()),
        }
    }
}
