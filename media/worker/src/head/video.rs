//! The video head: decodes from the keyframe before the first segment, converts, encodes and cuts.

mod burn;
mod cutter;
mod encoder;
pub mod keyframes;
mod overlay;
pub mod painter;
pub mod reader;

use std::os::fd::OwnedFd;

use media_av::decode::{self, Decoder};
use media_av::encode::Frame;
use media_av::input::Wanted;
use media_proto::error::MediaError;
use media_proto::grid::TimeBase;
use media_proto::head::{VIDEO_TICKS, VideoHead};
use media_proto::job::Limits;

use self::burn::Burner;
use self::cutter::Cutter;
use self::painter::Painter;
use self::reader::Reader;
use super::{Delivery, Give};
use crate::open::{self, av_error};
use crate::{container, control};

/// The unit of a rendition's times.
const OUT: TimeBase = (1, VIDEO_TICKS as i32);

/// Makes segments from the first wanted one to the last, or until nobody takes them.
pub fn run(
    source: OwnedFd,
    head: &VideoHead,
    limits: &Limits,
    delivery: Delivery,
    give: &mut Give<'_>,
) -> Result<(), MediaError> {
    check(head)?;
    let n_threads = threads(limits);
    let encoder = encoder::open(head, n_threads)?;
    let mut burner = match head.burn {
        Some(stream) => Some(Burner::open(
            source.try_clone().map_err(io_error)?,
            head,
            stream,
            limits,
        )?),
        None => None,
    };
    let mut reader = reader(source, head, limits, n_threads)?;
    let mut cutter = Cutter::new(head, encoder, n_threads, delivery, give)?;
    let mut painter = Painter::new(head);
    let mut frame = Frame::empty().map_err(av_error)?;
    let mut painted = Frame::empty().map_err(av_error)?;
    let mut has_frame = reader.first(head, &mut frame)?;
    while has_frame {
        control::checkpoint()?;
        painter.push(Some(&frame))?;
        while painter.pull(&mut painted)? {
            if let Some(burner) = &mut burner {
                burner.draw(&mut painted, painter.time_base())?;
            }
            if !cutter.frame(&mut painted, painter.time_base())? {
                return Ok(());
            }
        }
        has_frame = reader.next(&mut frame)?;
    }
    painter.push(None)?;
    while painter.pull(&mut painted)? {
        if let Some(burner) = &mut burner {
            burner.draw(&mut painted, painter.time_base())?;
        }
        if !cutter.frame(&mut painted, painter.time_base())? {
            return Ok(());
        }
    }
    cutter.finish()
}

/// A reader of the head's stream, at the beginning of the file.
pub fn reader(source: OwnedFd, head: &VideoHead, limits: &Limits, n_threads: u32) -> Result<Reader, MediaError> {
    let mut opened = open::open(source, head.extension.as_deref(), u64::MAX, limits)?;
    // Only these two say everything in their header.
    if !matches!(opened.format.name, "mp4" | "matroska") {
        opened.input.find_stream_info().map_err(open::explain)?;
    }
    let stream = head.stream as usize;
    if stream >= opened.input.n_streams() {
        return Err(invalid("the file has no such stream"));
    }
    for other in 0..opened.input.n_streams() {
        let wanted = if other == stream { Wanted::All } else { Wanted::Nothing };
        opened.input.want(other, wanted);
    }
    let rules = decode::Rules {
        codecs: container::DECODERS,
        max_pixels: limits.max_pixels,
        n_threads,
    };
    let decoder = {
        let view = opened
            .input
            .streams()
            .nth(stream)
            .ok_or_else(|| invalid("the file has no such stream"))?;
        if view.time_base() != head.time_base {
            return Err(invalid("the stream's clock is another than the plan's"));
        }
        Decoder::open(view, &rules).map_err(|reason| MediaError::Unsupported { reason })?
    };
    Ok(Reader::new(opened, stream, decoder))
}

fn check(head: &VideoHead) -> Result<(), MediaError> {
    let rendition = &head.rendition;
    let is_even = |side: u32| (2..=8192).contains(&side) && side.is_multiple_of(2);
    if !is_even(rendition.width) || !is_even(rendition.height) {
        return Err(invalid("width and height must be even, from 2 to 8192"));
    }
    if rendition.frame_rate.0 <= 0 || rendition.frame_rate.1 <= 0 || head.time_base.0 <= 0 || head.time_base.1 <= 0 {
        return Err(invalid("rates and time bases must be positive"));
    }
    if !matches!(head.rotation, 0 | 90 | 180 | 270) {
        return Err(invalid("a rotation is 0, 90, 180 or 270"));
    }
    if head.first >= head.n_segments {
        return Err(invalid("the first segment lies beyond the last"));
    }
    Ok(())
}

/// How many threads decoder and encoder have each.
pub fn threads(limits: &Limits) -> u32 {
    match limits.threads {
        0 => std::thread::available_parallelism()
            .map_or(1, |n| n.get() as u32)
            .min(4),
        n => n,
    }
}

fn io_error(error: std::io::Error) -> MediaError {
    MediaError::Io {
        reason: error.to_string(),
    }
}

fn invalid(reason: &str) -> MediaError {
    MediaError::Invalid {
        reason: reason.to_owned(),
    }
}
