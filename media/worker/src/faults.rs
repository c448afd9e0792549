//! Misbehavior on demand, in pools that were started for it: each way in which a worker can fail the server.

use std::collections::VecDeque;
use std::hint::black_box;
use std::os::fd::{AsFd, OwnedFd};

use media_proto::fault::Fault;
use media_proto::message::{FromWorker, Reply};
use media_proto::probe::{MAX_STREAMS, Probe, Stream};
use media_proto::{MAX_FRAME, wire};
use rustix::fs::{SeekFrom, seek};
use rustix::io::{pread, write};

use crate::{serve, sys};

/// The fault that the file's content asks for, if any.
pub fn asked_for(file: &OwnedFd) -> Option<Fault> {
    let mut head = [0; 64];
    let n = pread(file, &mut head[..], 0).ok()?;
    Fault::in_file(&head[..n])
}

/// Does it. Returns only from faults that leave the worker alive.
pub fn misbehave(fault: Fault, id: u64, socket: &OwnedFd, descriptors: &VecDeque<OwnedFd>) -> anyhow::Result<()> {
    match fault {
        Fault::Crash => sys::crash(),
        Fault::Abort => std::process::abort(),
        Fault::Hang => loop {
            black_box(());
        },
        Fault::StackOverflow => {
            black_box(deeper(black_box(0)));
        }
        Fault::Memory => {
            let mut held: Vec<Vec<u8>> = Vec::new();
            loop {
                held.push(vec![1; 64 << 20]);
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
            let streams = (0..=MAX_STREAMS as u32)
                .map(|index| Stream {
                    index,
                    ..Stream::default()
                })
                .collect();
            let probe = Probe {
                streams,
                ..Probe::default()
            };
            let reply = postcard::to_extend(&Reply::Probed(Box::new(probe)), Vec::new())?;
            let file = serve::memory_file()?;
            write(&file, &reply)?;
            serve::seal(&file)?;
            let reply = Reply::Large {
                len: reply.len() as u64,
            };
            wire::send(
                socket.as_fd(),
                &FromWorker::Done { id, reply, peak_kb: 0 },
                &[file.as_fd()],
            )?;
        }
        Fault::Unsealed => {
            // All in order but for the seals.
            let reply = postcard::to_extend(&Reply::Probed(Box::default()), Vec::new())?;
            let file = serve::memory_file()?;
            write(&file, &reply)?;
            let reply = Reply::Large {
                len: reply.len() as u64,
            };
            wire::send(
                socket.as_fd(),
                &FromWorker::Done { id, reply, peak_kb: 0 },
                &[file.as_fd()],
            )?;
        }
        Fault::CrashOnce => {
            // Workers share the offset of the passed descriptor, which is how the second one knows.
            let file = descriptors.front().map(AsFd::as_fd);
            let Some(file) = file else { return Ok(()) };
            if seek(file, SeekFrom::Current(0))? == 0 {
                seek(file, SeekFrom::Start(1))?;
                sys::crash();
            }
            let reply = Reply::Probed(Box::default());
            wire::send(socket.as_fd(), &FromWorker::Done { id, reply, peak_kb: 0 }, &[])?;
        }
    }
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
