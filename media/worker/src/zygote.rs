//! The zygote: loads libav once, then forks a worker whenever the server asks, in two milliseconds instead of a hundred.
//!
//! It has one thread for its whole life and reads no media. When its socket closes, the server is gone: it leaves, and
//! its workers die with it.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use anyhow::{Context, bail};
use media_proto::PROTOCOL;
use media_proto::message::{FromZygote, Hello, Spawn, ToZygote};
use media_proto::wire;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, waitpid};

use crate::sys::{self, Side};
use crate::{control, sandbox, serve};

/// Serves the control socket on standard input until it closes.
pub fn run() -> anyhow::Result<()> {
    let control = sys::take_stdin();
    if rustix::net::sockopt::socket_type(&control).is_err() {
        bail!("this program is started by vitagraph and does nothing by itself");
    }
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).context("asking to die with the server")?;
    sys::keep_freed_memory();
    media_av::facts::log_errors_only();
    wire::send(control.as_fd(), &FromZygote::Hello(Box::new(hello())), &[]).context("greeting the server")?;

    while let Some((message, mut descriptors)) =
        wire::receive::<ToZygote>(control.as_fd()).context("reading a request")?
    {
        match message {
            ToZygote::Wait { pid } => wire::send(control.as_fd(), &wait(pid), &[])?,
            ToZygote::Spawn(spawn) => {
                let mut next = || descriptors.pop_front();
                let (Some(socket), Some(errors), Some(page)) = (next(), next(), next()) else {
                    bail!("a spawn request without its three descriptors");
                };
                match fork_worker(&spawn, socket, errors, page) {
                    Ok((pid, pidfd)) => {
                        wire::send(control.as_fd(), &FromZygote::Spawned { pid }, &[pidfd.as_fd()])?;
                    }
                    Err(error) => {
                        wire::send(
                            control.as_fd(),
                            &FromZygote::Failed {
                                reason: format!("{error:#}"),
                            },
                            &[],
                        )?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn fork_worker(spawn: &Spawn, socket: OwnedFd, errors: OwnedFd, page: OwnedFd) -> anyhow::Result<(i32, OwnedFd)> {
    let zygote = std::process::id() as i32;
    let null = OwnedFd::from(
        File::options()
            .read(true)
            .write(true)
            .open("/dev/null")
            .context("opening /dev/null")?,
    );
    match sys::fork().context("forking a worker")? {
        Side::Child => {
            let code = work(spawn, zygote, null, errors, socket, page);
            std::process::exit(code);
        }
        Side::Parent(pid) => {
            let pid = Pid::from_raw(pid).context("fork returned no process id")?;
            // The child cannot be reaped before we do it, so its id is still its own here.
            match pidfd_open(pid, PidfdFlags::empty()) {
                Ok(pidfd) => Ok((pid.as_raw_pid(), pidfd)),
                Err(error) => {
                    let _ = rustix::process::kill_process(pid, Signal::KILL);
                    let _ = waitpid(Some(pid), WaitOptions::empty());
                    Err(error).context("opening the worker's pidfd (needs Linux 5.3)")
                }
            }
        }
    }
}

fn work(spawn: &Spawn, zygote: i32, null: OwnedFd, errors: OwnedFd, socket: OwnedFd, page: OwnedFd) -> i32 {
    let served = sys::map_page(&page)
        .context("mapping the control page")
        .map(control::install)
        // The mapping stays; the descriptor must be gone before the sandbox closes its number.
        .map(|()| drop(page))
        .and_then(|()| sandbox::enter(spawn, zygote, null, errors, socket))
        .and_then(|sandbox| serve::run(spawn, sandbox));
    match served {
        Ok(()) => 0,
        Err(error) => {
            use std::io::Write;
            // The error pipe may be full or gone; the exit code says enough then.
            let _ = writeln!(std::io::stderr(), "media worker: {error:#}");
            1
        }
    }
}

fn wait(pid: i32) -> FromZygote {
    let Some(child) = Pid::from_raw(pid) else {
        return FromZygote::Failed {
            reason: format!("{pid} is no process id"),
        };
    };
    // A process stuck in the kernel, as on a dead network mount, must not block the zygote: the server asks again.
    for _ in 0..500 {
        match waitpid(Some(child), WaitOptions::NOHANG) {
            Ok(Some((_, status))) => {
                return FromZygote::Exited {
                    pid,
                    code: status.exit_status(),
                    signal: status.terminating_signal(),
                };
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(1)),
            Err(error) => {
                return FromZygote::Failed {
                    reason: format!("waiting for process {pid}: {error}"),
                };
            }
        }
    }
    FromZygote::Running { pid }
}

fn hello() -> Hello {
    let (encoders, decoders) = media_av::facts::codecs();
    let (ffmpeg, libraries) = (media_av::facts::version(), media_av::facts::libraries());
    let configuration = media_av::facts::configuration();
    // The hash only has to differ between builds of FFmpeg; DefaultHasher::new has fixed keys.
    let mut hasher = DefaultHasher::new();
    (&ffmpeg, &libraries, &configuration).hash(&mut hasher);
    Hello {
        protocol: PROTOCOL,
        ffmpeg,
        libraries,
        configuration,
        ffmpeg_hash: format!("{:016x}", hasher.finish()),
        encoders,
        decoders,
    }
}
