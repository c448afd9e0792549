//! The worker's loop: one job at a time from the server, until the socket closes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};

use anyhow::Context;
use media_proto::error::MediaError;
use media_proto::hardware::DeviceEncoder;
use media_proto::job::{Job, Limits};
use media_proto::message::{FromWorker, Reply, Spawn, ToWorker};
use media_proto::{INLINE_REPLY, PROTOCOL, wire};
use rustix::fs::{MemfdFlags, SealFlags};

use crate::head::{Delivery, Outlet};
use crate::sandbox::Sandbox;
use crate::{
    calibrate, capture, clip, control, faults, hardware, head, keyframes, probe, subtitles, survey, synthesize, sys,
    transcode,
};

/// Greets the server and works until it hangs up.
pub fn run(spawn: &Spawn, sandbox: Sandbox) -> anyhow::Result<()> {
    let Sandbox {
        socket,
        layers,
        warnings,
    } = sandbox;
    wire::send(
        socket.as_fd(),
        &FromWorker::Hello {
            protocol: PROTOCOL,
            layers,
            warnings,
        },
        &[],
    )?;
    while let Some((message, descriptors)) = wire::receive::<ToWorker>(socket.as_fd()).context("reading a job")? {
        let ToWorker::Start { id, job, limits } = message else {
            // A head that has ended is allowed to go on.
            continue;
        };
        control::begin(id);
        if spawn.faults
            && let Some(fault) = descriptors.front().and_then(faults::asked_for)
        {
            faults::misbehave(fault, id, job.kind(), &limits, &socket, &descriptors)?;
            continue;
        }
        let answered = match work(*job, &limits, descriptors, spawn.faults, &mut Outlet::new(&socket, id)) {
            Ok((reply, attached)) => answer(&socket, id, reply, attached),
            // libav turns an interrupted read into errors of many names.
            Err(_) if control::is_canceled() => wire::send(
                socket.as_fd(),
                &FromWorker::Fail {
                    id,
                    error: MediaError::Canceled,
                },
                &[],
            ),
            Err(error) => wire::send(
                socket.as_fd(),
                &FromWorker::Fail {
                    id,
                    error: error.bounded(),
                },
                &[],
            ),
        };
        answered.context("answering")?;
    }
    Ok(())
}

fn work(
    job: Job,
    limits: &Limits,
    mut descriptors: VecDeque<OwnedFd>,
    faults: bool,
    outlet: &mut Outlet<'_>,
) -> Result<(Reply, Option<OwnedFd>), MediaError> {
    match job {
        Job::Ping => Ok((Reply::Pong, None)),
        Job::Probe { hints } => {
            let source = take(&mut descriptors, "a probe")?;
            probe::run(source, &hints, limits).map(|probe| (Reply::Probed(Box::new(probe)), None))
        }
        Job::Keyframes {
            extension,
            stream,
            mode,
        } => {
            let source = take(&mut descriptors, "a keyframe table")?;
            let table = keyframes::run(source, extension.as_deref(), stream, mode, limits)?;
            Ok((Reply::Keyframes(table.map(Box::new)), None))
        }
        Job::Survey(wanted) => {
            let source = take(&mut descriptors, "a survey")?;
            let (surveyed, artifacts) = survey::run(source, &wanted, limits)?;
            Ok((Reply::Surveyed(Box::new(surveyed)), Some(artifacts)))
        }
        Job::Hardware => hardware::run().map(|hardware| (Reply::Hardware(Box::new(hardware)), None)),
        Job::VideoHead(head) => {
            let source = take(&mut descriptors, "a head")?;
            if !faults && matches!(head.encoder, Some(DeviceEncoder::Broken(..))) {
                return Err(no_faults());
            }
            outlet.allow(head.until);
            // What was given away cannot be taken back, and where a device fails another encoder begins the segment anew.
            let delivery = match head.encoder {
                Some(_) => Delivery::Whole,
                None => Delivery::Chunks,
            };
            head::video::run(source, &head, limits, delivery, &mut |made| outlet.give(made))?;
            Ok((Reply::Ended, None))
        }
        Job::VideoTrack(head) => {
            let source = take(&mut descriptors, "a head")?;
            outlet.allow(head.until);
            head::video::run(source, &head, limits, Delivery::Whole, &mut |made| outlet.give(made))?;
            Ok((Reply::Ended, None))
        }
        Job::AudioHead(head) | Job::AudioTrack(head) => {
            let source = take(&mut descriptors, "a head")?;
            outlet.allow(head.until);
            head::audio::run(source, &head, limits, &mut |made| outlet.give(made))?;
            Ok((Reply::Ended, None))
        }
        Job::Clip(wanted) => {
            let source = take(&mut descriptors, "a clip")?;
            let clipped = clip::run(source, &wanted, limits, &mut |offset, bytes| {
                outlet.piece(offset, bytes)
            })?;
            Ok((Reply::Clipped(Box::new(clipped)), None))
        }
        Job::Capture(wanted) => {
            let source = take(&mut descriptors, "a capture")?;
            let captured = capture::run(source, &wanted, limits, &mut |fragment, bytes| {
                outlet.fragment(fragment, bytes)
            })?;
            Ok((Reply::Captured(captured), None))
        }
        Job::Verify => {
            let source = take(&mut descriptors, "a rendition")?;
            let verified = transcode::verify(source, limits)?;
            Ok((Reply::Verified(Box::new(verified)), None))
        }
        Job::CopyHead(head) => {
            let source = take(&mut descriptors, "a head")?;
            outlet.allow(head.until);
            head::copy::run(source, &head, limits, &mut |made| outlet.give(made))?;
            Ok((Reply::Ended, None))
        }
        Job::KeyframeHead(head) => {
            let source = take(&mut descriptors, "a head")?;
            outlet.allow(head.until);
            head::video::keyframes::run(source, &head, limits, &mut |made| outlet.give(made))?;
            Ok((Reply::Ended, None))
        }
        Job::Subtitles(wanted) => {
            let source = take(&mut descriptors, "subtitles")?;
            let (subtitled, texts) = subtitles::run(source, &wanted, limits)?;
            Ok((Reply::Subtitled(subtitled), Some(texts)))
        }
        Job::Synthesize(spec) => {
            synthesize::run(&spec, limits).map(|(file, len)| (Reply::Synthesized { len }, Some(file)))
        }
        Job::Calibrate => calibrate::run(limits).map(|calibration| (Reply::Calibrated(calibration), None)),
        Job::Escape { .. } if faults => Ok((Reply::Escaped(sys::escapes()), None)),
        Job::Escape { .. } => Err(no_faults()),
    }
}

fn no_faults() -> MediaError {
    MediaError::Invalid {
        reason: "faults are off in this pool".to_owned(),
    }
}

/// The file that a job is about.
fn take(descriptors: &mut VecDeque<OwnedFd>, what: &str) -> Result<OwnedFd, MediaError> {
    descriptors.pop_front().ok_or_else(|| MediaError::Invalid {
        reason: format!("{what} without a descriptor"),
    })
}

fn answer(socket: &OwnedFd, id: u64, reply: Reply, attached: Option<OwnedFd>) -> std::io::Result<()> {
    let bytes = postcard::to_extend(&reply, Vec::new()).map_err(std::io::Error::other)?;
    let mut files = Vec::from_iter(attached);
    let reply = if bytes.len() < INLINE_REPLY {
        reply
    } else {
        files.push(sealed_file(&bytes)?);
        Reply::Large {
            len: bytes.len() as u64,
        }
    };
    let descriptors: Vec<_> = files.iter().map(AsFd::as_fd).collect();
    wire::send(socket.as_fd(), &FromWorker::Done { id, reply }, &descriptors)
}

/// A new memory file that can be sealed.
pub fn memory_file() -> std::io::Result<OwnedFd> {
    Ok(rustix::fs::memfd_create(
        "vitagraph",
        MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
    )?)
}

/// Makes a memory file unchangeable, so that the server can read it without fear of it shrinking.
pub fn seal(file: &OwnedFd) -> std::io::Result<()> {
    Ok(rustix::fs::fcntl_add_seals(
        file,
        SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
    )?)
}

/// A sealed memory file of these bytes.
pub fn sealed_file(bytes: &[u8]) -> std::io::Result<OwnedFd> {
    let mut file = File::from(memory_file()?);
    file.write_all(bytes)?;
    let file = OwnedFd::from(file);
    seal(&file)?;
    Ok(file)
}
