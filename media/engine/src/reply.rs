//! What a worker sent back, checked before anybody looks at it: seals, lengths, bounds, and whether it fits the question.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use media_proto::MAX_REPLY;
use media_proto::job::{Job, Limits};
use media_proto::message::Reply;
use rustix::fs::{SealFlags, fcntl_get_seals, fstat};

/// Takes the descriptors that came with a reply: its own memory file first, the long reply's last. Gives the real reply
/// with the memory file that belongs to it.
pub(crate) fn open(
    reply: Reply,
    mut passed: VecDeque<OwnedFd>,
    limits: &Limits,
) -> Result<(Reply, Option<OwnedFd>), String> {
    let reply = match reply {
        Reply::Large { len } => {
            let file = passed.pop_back().ok_or("a long reply without its memory file")?;
            match postcard::from_bytes(&read_sealed(&file, len, MAX_REPLY as u64)?)
                .map_err(|error| error.to_string())?
            {
                Reply::Large { .. } => return Err("a long reply inside a long reply".to_owned()),
                reply => reply,
            }
        }
        reply => reply,
    };
    let attached = passed.pop_front();
    if !passed.is_empty() {
        return Err("more descriptors than the reply has use for".to_owned());
    }
    match (&reply, &attached) {
        (Reply::Synthesized { len }, Some(file)) => {
            let size = sealed_size(file, limits.out_bytes)?;
            if size != *len {
                return Err(format!("a memory file of {size} bytes where {len} were announced"));
            }
        }
        (Reply::Synthesized { .. }, None) => return Err("media without its memory file".to_owned()),
        (Reply::Surveyed(surveyed), Some(file)) => surveyed.check(sealed_size(file, limits.out_bytes)?)?,
        (Reply::Surveyed(surveyed), None) => surveyed.check(0)?,
        (Reply::Subtitled(subtitled), Some(file)) => subtitled.check(sealed_size(file, limits.out_bytes)?)?,
        (Reply::Subtitled(_), None) => return Err("subtitles without their memory file".to_owned()),
        (_, Some(_)) => return Err("a descriptor that nobody asked for".to_owned()),
        (_, None) => {}
    }
    Ok((reply, attached))
}

/// Whether a reply is one to this job, within what its type allows. What lies in memory files was checked by [`open`].
pub(crate) fn check(job: &Job, reply: &Reply) -> Result<(), String> {
    match (job, reply) {
        (Job::Ping, Reply::Pong)
        | (Job::VideoHead(_) | Job::AudioHead(_) | Job::VideoTrack(_) | Job::AudioTrack(_), Reply::Ended)
        | (Job::CopyHead(_) | Job::KeyframeHead(_), Reply::Ended)
        | (Job::Subtitles(_), Reply::Subtitled(_))
        | (Job::Capture(_), Reply::Captured(_))
        | (Job::Escape { .. }, Reply::Escaped(_))
        | (Job::Survey(_), Reply::Surveyed(_))
        | (Job::Synthesize(_), Reply::Synthesized { .. }) => Ok(()),
        (Job::Probe { .. }, Reply::Probed(probe)) => probe.check(),
        (Job::Keyframes { .. }, Reply::Keyframes(table)) => table.as_ref().map_or(Ok(()), |table| table.check()),
        (Job::Clip(clip), Reply::Clipped(clipped)) => clipped.check(clip),
        (Job::Verify, Reply::Verified(verified)) => verified.check(),
        (Job::Hardware, Reply::Hardware(hardware)) => hardware.check(),
        (Job::Calibrate, Reply::Calibrated(calibration)) => calibration.check(),
        _ => Err(format!("a reply that does not belong to a {} job", job.kind().name())),
    }
}

/// The real size of a memory file. An unsealed one could change or shrink under whoever reads it.
fn sealed_size(file: &OwnedFd, max: u64) -> Result<u64, String> {
    let seals = fcntl_get_seals(file).map_err(|error| format!("not a memory file: {error}"))?;
    if !seals.contains(SealFlags::WRITE | SealFlags::SHRINK) {
        return Err("a memory file that is not sealed".to_owned());
    }
    let size = fstat(file).map_err(|error| error.to_string())?.st_size as u64;
    if size > max {
        return Err(format!("a memory file of {size} bytes, at most {max}"));
    }
    Ok(size)
}

/// What is in a memory file of exactly this length, at most `max` bytes.
pub(crate) fn read_sealed(file: &OwnedFd, len: u64, max: u64) -> Result<Vec<u8>, String> {
    let size = sealed_size(file, max)?;
    if size != len {
        return Err(format!("a memory file of {size} bytes where {len} were announced"));
    }
    let mut bytes = vec![0; len as usize];
    let mut n = 0;
    while n < bytes.len() {
        match rustix::io::pread(file, &mut bytes[n..], n as u64) {
            Ok(0) => return Err("a memory file that ends early".to_owned()),
            Ok(more) => n += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::os::fd::OwnedFd;

    use media_proto::job::Limits;
    use media_proto::message::Reply;
    use media_proto::survey::{Artifact, ArtifactKind, Surveyed};
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

    use super::open;

    fn memory_file(bytes: &[u8], seals: SealFlags) -> OwnedFd {
        let file = memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        assert_eq!(rustix::io::write(&file, bytes).unwrap(), bytes.len());
        fcntl_add_seals(&file, seals).unwrap();
        file
    }

    fn sealed(bytes: &[u8]) -> OwnedFd {
        memory_file(bytes, SealFlags::WRITE | SealFlags::SHRINK)
    }

    /// A survey whose one artifact has this many bytes.
    fn surveyed(len: u64) -> Reply {
        let artifact = Artifact {
            kind: ArtifactKind::Sprite,
            format: None,
            width: 1,
            height: 1,
            offset: 0,
            len,
        };
        Reply::Surveyed(Box::new(Surveyed {
            artifacts: vec![artifact],
            fingerprint: vec![u32::MAX; 10_000],
            ..Surveyed::default()
        }))
    }

    fn opened(reply: Reply, passed: impl IntoIterator<Item = OwnedFd>) -> Result<Option<OwnedFd>, String> {
        let passed: VecDeque<OwnedFd> = passed.into_iter().collect();
        open(reply, passed, &Limits::default()).map(|(_, file)| file)
    }

    #[test]
    fn a_long_reply_and_its_own_memory_file_travel_together() {
        let long = postcard::to_extend(&surveyed(5), Vec::new()).unwrap();
        let large = || Reply::Large { len: long.len() as u64 };
        assert!(opened(large(), [sealed(b"jpegs"), sealed(&long)]).unwrap().is_some());
        assert!(opened(surveyed(5), [sealed(b"jpegs")]).unwrap().is_some());

        // One file short, one too many, in the wrong order, cut, and another length than was announced.
        assert!(opened(large(), [sealed(&long)]).is_err());
        assert!(opened(large(), []).is_err());
        assert!(opened(large(), [sealed(b"jpegs"), sealed(b"jpegs"), sealed(&long)]).is_err());
        assert!(opened(large(), [sealed(&long), sealed(b"jpegs")]).is_err());
        assert!(opened(large(), [sealed(b"jpeg"), sealed(&long)]).is_err());
        assert!(opened(Reply::Large { len: 3 }, [sealed(b"jpegs"), sealed(&long)]).is_err());
        let nested = postcard::to_extend(&large(), Vec::new()).unwrap();
        let len = nested.len() as u64;
        assert!(opened(Reply::Large { len }, [sealed(b"jpegs"), sealed(&nested)]).is_err());
    }

    #[test]
    fn what_could_change_or_shrink_is_refused() {
        for seals in [SealFlags::empty(), SealFlags::WRITE, SealFlags::SHRINK] {
            assert!(
                opened(surveyed(5), [memory_file(b"jpegs", seals)]).is_err(),
                "{seals:?}"
            );
        }
        let no_memory_file = OwnedFd::from(tempfile::tempfile().unwrap());
        assert!(opened(surveyed(0), [no_memory_file]).is_err());
        assert!(opened(Reply::Pong, [sealed(b"")]).is_err());
        assert!(opened(Reply::Synthesized { len: 1 }, []).is_err());
    }
}
