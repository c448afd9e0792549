//! The thread that owns the zygote: starts it, asks it for workers, has it reap them, and replaces it when it dies.
//!
//! It is a thread of its own and not a task, because the kernel ties "die with your parent" to the *thread* that
//! started a process, and threads of a runtime may end at any time.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use media_proto::error::MediaError;
use media_proto::message::{FromZygote, Hello, Spawn, ToZygote};
use media_proto::wire;
use media_proto::{HARDWARE_ARGUMENT, PROTOCOL};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use tokio::sync::{mpsc, oneshot};

/// The longest the zygote may take for an answer, the loading of libav included.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It left with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// The zygote died and took it along, or nobody knows: the file is not to blame.
    WithZygote,
}

/// A worker as the zygote made it: its process, not yet greeted.
pub(crate) struct Forked {
    pub pid: i32,
    pub pidfd: OwnedFd,
    /// Which zygote made it, counted from 1; [`ALONE`] if none did.
    pub generation: u64,
}

/// The generation of workers that we started ourselves.
const ALONE: u64 = 0;

enum Request {
    Spawn {
        spawn: Spawn,
        socket: OwnedFd,
        errors: OwnedFd,
        page: OwnedFd,
        reply: oneshot::Sender<Result<Forked, MediaError>>,
    },
    SpawnAlone {
        socket: OwnedFd,
        errors: OwnedFd,
        reply: oneshot::Sender<Result<Forked, MediaError>>,
    },
    Wait {
        pid: i32,
        generation: u64,
        reply: oneshot::Sender<Exit>,
    },
    /// Look at the graveyard.
    Bury,
    /// End the zygote and the thread.
    Stop,
}

/// The way to the thread; clones share it, and it ends when stopped or when the last is dropped.
#[derive(Clone)]
pub(crate) struct Zygote {
    requests: mpsc::Sender<Request>,
    graveyard: Arc<Mutex<Vec<(u64, i32)>>>,
}

impl Zygote {
    /// Starts the thread and the zygote, and waits for its greeting.
    pub(crate) async fn start(binary: PathBuf) -> Result<(Self, Hello, thread::JoinHandle<()>), MediaError> {
        let (requests, received) = mpsc::channel(64);
        let (greeted, greeting) = oneshot::channel();
        let graveyard = Arc::new(Mutex::new(Vec::new()));
        let keeper = Keeper {
            binary,
            process: None,
            generation: 0,
            alone: HashMap::new(),
            graveyard: Arc::clone(&graveyard),
        };
        let thread = thread::Builder::new()
            .name("media-zygote".to_owned())
            .spawn(move || keeper.run(received, greeted))
            .map_err(|error| unavailable(format!("no thread for it: {error}")))?;
        let hello = greeting
            .await
            .map_err(|_| unavailable("its thread ended".to_owned()))??;
        Ok((Self { requests, graveyard }, hello, thread))
    }

    /// Has a worker forked that holds these descriptors: its socket, its error pipe and its control page.
    pub(crate) async fn spawn(
        &self,
        spawn: Spawn,
        socket: OwnedFd,
        errors: OwnedFd,
        page: OwnedFd,
    ) -> Result<Forked, MediaError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Spawn {
            spawn,
            socket,
            errors,
            page,
            reply,
        };
        self.requests.send(request).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Starts a worker that is no child of the zygote: drivers need a program of their own.
    pub(crate) async fn spawn_alone(&self, socket: OwnedFd, errors: OwnedFd) -> Result<Forked, MediaError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::SpawnAlone { socket, errors, reply };
        self.requests.send(request).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// How a worker that is dead or dying ended; reaps it.
    pub(crate) async fn wait(&self, pid: i32, generation: u64) -> Exit {
        let (reply, answer) = oneshot::channel();
        match self.requests.send(Request::Wait { pid, generation, reply }).await {
            Ok(()) => answer.await.unwrap_or(Exit::WithZygote),
            Err(_) => Exit::WithZygote,
        }
    }

    /// Ends the zygote, its workers and the thread; later requests fail.
    pub(crate) async fn stop(&self) {
        // It has ended already if nobody receives.
        let _ = self.requests.send(Request::Stop).await;
    }

    /// Leaves a killed worker to be reaped; never waits, for use in `Drop`.
    pub(crate) fn bury(&self, pid: i32, generation: u64) {
        self.graveyard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((generation, pid));
        // When the queue is full the thread is awake anyway, and looks before its next request.
        let _ = self.requests.try_send(Request::Bury);
    }
}

struct Keeper {
    binary: PathBuf,
    process: Option<Process>,
    generation: u64,
    /// Workers that we started ourselves, until they are reaped.
    alone: HashMap<i32, Child>,
    graveyard: Arc<Mutex<Vec<(u64, i32)>>>,
}

impl Keeper {
    fn run(mut self, mut requests: mpsc::Receiver<Request>, greeted: oneshot::Sender<Result<Hello, MediaError>>) {
        let started = self.restart();
        let failed = started.is_err();
        // Nobody listens any more if `start` was dropped, and then the channel below is closed too.
        let _ = greeted.send(started);
        if failed {
            return;
        }
        while let Some(request) = requests.blocking_recv() {
            match request {
                Request::Bury => {}
                Request::Stop => return,
                Request::Wait { pid, generation, reply } => {
                    let _ = reply.send(self.wait(pid, generation));
                }
                Request::Spawn {
                    spawn,
                    socket,
                    errors,
                    page,
                    reply,
                } => {
                    let spawned = self.spawn(spawn, [socket.as_fd(), errors.as_fd(), page.as_fd()]);
                    self.hand_over(spawned, reply);
                }
                Request::SpawnAlone { socket, errors, reply } => {
                    let spawned = self.spawn_alone(socket, errors);
                    self.hand_over(spawned, reply);
                }
            }
            self.bury_all();
        }
    }

    fn hand_over(&self, spawned: Result<Forked, MediaError>, reply: oneshot::Sender<Result<Forked, MediaError>>) {
        if let Err(Ok(forked)) = reply.send(spawned) {
            // Whoever asked is gone; the worker sees its socket close and leaves.
            self.graveyard().push((forked.generation, forked.pid));
        }
    }

    fn graveyard(&self) -> std::sync::MutexGuard<'_, Vec<(u64, i32)>> {
        self.graveyard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bury_all(&mut self) {
        let dead = std::mem::take(&mut *self.graveyard());
        for (generation, pid) in dead {
            if generation == ALONE {
                if self.reap(pid).is_none() {
                    self.graveyard().push((generation, pid));
                }
            } else if generation == self.generation
                && let Ok(FromZygote::Running { .. }) = self.ask(&ToZygote::Wait { pid }, &[]).map(|answer| answer.0)
            {
                self.graveyard().push((generation, pid));
            }
        }
    }

    fn wait(&mut self, pid: i32, generation: u64) -> Exit {
        if generation == ALONE {
            // It was killed, so this is a matter of milliseconds, unless a driver holds it in the kernel.
            for _ in 0..500 {
                if let Some(exit) = self.reap(pid) {
                    return exit;
                }
                thread::sleep(Duration::from_millis(1));
            }
            self.graveyard().push((generation, pid));
            return Exit::Signal(Signal::KILL.as_raw());
        }
        if generation != self.generation {
            return Exit::WithZygote;
        }
        match self.ask(&ToZygote::Wait { pid }, &[]) {
            Ok((
                FromZygote::Exited {
                    signal: Some(signal), ..
                },
                _,
            )) => Exit::Signal(signal),
            Ok((FromZygote::Exited { code: Some(code), .. }, _)) => Exit::Code(code),
            Ok((FromZygote::Running { .. }, _)) => {
                self.graveyard().push((generation, pid));
                Exit::Signal(Signal::KILL.as_raw())
            }
            Ok(_) | Err(_) => Exit::WithZygote,
        }
    }

    /// How a worker of our own ended, if it has; it is reaped then.
    fn reap(&mut self, pid: i32) -> Option<Exit> {
        let ended = match self.alone.get_mut(&pid)?.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => status.signal().map(Exit::Signal).or(status.code().map(Exit::Code)),
            Err(_) => None,
        };
        self.alone.remove(&pid);
        Some(ended.unwrap_or(Exit::WithZygote))
    }

    fn spawn_alone(&mut self, socket: OwnedFd, errors: OwnedFd) -> Result<Forked, MediaError> {
        let broken = |error: io::Error| unavailable(format!("starting `{}`: {error}", self.binary.display()));
        let child = command(&self.binary)
            .arg(HARDWARE_ARGUMENT)
            .stdin(socket)
            .stderr(errors)
            .spawn()
            .map_err(broken)?;
        let pid = child.id() as i32;
        // It is not reaped before we do it, so its id is still its own here.
        let opened =
            Pid::from_raw(pid).map_or(Err(rustix::io::Errno::SRCH), |pid| pidfd_open(pid, PidfdFlags::empty()));
        self.alone.insert(pid, child);
        match opened {
            Ok(pidfd) => Ok(Forked {
                pid,
                pidfd,
                generation: ALONE,
            }),
            Err(error) => {
                let broken = broken(error.into());
                self.end_alone(pid);
                Err(broken)
            }
        }
    }

    fn end_alone(&mut self, pid: i32) {
        if let Some(mut child) = self.alone.remove(&pid) {
            // Killing a process that is already dead is no error worth a word.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn spawn(&mut self, spawn: Spawn, descriptors: [std::os::fd::BorrowedFd<'_>; 3]) -> Result<Forked, MediaError> {
        let message = ToZygote::Spawn(spawn);
        // The second try is with a new zygote, as the first found the old one dead.
        let mut failure = String::new();
        for _ in 0..2 {
            if self.process.is_none() {
                self.restart()?;
            }
            match self.ask(&message, &descriptors) {
                Ok((FromZygote::Spawned { pid }, Some(pidfd))) => {
                    return Ok(Forked {
                        pid,
                        pidfd,
                        generation: self.generation,
                    });
                }
                Ok((FromZygote::Failed { reason }, _)) => return Err(unavailable(reason)),
                Ok(_) => {
                    failure = "an answer that does not fit".to_owned();
                    self.process = None;
                }
                Err(error) => failure = error.to_string(),
            }
        }
        Err(unavailable(format!("the zygote does not answer: {failure}")))
    }

    fn ask(
        &mut self,
        message: &ToZygote,
        descriptors: &[std::os::fd::BorrowedFd<'_>],
    ) -> io::Result<(FromZygote, Option<OwnedFd>)> {
        let Some(process) = &self.process else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let answer = process.ask(message, descriptors);
        if let Err(error) = &answer {
            tracing::warn!(%error, "media zygote died; its workers die with it");
            self.process = None;
        }
        answer
    }

    fn restart(&mut self) -> Result<Hello, MediaError> {
        self.process = None;
        let (process, hello) = Process::start(&self.binary)?;
        self.generation += 1;
        self.graveyard().retain(|&(generation, _)| generation == ALONE);
        self.process = Some(process);
        Ok(hello)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let left: Vec<i32> = self.alone.keys().copied().collect();
        for pid in left {
            self.end_alone(pid);
        }
    }
}

/// The worker program, with nothing of our environment but where libraries are.
fn command(binary: &Path) -> Command {
    #[expect(clippy::disallowed_methods, reason = "this is the one place, and the one program")]
    let mut command = Command::new(binary);
    command.env_clear().stdout(Stdio::null()).current_dir("/");
    if let Some(path) = std::env::var_os("LD_LIBRARY_PATH") {
        command.env("LD_LIBRARY_PATH", path);
    }
    command
}

/// A running zygote; killed and reaped on drop.
struct Process {
    child: Child,
    control: UnixStream,
}

impl Process {
    fn start(binary: &Path) -> Result<(Self, Hello), MediaError> {
        let broken = |error: io::Error| unavailable(format!("starting `{}`: {error}", binary.display()));
        let (control, theirs) = UnixStream::pair().map_err(broken)?;
        control.set_read_timeout(Some(PATIENCE)).map_err(broken)?;
        control.set_write_timeout(Some(PATIENCE)).map_err(broken)?;
        // Never blocks the zygote: what does not fit into the pipe is lost.
        let (mut errors, errors_in) =
            pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(|e| broken(e.into()))?;
        // The command holds our copies of the child's ends; were it kept, a dead zygote would not be noticed.
        let child = command(binary)
            .stdin(OwnedFd::from(theirs))
            .stderr(errors_in)
            .spawn()
            .map_err(broken)?;
        let process = Self { child, control };
        match wire::receive::<FromZygote>(process.control.as_fd()) {
            Ok(Some((FromZygote::Hello(hello), _))) if hello.protocol == PROTOCOL => Ok((process, *hello)),
            Ok(Some((FromZygote::Hello(hello), _))) => Err(MediaError::Version {
                expected: PROTOCOL,
                found: hello.protocol,
            }),
            other => {
                let why = match other {
                    Err(error) => error.to_string(),
                    Ok(_) => "it ended without a greeting".to_owned(),
                };
                let said = last_line(&mut errors);
                Err(unavailable(format!(
                    "`{}` does not start: {why} {said}",
                    binary.display()
                )))
            }
        }
    }

    fn ask(
        &self,
        message: &ToZygote,
        descriptors: &[std::os::fd::BorrowedFd<'_>],
    ) -> io::Result<(FromZygote, Option<OwnedFd>)> {
        wire::send(self.control.as_fd(), message, descriptors)?;
        match wire::receive::<FromZygote>(self.control.as_fd())? {
            Some((answer, mut passed)) => Ok((answer, passed.pop_front())),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Killing a process that is already dead is no error worth a word.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last line on a non-blocking pipe, without libav's `[name @ address]` in front; empties the pipe.
pub(crate) fn last_line(errors: &mut OwnedFd) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 8192];
    // A pipe holds at most 64 KiB, so this ends.
    for _ in 0..16 {
        match rustix::io::read(&*errors, &mut buffer) {
            Ok(n) if n > 0 => text = buffer[..n].to_vec(),
            _ => break,
        }
    }
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("");
    let line = match (line.starts_with('['), line.split_once("] ")) {
        (true, Some((_, rest))) => rest,
        _ => line,
    };
    media_proto::error::display_text(line)
}

fn stopped() -> MediaError {
    unavailable("the engine is stopped".to_owned())
}

pub(crate) fn unavailable(reason: String) -> MediaError {
    MediaError::Unavailable { reason }
}
