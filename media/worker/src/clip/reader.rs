//! The pictures of a film from a certain one on, decoded.

use std::os::fd::OwnedFd;

use media_av::decode::{self, Decoder};
use media_av::input::Wanted;
use media_proto::clip::{Clip, ClipVideo};
use media_proto::error::MediaError;
use media_proto::grid::TimeBase;
use media_proto::job::Limits;

use super::invalid;
use crate::container;
use crate::head::video::reader::Reader;
use crate::head::video::threads;
use crate::open::{self, Opened};

/// A stream's clock, and where on it the presentation begins.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Seconds a tick.
    pub time_base: TimeBase,
    /// Where the presentation begins, in microseconds.
    start_us: i64,
}

impl Clock {
    /// The first tick at or after that time of the presentation.
    pub fn tick(&self, us: i64) -> i64 {
        let dividend = i128::from(self.start_us.saturating_add(us)) * i128::from(self.time_base.1);
        let divisor = i128::from(self.time_base.0) * 1_000_000;
        clamp(-(-dividend).div_euclid(divisor))
    }

    /// The time of the presentation of a tick, to the nearest microsecond.
    pub fn us(&self, tick: i64) -> i64 {
        self.length_us(tick).saturating_sub(self.start_us)
    }

    /// So many ticks in microseconds, to the nearest.
    pub fn length_us(&self, ticks: i64) -> i64 {
        let dividend = i128::from(ticks) * i128::from(self.time_base.0) * 2_000_000;
        let divisor = i128::from(self.time_base.1) * 2;
        clamp((dividend + i128::from(self.time_base.1)).div_euclid(divisor))
    }
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// Opens the film with nothing but its pictures wanted.
pub fn open(source: OwnedFd, clip: &Clip, video: &ClipVideo, limits: &Limits) -> Result<(Opened, Clock), MediaError> {
    let mut opened = open::open(source, clip.extension.as_deref(), u64::MAX, limits)?;
    // Only these two say everything in their header.
    if !matches!(opened.format.name, "mp4" | "matroska") {
        opened.input.find_stream_info().map_err(open::explain)?;
    }
    let stream = video.stream as usize;
    if stream >= opened.input.n_streams() {
        return Err(invalid("the file has no such stream"));
    }
    for other in 0..opened.input.n_streams() {
        let wanted = if other == stream { Wanted::All } else { Wanted::Nothing };
        opened.input.want(other, wanted);
    }
    let view = opened.input.streams().nth(stream);
    let time_base = view
        .map(|view| view.time_base())
        .filter(|base| base.0 > 0 && base.1 > 0);
    let time_base = time_base.ok_or_else(|| invalid("the stream has no clock"))?;
    let start_us = clip.start_us;
    Ok((opened, Clock { time_base, start_us }))
}

/// Decodes from before that tick on. Not every frame before it comes out.
pub fn decode(
    source: OwnedFd,
    clip: &Clip,
    video: &ClipVideo,
    tick: i64,
    limits: &Limits,
) -> Result<(Reader, Clock), MediaError> {
    let (opened, clock) = open(source, clip, video, limits)?;
    let stream = video.stream as usize;
    let rules = decode::Rules {
        codecs: container::DECODERS,
        max_pixels: limits.max_pixels,
        n_threads: threads(limits),
    };
    let view = opened.input.streams().nth(stream);
    let view = view.ok_or_else(|| invalid("the file has no such stream"))?;
    let mut decoder = Decoder::open(view, &rules).map_err(|reason| MediaError::Unsupported { reason })?;
    if !opened.input.is_analyzed() {
        decoder.expect_disorder();
    }
    let mut reader = Reader::new(opened, stream, decoder);
    let start = clock.tick(0);
    if tick > start {
        reader.go_before(tick, tick, start, clock.time_base)?;
    }
    reader.want_from(tick);
    Ok((reader, clock))
}
