//! One worker as the server sees it: a socket to call, an error pipe to read, a process to kill.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use media_proto::PROTOCOL;
use media_proto::error::MediaError;
use media_proto::job::{Class, Job, Limits};
use media_proto::message::{FromWorker, Layer, Reply, Spawn, ToWorker};
use media_proto::wire::{self, Frame, Reader};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, pidfd_send_signal};
use serde::Serialize;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::watch;

use crate::head::Link;
use crate::page::Page;
use crate::reply;
use crate::zygote::{Exit, Zygote, last_line, unavailable};

/// A running, greeted worker. Dropping it kills it; nothing of it stays.
pub(crate) struct Worker {
    socket: UnixStream,
    reader: Reader,
    errors: OwnedFd,
    pid: i32,
    pidfd: OwnedFd,
    generation: u64,
    zygote: Zygote,
    reaped: bool,
    /// Sandbox layers that hold in it.
    pub layers: Vec<Layer>,
    /// What its system lacks.
    pub warnings: Vec<String>,
    /// How many jobs it has done.
    pub n_jobs: u32,
    page: Arc<Page>,
}

/// Why a call gave no reply.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The worker lives and says why.
    Job(MediaError),
    /// The socket closed or broke.
    Dead(#[expect(dead_code, reason = "shown by Debug in traces")] io::Error),
    /// It sent what no honest worker sends.
    Malformed(String),
}

impl Worker {
    /// Forks one and waits until its sandbox stands.
    pub(crate) async fn start(zygote: &Zygote, spawn: Spawn) -> Result<Self, MediaError> {
        let broken = |error: io::Error| unavailable(format!("no socket for a worker: {error}"));
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(broken)?;
        ours.set_nonblocking(true).map_err(broken)?;
        let socket = UnixStream::from_std(ours).map_err(broken)?;
        let (errors, errors_in) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(|e| broken(e.into()))?;
        let page = Arc::new(Page::new().map_err(broken)?);
        let is_alone = matches!(spawn.class, Class::Hardware | Class::Device);
        let forked = if is_alone {
            zygote.spawn_alone(theirs.into(), errors_in).await?
        } else {
            let copy = page.as_fd().try_clone_to_owned().map_err(broken)?;
            zygote.spawn(spawn.clone(), theirs.into(), errors_in, copy).await?
        };
        let mut worker = Self {
            socket,
            reader: Reader::default(),
            errors,
            pid: forked.pid,
            pidfd: forked.pidfd,
            generation: forked.generation,
            zygote: zygote.clone(),
            reaped: false,
            layers: Vec::new(),
            warnings: Vec::new(),
            n_jobs: 0,
            page: Arc::clone(&page),
        };
        if is_alone {
            // If it is dead already, its greeting is missing, too, and that says more.
            let _ = worker.send(&spawn, &[page.as_fd()]).await;
        }
        match worker.receive().await {
            Ok((
                FromWorker::Hello {
                    protocol: PROTOCOL,
                    layers,
                    warnings,
                },
                _,
            )) => {
                worker.layers = layers;
                worker.warnings = warnings
                    .iter()
                    .map(|text| media_proto::error::display_text(text))
                    .collect();
                Ok(worker)
            }
            Ok((FromWorker::Hello { protocol, .. }, _)) => Err(MediaError::Version {
                expected: PROTOCOL,
                found: protocol,
            }),
            Ok(_) | Err(_) => {
                let said = worker.last_words();
                let exit = worker.end().await;
                Err(unavailable(format!(
                    "a worker ended before its first job ({exit:?}): {said}"
                )))
            }
        }
    }

    /// Sends a job and waits for its reply. Dropping the future leaves the worker in the middle of it: drop it, too.
    pub(crate) async fn call(
        &mut self,
        id: u64,
        job: &Job,
        limits: &Limits,
        descriptors: &[BorrowedFd<'_>],
        link: Option<&Link>,
    ) -> Result<(Reply, Option<OwnedFd>), Failure> {
        self.n_jobs += 1;
        let message = ToWorker::Start {
            id,
            job: Box::new(job.clone()),
            limits: *limits,
        };
        self.send(&message, descriptors).await.map_err(Failure::Dead)?;
        let mut until = link.map(|link| link.until.clone());
        let (message, passed) = loop {
            let received = tokio::select! {
                received = self.receive() => received?,
                Some(allowed) = next_value(&mut until) => {
                    let allow = ToWorker::Allow { id, until: allowed };
                    self.send(&allow, &[]).await.map_err(Failure::Dead)?;
                    continue;
                }
            };
            match (received, link) {
                ((FromWorker::Event { id: of, event, len }, mut passed), Some(link)) if of == id => {
                    let file = passed.pop_front().filter(|_| passed.is_empty());
                    let file = file.ok_or_else(|| Failure::Malformed("an event without its memory file".to_owned()))?;
                    link.pass(event, len, &file, limits).await.map_err(Failure::Malformed)?;
                }
                (received, _) => break received,
            }
        };
        match message {
            FromWorker::Done { id: of, reply } if of == id => {
                reply::open(reply, passed, limits).map_err(Failure::Malformed)
            }
            FromWorker::Fail { id: of, error } if of == id => Err(Failure::Job(error.bounded())),
            FromWorker::Done { .. } | FromWorker::Fail { .. } => {
                Err(Failure::Malformed("an answer to a job that was not asked".to_owned()))
            }
            FromWorker::Event { .. } => Err(Failure::Malformed("an event of a job that has none".to_owned())),
            FromWorker::Hello { .. } => Err(Failure::Malformed("a second greeting".to_owned())),
        }
    }

    /// What it shares with us; see [`media_proto::control`].
    pub(crate) fn page(&self) -> Arc<Page> {
        Arc::clone(&self.page)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// The last line the worker wrote to its standard error since the last call of this.
    pub(crate) fn last_words(&mut self) -> String {
        last_line(&mut self.errors)
    }

    /// Kills it if it still runs, reaps it, and says how it had ended.
    pub(crate) async fn end(mut self) -> Exit {
        self.reaped = true;
        // A worker that died by itself keeps its own status: killing the dead changes nothing.
        self.kill();
        self.zygote.wait(self.pid, self.generation).await
    }

    fn kill(&self) {
        // The only failure is that it is already dead.
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    async fn send<T: Serialize>(&self, message: &T, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let frame = wire::encode(message)?;
        let mut sent = 0;
        while sent < frame.len() {
            let with = if sent == 0 { descriptors } else { &[] };
            self.socket.writable().await?;
            let part = || wire::send_some(self.socket.as_fd(), &frame[sent..], with);
            match self.socket.try_io(Interest::WRITABLE, part) {
                Ok(n) => sent += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<(FromWorker, std::collections::VecDeque<OwnedFd>), Failure> {
        let Frame { body, descriptors } = loop {
            self.socket.readable().await.map_err(Failure::Dead)?;
            match self
                .socket
                .try_io(Interest::READABLE, || self.reader.read(self.socket.as_fd()))
            {
                Ok(Some(frame)) => break frame,
                Ok(None) => return Err(Failure::Dead(io::ErrorKind::UnexpectedEof.into())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return Err(Failure::Malformed(error.to_string()));
                }
                Err(error) => return Err(Failure::Dead(error)),
            }
        };
        let message = wire::decode(&body).map_err(|error| Failure::Malformed(error.to_string()))?;
        Ok((message, descriptors))
    }
}

/// Waits until the value changes; never, if there is none or it cannot change any more.
async fn next_value(watched: &mut Option<watch::Receiver<u32>>) -> Option<u32> {
    let Some(receiver) = watched else {
        return std::future::pending().await;
    };
    match receiver.changed().await {
        Ok(()) => Some(*receiver.borrow_and_update()),
        Err(_) => std::future::pending().await,
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            self.zygote.bury(self.pid, self.generation);
        }
    }
}
