//! The sound of a clip: decoded, cut to the sample, joined and encoded as one.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use media_av::encode::{Encoder, Frame, SampleFormat, Shape};
use media_proto::clip::Clip;
use media_proto::error::MediaError;
use media_proto::grid::Grid;
use media_proto::head::{AAC_FRAME, AudioHead};
use media_proto::job::Limits;
use media_proto::rendition::AudioRendition;

use super::track::Track;
use super::{Give, copy, invalid};
use crate::control;
use crate::head::audio::Tape;
use crate::open::av_error;

/// Sound is written so far ahead of the pictures, in microseconds.
const AHEAD_US: i64 = 200_000;

/// One stream of sound being made.
pub struct Sound {
    source: OwnedFd,
    limits: Limits,
    head: AudioHead,
    encoder: Encoder,
    stream: usize,
    /// Samples of the source that are still to come: first and how many.
    cuts: VecDeque<(i64, usize)>,
    tape: Option<Tape>,
    /// Samples that were planned, and that went to the encoder.
    planned: i64,
    sent: i64,
}

impl Sound {
    pub fn open(source: OwnedFd, clip: &Clip, rendition: &AudioRendition, limits: &Limits) -> Result<Self, MediaError> {
        if !matches!(rendition.sample_rate, 44_100 | 48_000) || !(1..=8).contains(&rendition.channels) {
            return Err(invalid(
                "sound is made at 44,100 or 48,000 samples a second with 1 to 8 channels",
            ));
        }
        let shape = Shape::Audio {
            format: SampleFormat::FloatPlanar,
            channels: rendition.channels,
            sample_rate: rendition.sample_rate,
        };
        let encoder = Encoder::open("aac", shape, rendition.bit_rate as i64, true, &[]).map_err(invalid)?;
        let head = AudioHead {
            extension: clip.extension.clone(),
            start_us: clip.start_us,
            rendition: rendition.clone(),
            grid: Grid::new(None, 4000),
            first: 0,
            until: 0,
            n_frames: u64::MAX,
        };
        Ok(Self {
            source,
            limits: *limits,
            head,
            encoder,
            stream: 0,
            cuts: VecDeque::new(),
            tape: None,
            planned: 0,
            sent: 0,
        })
    }

    /// Adds its stream to the file.
    pub fn add_to(&mut self, track: &mut Track) -> Result<(), MediaError> {
        self.stream = track.add(&self.encoder)?;
        Ok(())
    }

    /// Keeps what begins at that time of the source, until the clip is so long.
    pub fn keep(&mut self, from_us: i64, until_us: i64) {
        let until = self.samples(until_us);
        let n = usize::try_from(until - self.planned).unwrap_or(0);
        self.cuts.push_back((self.samples(from_us), n));
        self.planned = self.planned.max(until);
    }

    /// How many packets come for so long a clip, about.
    pub fn n_packets(&self, duration_us: i64) -> u64 {
        (self.samples(duration_us) / i64::from(AAC_FRAME)).unsigned_abs() + 8
    }

    /// Writes what belongs beside pictures of that time, as far as it is known.
    pub fn advance(&mut self, to_us: i64, track: &mut Track, give: &mut Give<'_>) -> Result<(), MediaError> {
        let frame = i64::from(AAC_FRAME);
        let until = self.samples(to_us.saturating_add(AHEAD_US)).min(self.planned - frame);
        while self.sent < until {
            self.encode(AAC_FRAME as usize)?;
            self.collect(track, give)?;
        }
        Ok(())
    }

    /// Writes the rest.
    pub fn finish(&mut self, track: &mut Track, give: &mut Give<'_>) -> Result<(), MediaError> {
        while self.sent < self.planned {
            let rest = usize::try_from(self.planned - self.sent).unwrap_or(0);
            self.encode(rest.min(AAC_FRAME as usize))?;
            self.collect(track, give)?;
        }
        self.encoder.send(None).map_err(av_error)?;
        self.collect(track, give)
    }

    fn encode(&mut self, n: usize) -> Result<(), MediaError> {
        control::checkpoint()?;
        let channels = self.head.rendition.channels;
        let mut planes = vec![Vec::with_capacity(n); channels as usize];
        while planes[0].len() < n {
            let Some((at, left)) = self.cuts.front_mut() else {
                planes.iter_mut().for_each(|plane| plane.resize(n, 0.0));
                break;
            };
            let tape = match &mut self.tape {
                Some(tape) => tape,
                None => {
                    let source = copy(&self.source)?;
                    self.tape.insert(Tape::open(source, &self.head, *at, &self.limits)?)
                }
            };
            let taken = tape.take((n - planes[0].len()).min(*left))?;
            *left -= taken[0].len();
            for (plane, samples) in planes.iter_mut().zip(taken) {
                plane.extend(samples);
            }
            if *left == 0 {
                self.cuts.pop_front();
                self.tape = None;
            }
        }
        let rate = self.head.rendition.sample_rate;
        let mut frame = Frame::sound(SampleFormat::FloatPlanar, channels, rate, n).map_err(av_error)?;
        frame.fill(|channel, index| planes[channel][index]);
        frame.set_pts(self.sent);
        self.sent += n as i64;
        self.encoder.send(Some(&frame)).map_err(av_error)
    }

    fn collect(&mut self, track: &mut Track, give: &mut Give<'_>) -> Result<(), MediaError> {
        while let Some(packet) = self.encoder.receive().map_err(av_error)? {
            track.write(self.stream, packet, give)?;
        }
        Ok(())
    }

    fn samples(&self, us: i64) -> i64 {
        let twice = i128::from(us) * i128::from(self.head.rendition.sample_rate) * 2 + 1_000_000;
        i64::try_from(twice.div_euclid(2_000_000)).unwrap_or(i64::MAX)
    }
}
