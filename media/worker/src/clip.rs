//! Clips: ranges of a film as a file of its own, exact to the frame, with as little encoded anew as possible.
//!
//! `plan` says what is copied and what is encoded, `splice` copies and encodes edges, `whole` encodes everything, `sound`
//! goes along with either, `track` writes both; `animation` makes pictures that move without a film.

mod animation;
mod parameters;
mod plan;
mod reader;
mod sound;
mod splice;
mod track;
mod whole;

#[cfg(test)]
mod tests;

use std::os::fd::OwnedFd;

use media_proto::clip::{Clip, ClipFormat, ClipMode, Clipped, MAX_RANGES};
use media_proto::error::MediaError;
use media_proto::job::Limits;

use self::sound::Sound;
use self::splice::NotSpliced;

/// Takes bytes of the file being made, and where in it they belong.
pub type Give<'a> = dyn FnMut(u64, &[u8]) -> Result<(), MediaError> + 'a;

/// Makes a clip.
pub fn run(source: OwnedFd, clip: &Clip, limits: &Limits, give: &mut Give<'_>) -> Result<Clipped, MediaError> {
    check(clip)?;
    match (clip.format, clip.mode) {
        (ClipFormat::Gif | ClipFormat::Webp, _) => animation::make(source, clip, limits, give),
        (ClipFormat::Mp4, ClipMode::Exact) => whole::make(source, clip, limits, give),
        (ClipFormat::Mp4, _) if clip.video.is_none() => whole::make(source, clip, limits, give),
        (ClipFormat::Mp4, ClipMode::Smart | ClipMode::Keyframe) => {
            match splice::make(copy(&source)?, clip, limits, give) {
                Ok(clipped) => Ok(clipped),
                Err(NotSpliced::Because(reason)) => {
                    let mut clipped = whole::make(source, clip, limits, give)?;
                    clipped.reason = Some(reason);
                    Ok(clipped)
                }
                Err(NotSpliced::Failed(error)) => Err(error),
            }
        }
    }
}

fn check(clip: &Clip) -> Result<(), MediaError> {
    if clip.ranges.is_empty() || clip.ranges.len() > MAX_RANGES {
        return Err(invalid(format!("a clip has 1 to {MAX_RANGES} ranges")));
    }
    if clip.ranges.iter().any(|(start, end)| *start < 0 || end <= start) {
        return Err(invalid("a range ends after it begins, and begins after 0"));
    }
    if clip.video.is_none() && clip.audio.is_empty() {
        return Err(MediaError::NoStream);
    }
    let Some(video) = &clip.video else { return Ok(()) };
    let is_even = |side: u32| (2..=8192).contains(&side) && side.is_multiple_of(2);
    if !is_even(video.rendition.width) || !is_even(video.rendition.height) {
        return Err(invalid("width and height must be even, from 2 to 8192"));
    }
    match video.rotation {
        0 | 90 | 180 | 270 => Ok(()),
        _ => Err(invalid("a rotation is 0, 90, 180 or 270")),
    }
}

fn copy(source: &OwnedFd) -> Result<OwnedFd, MediaError> {
    source.try_clone().map_err(|error| MediaError::Io {
        reason: error.to_string(),
    })
}

fn invalid(reason: impl Into<String>) -> MediaError {
    MediaError::Invalid { reason: reason.into() }
}

/// The sounds of a clip, ready at its first sample.
fn sounds(source: &OwnedFd, clip: &Clip, limits: &Limits) -> Result<Vec<Sound>, MediaError> {
    let open = |rendition| Sound::open(copy(source)?, clip, rendition, limits);
    clip.audio.iter().map(open).collect()
}
