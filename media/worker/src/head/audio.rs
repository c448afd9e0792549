//! The audio head: AAC frames on one global count of samples, so that frames made anywhere join without a click.

use std::os::fd::OwnedFd;

use media_av::decode::{self, Decoder};
use media_av::encode::{Encoder, Frame, Packet, SampleFormat, Shape};
use media_av::error::AvError;
use media_av::fragment::{Fragments, Timing};
use media_av::input::Wanted;
use media_av::resample::Resampler;
use media_av::sound::SoundFacts;
use media_proto::error::MediaError;
use media_proto::head::{AAC_FRAME, AudioHead, Segment};
use media_proto::job::Limits;

use super::{Give, Made};
use crate::open::{self, Opened, av_error};
use crate::{container, control};

/// Frames that the encoder hears before the first that is kept: its window and its rate control settle.
const LEAD: i64 = 16;
/// Frames that it hears beyond the last that is kept, as each frame overlaps the next.
const TRAIL: i64 = 3;
/// How much earlier decoding begins, in microseconds: codecs need some frames until their sound is right.
const EARLY_US: i64 = 1_000_000;
/// Gaps up to this many samples are the rounding of the container's clock; anything longer is filled with silence.
const JITTER_MS: i64 = 40;
/// Damaged packets that are borne before their share counts.
const MAX_DAMAGED: u64 = 200;

/// Makes segments from the first wanted one to the last, or until nobody takes them.
pub fn run(source: OwnedFd, head: &AudioHead, limits: &Limits, give: &mut Give<'_>) -> Result<(), MediaError> {
    check(head)?;
    let first_frame = head
        .grid
        .audio_frames(head.first, head.rendition.sample_rate, AAC_FRAME)
        .start as i64;
    let mut tape = Tape::open(source, head, (first_frame - LEAD) * i64::from(AAC_FRAME), limits)?;
    Writer::new(head, give)?.run(&mut tape, first_frame)
}

fn check(head: &AudioHead) -> Result<(), MediaError> {
    let AudioHead { rendition, .. } = head;
    if !matches!(rendition.sample_rate, 44_100 | 48_000) || !(1..=8).contains(&rendition.channels) {
        return Err(invalid(
            "sound is made at 44,100 or 48,000 samples a second with 1 to 8 channels",
        ));
    }
    let frames = head.grid.audio_frames(head.first, rendition.sample_rate, AAC_FRAME);
    if frames.start >= head.n_frames {
        return Err(invalid("the first segment lies beyond the last frame"));
    }
    Ok(())
}

/// The decoded sound as one line of samples, counted from the start of the presentation.
pub struct Tape {
    head: AudioHead,
    opened: Opened,
    decoder: Decoder,
    /// When the stream begins, on the file's own clock.
    stream_start_us: i64,
    /// The grain of that clock, rounded up.
    tick_us: i64,
    resampler: Option<Resampler>,
    /// Samples from `at` on, for each channel.
    planes: Vec<Vec<f32>>,
    at: i64,
    n_packets: u64,
    n_damaged: u64,
    has_ended: bool,
}

impl Tape {
    /// Of the stream and in the shape that a head wants, from this sample on.
    pub fn open(source: OwnedFd, head: &AudioHead, at: i64, limits: &Limits) -> Result<Self, MediaError> {
        let mut opened = open::open(source, head.extension.as_deref(), u64::MAX, limits)?;
        opened.input.find_stream_info().map_err(open::explain)?;
        let stream = head.rendition.stream as usize;
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
            n_threads: 1,
        };
        let (decoder, stream_start_us, tick_us) = {
            let view = opened
                .input
                .streams()
                .nth(stream)
                .ok_or_else(|| invalid("the file has no such stream"))?;
            let (num, den) = view.time_base();
            let tick_us = i64::from(num) * 1_000_000 / i64::from(den.max(1)) + 1;
            let decoder = Decoder::open(view, &rules).map_err(|reason| MediaError::Unsupported { reason })?;
            (decoder, view.start_us().unwrap_or(head.start_us), tick_us)
        };
        let mut tape = Self {
            head: head.clone(),
            opened,
            decoder,
            stream_start_us,
            tick_us,
            resampler: None,
            planes: vec![Vec::new(); head.rendition.channels as usize],
            at,
            n_packets: 0,
            n_damaged: 0,
            has_ended: false,
        };
        tape.seek(stream)?;
        Ok(tape)
    }

    fn seek(&mut self, stream: usize) -> Result<(), MediaError> {
        let at_us = self.at * 1_000_000 / i64::from(self.head.rendition.sample_rate);
        let target_us = self.head.start_us.saturating_add(at_us).saturating_sub(EARLY_US);
        if target_us <= self.head.start_us {
            return Ok(());
        }
        let ticks = self.decoder.ticks(target_us);
        if self.opened.input.seek_back_to(stream, ticks).is_err() {
            self.opened.input.rewind().map_err(av_error)?;
        }
        Ok(())
    }

    /// The next samples, one buffer for each channel; silence where the file has none.
    pub fn take(&mut self, n: usize) -> Result<Vec<Vec<f32>>, MediaError> {
        while self.planes[0].len() < n && !self.has_ended {
            self.read()?;
        }
        let mut taken = Vec::with_capacity(self.planes.len());
        for plane in &mut self.planes {
            if plane.len() < n {
                plane.resize(n, 0.0);
            }
            let rest = plane.split_off(n);
            taken.push(std::mem::replace(plane, rest));
        }
        self.at += n as i64;
        Ok(taken)
    }

    fn read(&mut self) -> Result<(), MediaError> {
        let mut packet = Packet::empty().map_err(av_error)?;
        let stream = self.head.rendition.stream as usize;
        match self.opened.input.read(&mut packet) {
            Ok(true) if packet.stream() == stream => {
                self.n_packets += 1;
                if let Err(error) = self.decoder.send(Some(&packet)) {
                    self.count_damage(error)?;
                }
            }
            Ok(true) => return Ok(()),
            Ok(false) => {
                if let Some(error) = open::complaint(&self.opened.input) {
                    return Err(error);
                }
                self.has_ended = true;
                if let Err(error) = self.decoder.send(None) {
                    self.count_damage(error)?;
                }
            }
            Err(error) => match open::complaint(&self.opened.input) {
                Some(error) => return Err(error),
                None => self.count_damage(error)?,
            },
        }
        let mut frame = Frame::empty().map_err(av_error)?;
        loop {
            match self.decoder.receive(&mut frame) {
                Ok(true) => self.append(&frame)?,
                Ok(false) => break,
                Err(error) => {
                    self.count_damage(error)?;
                    break;
                }
            }
        }
        if self.has_ended
            && let Some(mut resampler) = self.resampler.take()
        {
            resampler.convert(None, &mut self.planes).map_err(av_error)?;
        }
        Ok(())
    }

    /// Puts a frame where its time says, and next to the one before where that is almost the same.
    fn append(&mut self, frame: &Frame) -> Result<(), MediaError> {
        let rate = i64::from(self.head.rendition.sample_rate);
        let Some(facts) = frame.sound_facts() else {
            return Ok(());
        };
        let end = self.at + self.planes[0].len() as i64;
        let due = self.decoder.time_us(frame).map_or(end, |us| self.place(us, facts));
        let is_new = self.resampler.as_ref().is_none_or(|resampler| !resampler.fits(frame));
        let jitter = JITTER_MS * rate / 1000;
        let is_apart = (due - end).abs() > jitter;
        if is_new || is_apart {
            let length = facts.n_samples as i64 * rate / i64::from(facts.sample_rate);
            if due + length <= self.at {
                // Before what is wanted; once the sound is near it goes on without a break.
                self.resampler = None;
                return Ok(());
            }
            if due > end {
                for plane in &mut self.planes {
                    plane.resize(plane.len() + (due - end) as usize, 0.0);
                }
            }
            let channels = self.head.rendition.channels;
            self.resampler = Some(Resampler::new(frame, channels, rate as u32).map_err(av_error)?);
        }
        let before = self.planes[0].len();
        if let Some(resampler) = &mut self.resampler {
            resampler.convert(Some(frame), &mut self.planes).map_err(av_error)?;
        }
        if (is_new || is_apart) && due < end {
            // The beginning of the frame lies before what is wanted, or over what is there already.
            for plane in &mut self.planes {
                let surplus = ((end - due) as usize).min(plane.len() - before);
                plane.drain(before..before + surplus);
            }
        }
        Ok(())
    }

    /// The sample at which a frame of that time begins. Clocks of milliseconds are too coarse to join sound by, so a time
    /// that is as good as a whole number of frames is one.
    fn place(&self, us: i64, facts: SoundFacts) -> i64 {
        let (own_rate, n) = (i64::from(facts.sample_rate), facts.n_samples as i64);
        let at = samples(us - self.stream_start_us, own_rate);
        let nearest = (at + n / 2).div_euclid(n) * n;
        let grain = samples(self.tick_us, own_rate) + 1;
        let at = if (at - nearest).abs() <= grain { nearest } else { at };
        let rate = i64::from(self.head.rendition.sample_rate);
        samples(self.stream_start_us - self.head.start_us, rate) + (at * rate * 2 + own_rate).div_euclid(own_rate * 2)
    }

    fn count_damage(&mut self, error: AvError) -> Result<(), MediaError> {
        self.n_damaged += 1;
        if error == AvError::NO_MEMORY {
            return Err(MediaError::Memory);
        }
        if self.n_damaged > MAX_DAMAGED && self.n_damaged * 2 > self.n_packets {
            return Err(MediaError::Corrupt {
                reason: format!(
                    "{} of {} packets do not decode: {error}",
                    self.n_damaged, self.n_packets
                ),
            });
        }
        Ok(())
    }
}

/// Encodes frames and cuts them into segments.
struct Writer<'a, 'b> {
    head: &'a AudioHead,
    encoder: Encoder,
    fragments: Fragments,
    give: &'a mut Give<'b>,
    current: Option<Segment>,
    is_over: bool,
}

impl<'a, 'b> Writer<'a, 'b> {
    fn new(head: &'a AudioHead, give: &'a mut Give<'b>) -> Result<Self, MediaError> {
        let shape = Shape::Audio {
            format: SampleFormat::FloatPlanar,
            channels: head.rendition.channels,
            sample_rate: head.rendition.sample_rate,
        };
        let invalid = |reason| MediaError::Invalid { reason };
        let encoder = Encoder::open("aac", shape, head.rendition.bit_rate as i64, true, &[]).map_err(invalid)?;
        let (fragments, header) = Fragments::new(&encoder, head.rendition.sample_rate, head.first).map_err(invalid)?;
        let goes_on = give(Made::Header(header))?;
        Ok(Self {
            head,
            encoder,
            fragments,
            give,
            current: None,
            is_over: !goes_on,
        })
    }

    fn run(mut self, tape: &mut Tape, first_frame: i64) -> Result<(), MediaError> {
        let mut next = first_frame - LEAD;
        let end = self.head.n_frames as i64 + TRAIL;
        let channels = self.head.rendition.channels;
        while next < end && !self.is_over {
            control::checkpoint()?;
            let planes = tape.take(AAC_FRAME as usize)?;
            let rate = self.head.rendition.sample_rate;
            let mut frame =
                Frame::sound(SampleFormat::FloatPlanar, channels, rate, AAC_FRAME as usize).map_err(av_error)?;
            frame.fill(|channel, index| planes[channel][index]);
            frame.set_pts(next * i64::from(AAC_FRAME));
            self.encoder.send(Some(&frame)).map_err(av_error)?;
            next += 1;
            while let Some(packet) = self.encoder.receive().map_err(av_error)? {
                self.packet(packet, first_frame)?;
            }
        }
        match self.current.take() {
            Some(segment) if !self.is_over => self.cut(segment),
            _ => Ok(()),
        }
    }

    fn packet(&mut self, packet: Packet, first_frame: i64) -> Result<(), MediaError> {
        let Some(pts) = packet.pts() else { return Ok(()) };
        let frame = pts.div_euclid(i64::from(AAC_FRAME));
        if frame < first_frame || frame >= self.head.n_frames as i64 || self.is_over {
            return Ok(());
        }
        let index = self.current.map_or(self.head.first, |segment| segment.index);
        let until = self
            .head
            .grid
            .audio_frames(index, self.head.rendition.sample_rate, AAC_FRAME)
            .end as i64;
        if frame >= until {
            if let Some(segment) = self.current.take() {
                self.cut(segment)?;
            }
            self.current = Some(Segment {
                index: index + 1,
                first_pts: pts,
                duration: 0,
            });
        }
        let segment = self.current.get_or_insert(Segment {
            index,
            first_pts: pts,
            duration: 0,
        });
        segment.duration += i64::from(AAC_FRAME);
        let timing = Timing {
            pts,
            dts: pts,
            duration: i64::from(AAC_FRAME),
        };
        self.fragments.write(packet, timing).map_err(av_error)
    }

    fn cut(&mut self, segment: Segment) -> Result<(), MediaError> {
        let bytes = self.fragments.cut().map_err(av_error)?;
        self.is_over = !(self.give)(Made::Segment(segment, bytes))?;
        Ok(())
    }
}

/// Microseconds as samples, to the nearest.
fn samples(us: i64, rate: i64) -> i64 {
    let twice = i128::from(us) * i128::from(rate) * 2 + 1_000_000;
    i64::try_from(twice.div_euclid(2_000_000)).unwrap_or(0)
}

fn invalid(reason: &str) -> MediaError {
    MediaError::Invalid {
        reason: reason.to_owned(),
    }
}
