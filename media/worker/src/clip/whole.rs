//! Decodes and encodes all of a clip: upright, progressive, of standard range, exact to the frame whatever the source.

use std::os::fd::OwnedFd;

use media_av::encode::{Encoder, Frame};
use media_av::splice::Like;
use media_proto::clip::{Clip, ClipMode, ClipVideo, Clipped};
use media_proto::error::MediaError;
use media_proto::grid::{Grid, TimeBase};
use media_proto::head::{VIDEO_TICKS, VideoHead};
use media_proto::job::Limits;

use super::reader::Clock;
use super::sound::Sound;
use super::track::Track;
use super::{Give, copy, invalid, reader, sounds};
use crate::control;
use crate::head::video::painter::Painter;
use crate::head::video::threads;
use crate::open::av_error;

/// The unit of the clip's times.
const OUT: TimeBase = (1, VIDEO_TICKS as i32);
/// x264's quality of clips.
const QUALITY: &str = "18";

/// Makes a clip.
pub fn make(source: OwnedFd, clip: &Clip, limits: &Limits, give: &mut Give<'_>) -> Result<Clipped, MediaError> {
    let mut sounds = sounds(&source, clip, limits)?;
    match &clip.video {
        Some(video) => Whole::new(&source, clip, video, limits, &mut sounds)?.make(give),
        None => sound_alone(clip, &mut sounds, give),
    }
}

/// The sound alone, cut to the sample.
fn sound_alone(clip: &Clip, sounds: &mut [Sound], give: &mut Give<'_>) -> Result<Clipped, MediaError> {
    let mut track = Track::new("mp4")?;
    let mut total = 0;
    for (start, end) in &clip.ranges {
        total += end - start;
        for sound in &mut *sounds {
            sound.keep(*start, total);
        }
    }
    for sound in &mut *sounds {
        sound.add_to(&mut track)?;
    }
    track.begin_film(0, sounds.iter().map(|sound| sound.n_packets(total)).sum())?;
    let second = 1_000_000;
    for to_us in (0..total).step_by(second) {
        for sound in &mut *sounds {
            sound.advance(to_us, &mut track, give)?;
        }
        control::progress(to_us.unsigned_abs(), total.unsigned_abs());
    }
    for sound in &mut *sounds {
        sound.finish(&mut track, give)?;
    }
    Ok(Clipped {
        len: track.finish(give)?,
        mode: ClipMode::Exact,
        reason: None,
        ranges: clip.ranges.clone(),
        duration_us: total,
        n_frames: 0,
        n_copied: 0,
    })
}

struct Whole<'a> {
    source: &'a OwnedFd,
    clip: &'a Clip,
    video: &'a ClipVideo,
    limits: &'a Limits,
    sounds: &'a mut [Sound],
    clock: Clock,
    frame_rate: (i32, i32),
    out: Option<Out>,
    /// Where the range at hand begins in the clip, in its ticks.
    offset: i64,
    ranges: Vec<(i64, i64)>,
    n_frames: u64,
}

/// What is open once the first frame has shown what there is.
struct Out {
    track: Track,
    encoder: Encoder,
    stream: usize,
    last: i64,
}

impl<'a> Whole<'a> {
    fn new(
        source: &'a OwnedFd,
        clip: &'a Clip,
        video: &'a ClipVideo,
        limits: &'a Limits,
        sounds: &'a mut [Sound],
    ) -> Result<Self, MediaError> {
        let (_, clock) = reader::open(copy(source)?, clip, video, limits)?;
        let rate = video.rendition.frame_rate;
        Ok(Self {
            source,
            clip,
            video,
            limits,
            sounds,
            clock,
            frame_rate: if rate.0 > 0 && rate.1 > 0 { rate } else { (25, 1) },
            out: None,
            offset: 0,
            ranges: Vec::new(),
            n_frames: 0,
        })
    }

    fn make(mut self, give: &mut Give<'_>) -> Result<Clipped, MediaError> {
        for range in &self.clip.ranges {
            self.range(*range, give)?;
        }
        let Some(mut out) = self.out.take() else {
            return Err(invalid("no frame begins in the range"));
        };
        out.encoder.send(None).map_err(av_error)?;
        out.collect(self.frame_rate, self.sounds, give)?;
        for sound in &mut *self.sounds {
            sound.finish(&mut out.track, give)?;
        }
        Ok(Clipped {
            len: out.track.finish(give)?,
            mode: ClipMode::Exact,
            reason: None,
            ranges: self.ranges,
            duration_us: us(self.offset),
            n_frames: self.n_frames,
            n_copied: 0,
        })
    }

    fn range(&mut self, (start, end): (i64, i64), give: &mut Give<'_>) -> Result<(), MediaError> {
        let (from, to) = (self.clock.tick(start), self.clock.tick(end));
        let source = copy(self.source)?;
        let (mut reader, _) = reader::decode(source, self.clip, self.video, from, self.limits)?;
        let head = self.head();
        let mut painter = Painter::new(&head);
        let (mut frame, mut painted) = (Frame::empty().map_err(av_error)?, Frame::empty().map_err(av_error)?);
        // The first frame of the range, the last, and the first beyond, in ticks of the source.
        let (mut first, mut last, mut beyond) = (None, from, None);
        while reader.next(&mut frame)? {
            control::checkpoint()?;
            let Some(pts) = frame.best_pts().filter(|pts| *pts >= from) else {
                continue;
            };
            if pts >= to {
                beyond = Some(pts);
                break;
            }
            if first.is_some() && pts <= last {
                // A clock that stands still or jumps back: the picture has no time of its own.
                continue;
            }
            last = pts;
            let first = *first.get_or_insert(pts);
            painter.push(Some(&frame))?;
            while painter.pull(&mut painted)? {
                self.encode(&mut painted, painter.time_base(), (first, start), give)?;
            }
        }
        let Some(first) = first else { return Ok(()) };
        painter.push(None)?;
        while painter.pull(&mut painted)? {
            self.encode(&mut painted, painter.time_base(), (first, start), give)?;
        }
        let length = rescale(1, (self.frame_rate.1, self.frame_rate.0), self.clock.time_base).max(1);
        let end = beyond.unwrap_or(last + length);
        self.offset += rescale(end - first, self.clock.time_base, OUT);
        self.ranges.push((self.clock.us(first), self.clock.us(end)));
        for sound in &mut *self.sounds {
            sound.keep(self.clock.us(first), us(self.offset));
        }
        Ok(())
    }

    fn encode(
        &mut self,
        frame: &mut Frame,
        time_base: TimeBase,
        (first, _start): (i64, i64),
        give: &mut Give<'_>,
    ) -> Result<(), MediaError> {
        let Some(ticks) = frame.best_pts() else { return Ok(()) };
        let pts = self.offset + rescale(ticks - rescale(first, self.clock.time_base, time_base), time_base, OUT);
        if self.out.is_none() {
            self.out = Some(self.begin(frame)?);
        }
        let Some(out) = &mut self.out else { return Ok(()) };
        if self.n_frames > 0 && pts <= out.last {
            return Ok(());
        }
        out.last = pts;
        self.n_frames += 1;
        frame.set_time(pts);
        frame.ask_for_keyframe(pts == self.offset);
        out.encoder.send(Some(frame)).map_err(av_error)?;
        out.collect(self.frame_rate, self.sounds, give)?;
        let total: i64 = self.clip.ranges.iter().map(|(start, end)| end - start).sum();
        control::progress(us(pts).unsigned_abs(), total.unsigned_abs());
        Ok(())
    }

    /// Opens encoder and file, as the first frame shows what there is.
    fn begin(&mut self, frame: &Frame) -> Result<Out, MediaError> {
        let preset = self.video.rendition.preset.name();
        let x264 = "open-gop=0";
        let options = [
            ("preset", preset),
            ("crf", QUALITY),
            ("profile", "high"),
            ("x264-params", x264),
        ];
        let (num, den) = self.frame_rate;
        let settings = Like {
            encoder: "libx264",
            frame_rate: self.frame_rate,
            time_base: OUT,
            keyframe_interval: (2 * num / den).max(1),
            n_threads: threads(self.limits),
            options: &options,
        };
        let encoder = Encoder::open_like(frame, &settings).map_err(invalid)?;
        let mut track = Track::new("mp4")?;
        let stream = track.add(&encoder)?;
        for sound in &mut *self.sounds {
            sound.add_to(&mut track)?;
        }
        let total: i64 = self.clip.ranges.iter().map(|(start, end)| end - start).sum();
        // Frames of varying length may be more than the average says.
        let n = (i128::from(total) * i128::from(num) * 3 / (i128::from(den) * 1_000_000)).clamp(100, 1 << 26) as u64;
        track.begin_film(n, self.sounds.iter().map(|sound| sound.n_packets(total)).sum())?;
        Ok(Out {
            track,
            encoder,
            stream,
            last: i64::MIN,
        })
    }

    /// What the painter goes by.
    fn head(&self) -> VideoHead {
        VideoHead {
            extension: self.clip.extension.clone(),
            stream: self.video.stream,
            time_base: self.clock.time_base,
            start_pts: self.clock.tick(0),
            reorder_depth: 0,
            keyframe_pts: None,
            rotation: self.video.rotation,
            burn: None,
            rendition: self.video.rendition.clone(),
            encoder: None,
            grid: Grid::new(None, 4000),
            first: 0,
            until: 0,
            n_segments: 1,
        }
    }
}

impl Out {
    fn collect(&mut self, (num, den): (i32, i32), sounds: &mut [Sound], give: &mut Give<'_>) -> Result<(), MediaError> {
        while let Some(mut packet) = self.encoder.receive().map_err(av_error)? {
            packet.set_default_duration(rescale(1, (den, num), OUT).max(1));
            let at_us = packet.dts().map_or(0, us);
            for sound in &mut *sounds {
                sound.advance(at_us, &mut self.track, give)?;
            }
            self.track.write(self.stream, packet, give)?;
        }
        Ok(())
    }
}

/// Ticks of the clip in microseconds.
fn us(ticks: i64) -> i64 {
    rescale(ticks, OUT, (1, 1_000_000))
}

/// Ticks of one clock in those of another, to the nearest.
pub fn rescale(ticks: i64, from: TimeBase, to: TimeBase) -> i64 {
    let dividend = i128::from(ticks) * i128::from(from.0) * i128::from(to.1);
    let divisor = i128::from(from.1) * i128::from(to.0);
    let rounded = (2 * dividend + divisor).div_euclid(2 * divisor);
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}
