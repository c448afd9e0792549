//! What a killed server left: files are cut back to their last whole fragment, sealed, and marked as interrupted.

use std::{fs::File, os::unix::fs::FileExt};

use kernel::{
    blob::RelativePath,
    error::Failure,
    jobs::{JobCx, Step},
};
use media_engine::{engine::Engine, source::Source as MediaSource};
use media_proto::job::ProbeHints;

use crate::{
    code,
    part::{self, Fate},
    place,
    row::{self, Capture, Part, Sealed, Source},
};

/// Repairs all files of a capture that are not whole. Says when the last of them was written to, in milliseconds.
///
/// # Errors
/// The lease is lost, the database or the disk fails.
pub async fn repair<S: Step>(
    cx: &JobCx<S>,
    engine: &Engine,
    source: &Source,
    capture: &Capture,
) -> anyhow::Result<Option<i64>> {
    let mut latest = None;
    for part in row::open_parts(cx.kernel().store.reader(), capture.id).await? {
        latest = mend(cx, engine, source, &part).await?.max(latest);
    }
    Ok(latest)
}

async fn mend<S: Step>(cx: &JobCx<S>, engine: &Engine, source: &Source, left: &Part) -> anyhow::Result<Option<i64>> {
    let kernel = cx.kernel();
    let (work, target) = (
        place::work(&left.file_name),
        place::placed(source.library, &left.file_name),
    );
    let found = place::below(kernel, move |root| {
        let path: &RelativePath = match (root.facts(&work)?, root.facts(&target)?) {
            (Some(_), _) => &work,
            (None, Some(_)) => &target,
            (None, None) => return Ok(None),
        };
        let file = root.work_file(path)?;
        let written_at = file.metadata()?.modified()?;
        let whole = whole(&file)?;
        file.set_len(whole)?;
        file.sync_all()?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&file)?;
        Ok(Some((file, whole, written_at, hasher.finalize().as_bytes().to_vec())))
    });
    let Some((file, n_bytes, written_at, hash)) = found.await? else {
        part::publish(cx, source, left, Fate::Empty).await?;
        return Ok(None);
    };
    let written_at = written_at
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64);
    let sealed = match n_bytes {
        0 => None,
        _ => {
            let media = MediaSource::new(file)?;
            let probe = engine
                .probe(
                    &media,
                    ProbeHints {
                        extension: Some("mp4".to_owned()),
                    },
                    cx.canceled(),
                )
                .await;
            let verified = engine.verify(&media, cx.canceled()).await;
            let video = verified
                .ok()
                .and_then(|found| found.streams.into_iter().find(|stream| stream.is_video));
            probe
                .ok()
                .filter(|probe| !probe.streams.is_empty())
                .map(|probe| Sealed {
                    n_bytes: i64::try_from(n_bytes).unwrap_or(i64::MAX),
                    n_frames: video.map_or(0, |video| i64::try_from(video.n_packets).unwrap_or(i64::MAX)),
                    duration_us: probe.duration_us.unwrap_or(0),
                    hash,
                    is_interrupted: true,
                    // What was seen is gone with the server that saw it.
                    motion: Vec::new(),
                })
        }
    };
    part::publish(cx, source, left, sealed.as_ref().map_or(Fate::Empty, Fate::Kept)).await?;
    Ok(Some(written_at))
}

/// Where the last whole fragment ends: 0 if there is none.
fn whole(file: &File) -> std::io::Result<u64> {
    let length = file.metadata()?.len();
    let (mut at, mut end) = (0, 0);
    let mut head = [0; 16];
    while at + 8 <= length {
        let n = (length - at).min(16) as usize;
        file.read_exact_at(&mut head[..n], at)?;
        let size = match u32::from_be_bytes([head[0], head[1], head[2], head[3]]) {
            1 if n == 16 => u64::from_be_bytes(head[8..16].try_into().unwrap_or_default()),
            size => u64::from(size),
        };
        if size < 8 || at.checked_add(size).is_none_or(|next| next > length) {
            break;
        }
        at += size;
        // A header alone holds no picture.
        if &head[4..8] == b"mdat" {
            end = at;
        }
    }
    Ok(end)
}

/// The media engine.
///
/// # Errors
/// When it is not running.
pub fn engine(kernel: &kernel::plugin::Kernel) -> Result<std::sync::Arc<Engine>, Failure> {
    let missing = || {
        Failure::new(
            &code::NO_ENGINE,
            "the media engine is not running, so nothing can be recorded",
        )
    };
    kernel.parts.get::<Engine>().ok_or_else(missing)
}
