//! Misbehavior on demand, in pools that were started for it: each way in which a worker can fail the server.

use std::collections::VecDeque;
use std::hint::black_box;
use std::os::fd::{AsFd, OwnedFd};

use media_proto::error::MediaError;
use media_proto::fault::Fault;
use media_proto::job::{JobKind, Limits};
use media_proto::keyframes::Keyframes;
use media_proto::message::{FromWorker, Reply};
use media_proto::probe::{MAX_STREAMS, Probe, Stream};
use media_proto::survey::{Artifact, ArtifactKind, Surveyed};
use media_proto::{MAX_FRAME, wire};
use rustix::fs::{SeekFrom, seek};
use rustix::io::{pread, write};

use crate::{control, serve, sys};

/// The fault that the file's content asks for, if any.
pub fn asked_for(file: &OwnedFd) -> Option<Fault> {
    let mut head = [0; 64];
    let n = pread(file, &mut head[..], 0).ok()?;
    Fault::in_file(&head[..n])
}

/// Does it. Returns only from faults that leave the worker alive.
pub fn misbehave(
    fault: Fault,
    id: u64,
    kind: JobKind,
    limits: &Limits,
    socket: &OwnedFd,
    descriptors: &VecDeque<OwnedFd>,
) -> anyhow::Result<()> {
    match fault {
        Fault::Crash => sys::crash(),
        Fault::Abort => std::process::abort(),
        Fault::Hang => loop {
            black_box(());
        },
        Fault::Endless => loop {
            control::beat();
        },
        Fault::Diligent => {
            let mut done = 0;
            while control::checkpoint().is_ok() {
                done = (done + 1) % 1_000_000;
                control::progress(done, 1_000_000);
            }
            let error = MediaError::Canceled;
            wire::send(socket.as_fd(), &FromWorker::Fail { id, error }, &[])?;
        }
        Fault::Boastful => loop {
            control::begin(u64::MAX);
            control::progress(u64::MAX, 1);
        },
        Fault::StackOverflow => {
            black_box(deeper(black_box(0)));
        }
        Fault::Memory => {
            let mut held: Vec<Vec<u8>> = Vec::new();
            loop {
                held.push(vec![1; 64 << 20]);
                control::beat();
                black_box(&held);
            }
        }
        Fault::Oversized => {
            write(socket, &(MAX_FRAME as u32 + 1).to_le_bytes())?;
        }
        Fault::Garbage => {
            write(socket, &[3, 0, 0, 0, 0xff, 0xff, 0xff])?;
        }
        Fault::Truncated => {
            write(socket, &[200, 0, 0, 0, 1, 2, 3])?;
            std::process::exit(0);
        }
        Fault::Excessive => {
            let reply = sealed(&postcard::to_extend(&excessive(kind), Vec::new())?)?;
            send_long(socket, id, &reply)?;
        }
        Fault::Unsealed => match kind {
            // All in order but for the seals.
            JobKind::Survey => {
                let reply = Reply::Surveyed(Box::default());
                let file = serve::memory_file()?;
                wire::send(socket.as_fd(), &FromWorker::Done { id, reply }, &[file.as_fd()])?;
            }
            _ => {
                let file = serve::memory_file()?;
                write(&file, &postcard::to_extend(&honest(kind), Vec::new())?)?;
                send_long(socket, id, &file)?;
            }
        },
        Fault::CrashOnce => {
            // Workers share the offset of the passed descriptor, which is how the second one knows.
            let file = descriptors.front().map(AsFd::as_fd);
            let Some(file) = file else { return Ok(()) };
            if seek(file, SeekFrom::Current(0))? == 0 || limits.threads != 1 {
                seek(file, SeekFrom::Start(1))?;
                sys::crash();
            }
            let reply = honest(kind);
            wire::send(socket.as_fd(), &FromWorker::Done { id, reply }, &[])?;
        }
    }
    Ok(())
}

/// The least that an honest worker may answer.
fn honest(kind: JobKind) -> Reply {
    match kind {
        JobKind::Survey => Reply::Surveyed(Box::default()),
        JobKind::Keyframes => Reply::Keyframes(None),
        _ => Reply::Probed(Box::default()),
    }
}

/// More than a reply of that kind may hold.
fn excessive(kind: JobKind) -> Reply {
    match kind {
        JobKind::Survey => {
            let artifact = Artifact {
                kind: ArtifactKind::Sprite,
                format: None,
                width: 1,
                height: 1,
                offset: u64::MAX,
                len: 1,
            };
            Reply::Surveyed(Box::new(Surveyed {
                artifacts: vec![artifact],
                ..Surveyed::default()
            }))
        }
        JobKind::Keyframes => Reply::Keyframes(Some(Box::new(Keyframes {
            time_base: (1, 1000),
            deltas: vec![0, -1],
            ..Keyframes::default()
        }))),
        _ => {
            let stream = |index| Stream {
                index,
                ..Stream::default()
            };
            Reply::Probed(Box::new(Probe {
                streams: (0..=MAX_STREAMS as u32).map(stream).collect(),
                ..Probe::default()
            }))
        }
    }
}

fn sealed(bytes: &[u8]) -> anyhow::Result<OwnedFd> {
    let file = serve::memory_file()?;
    write(&file, bytes)?;
    serve::seal(&file)?;
    Ok(file)
}

fn send_long(socket: &OwnedFd, id: u64, file: &OwnedFd) -> anyhow::Result<()> {
    let reply = Reply::Large {
        len: rustix::fs::fstat(file)?.st_size as u64,
    };
    wire::send(socket.as_fd(), &FromWorker::Done { id, reply }, &[file.as_fd()])?;
    Ok(())
}

#[expect(
    unconditional_recursion,
    reason = "running out of stack is the fault that is asked for"
)]
fn deeper(depth: u64) -> u64 {
    let pad = black_box([depth; 64]);
    deeper(depth + 1) + pad[1]
}
