//! Everything that is measured of a file's sound, from one decode of one stream.
//!
//! Peaks and silence lie on the file's own clock: sound that begins late or pauses leaves silence behind. Loudness and
//! fingerprint take what sounds, as other tools do.

mod fingerprint;
mod levels;
mod loudness;

use media_av::decode::{Decoder, Rules};
use media_av::encode::{Frame, Packet};
use media_av::error::AvError;
use media_av::input::Input;
use media_av::sound::SoundFacts;
use media_av::stream::{Kind, StreamView};
use media_proto::error::MediaError;
use media_proto::job::Limits;
use media_proto::survey::{Survey, Surveyed};

use self::fingerprint::Fingerprint;
use self::levels::{Levels, Peaks, Silence};
use self::loudness::Meter;
use crate::container;
use crate::survey::sheet::Sheet;

/// Damaged packets that are borne before their share counts.
const MAX_DAMAGED: u64 = 50;
/// What sound may be off its clock, in parts of a second, before it is believed that it paused.
const SLACK: i64 = 10;

/// The measuring of one stream of sound. Give it all packets of the stream in the file's order.
pub struct Sound {
    decoder: Decoder,
    frame: Frame,
    channels: Vec<Vec<f32>>,
    /// Where the file begins on its own clock, in microseconds.
    start_us: i64,
    clock: Clock,
    peaks: Option<Levels<Peaks>>,
    silence: Option<Levels<Silence>>,
    meter: Option<Meter>,
    fingerprint: Option<Fingerprint>,
    n_frames: u64,
    n_damaged: u64,
    given_up: Option<String>,
}

/// How far the sound is, in samples of a rate.
#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    rate: u32,
    at: i64,
}

impl Sound {
    /// Whether anything of the sound is wanted.
    pub fn is_wanted(survey: &Survey) -> bool {
        survey.peaks_per_second.is_some() || survey.loudness || survey.fingerprint || survey.scenes
    }

    /// The stream that players pick: the first default one, else the first.
    pub fn choose(input: &Input) -> Option<usize> {
        let sounds = || {
            input
                .streams()
                .enumerate()
                .filter(|(_, view)| view.kind() == Kind::Audio)
        };
        let default = sounds().find(|(_, view)| view.is_default());
        default.or_else(|| sounds().next()).map(|(index, _)| index)
    }

    /// Opens a decoder for that stream of a file which begins at that time of its own clock, in microseconds.
    pub fn new(survey: &Survey, stream: StreamView<'_>, start_us: i64, limits: &Limits) -> Result<Self, String> {
        let rules = Rules {
            codecs: container::DECODERS,
            max_pixels: limits.max_pixels,
            n_threads: 1,
        };
        Ok(Self {
            decoder: Decoder::open(stream, &rules)?,
            frame: Frame::empty().map_err(|error| error.text())?,
            channels: Vec::new(),
            start_us,
            clock: Clock::default(),
            peaks: survey.peaks_per_second.map(|rate| Levels::new(rate, Peaks::default())),
            silence: survey
                .scenes
                .then(|| Levels::new(levels::SILENCE_STEPS, Silence::default())),
            meter: survey.loudness.then(Meter::default),
            fingerprint: survey.fingerprint.then(Fingerprint::default),
            n_frames: 0,
            n_damaged: 0,
            given_up: None,
        })
    }

    /// Whether more packets change anything: a fingerprint alone is of the beginning.
    pub fn wants_more(&self) -> bool {
        let is_measuring = self.peaks.is_some() || self.silence.is_some() || self.meter.is_some();
        let is_listening = self
            .fingerprint
            .as_ref()
            .is_some_and(|fingerprint| !fingerprint.is_full());
        self.given_up.is_none() && (is_measuring || is_listening)
    }

    /// Measures a packet of the stream. Damage is counted; only a lack of memory ends the work.
    pub fn packet(&mut self, packet: &Packet) -> Result<(), MediaError> {
        if !self.wants_more() {
            return Ok(());
        }
        self.send(Some(packet))
    }

    /// Writes all results. What did not work is said among the failures.
    pub fn finish(mut self, surveyed: &mut Surveyed, sheet: &mut Sheet) -> Result<(), MediaError> {
        if self.given_up.is_none() {
            self.send(None)?;
        }
        let mut fail = |part: &str, why: String| surveyed.failures.push((part.to_owned(), why));
        if let Some(why) = self.given_up {
            fail("sound", why);
            return Ok(());
        }
        if self.n_frames == 0 {
            if self.n_damaged > 0 {
                fail("sound", "no packet of it decodes".to_owned());
            }
            return Ok(());
        }
        match self.meter.map(Meter::finish) {
            None => {}
            Some(Ok(loudness)) => surveyed.loudness = loudness,
            Some(Err(why)) => fail("loudness", why),
        }
        match self.fingerprint.map(Fingerprint::finish) {
            None => {}
            Some(Ok(words)) => surveyed.fingerprint = words,
            Some(Err(why)) => fail("fingerprint", why),
        }
        if let Some(silence) = self.silence {
            surveyed.silence_us = silence.finish().stretches();
        }
        if let Some(peaks) = self.peaks {
            let per_second = peaks.per_second();
            surveyed.peaks = Some(peaks.finish().write(per_second, sheet)?);
        }
        Ok(())
    }

    fn send(&mut self, packet: Option<&Packet>) -> Result<(), MediaError> {
        match self.decoder.send(packet) {
            Ok(()) => {}
            Err(AvError::NO_MEMORY) => return Err(MediaError::Memory),
            Err(error) => {
                self.damaged(error);
                return Ok(());
            }
        }
        loop {
            match self.decoder.receive(&mut self.frame) {
                Ok(true) => self.measure(),
                Ok(false) => return Ok(()),
                Err(AvError::NO_MEMORY) => return Err(MediaError::Memory),
                Err(error) => {
                    self.damaged(error);
                    return Ok(());
                }
            }
        }
    }

    fn damaged(&mut self, error: AvError) {
        self.n_damaged += 1;
        if self.n_damaged > MAX_DAMAGED && self.n_damaged > self.n_frames {
            self.given_up = Some(format!("{} packets of it do not decode: {error}", self.n_damaged));
        }
    }

    fn measure(&mut self) {
        let Some(facts) = self.frame.sound_facts() else { return };
        self.n_frames += 1;
        if let Some(fingerprint) = &mut self.fingerprint {
            fingerprint.add(&self.frame);
        }
        if self.peaks.is_none() && self.silence.is_none() && self.meter.is_none() {
            return;
        }
        if !self.frame.copy_channels(&mut self.channels) {
            self.given_up = Some("its samples are of a kind that is not known here".to_owned());
            return;
        }
        if let Some(meter) = &mut self.meter {
            meter.add(&self.frame, facts.sample_rate, &self.channels);
        }
        let n_paused = self.pause(facts);
        if let Some(peaks) = &mut self.peaks {
            peaks.add(facts.sample_rate, n_paused, &self.channels);
        }
        if let Some(silence) = &mut self.silence {
            silence.add(facts.sample_rate, n_paused, &self.channels);
        }
    }

    /// How many samples of nothing lie before this frame.
    fn pause(&mut self, facts: SoundFacts) -> u64 {
        let rate = i64::from(facts.sample_rate);
        if self.clock.rate != facts.sample_rate {
            let before = i64::from(self.clock.rate.max(1));
            let at = (i128::from(self.clock.at) * i128::from(rate) / i128::from(before)) as i64;
            self.clock = Clock {
                rate: facts.sample_rate,
                at,
            };
        }
        let time_us = self.decoder.time_us(&self.frame);
        let stated = time_us.map(|time_us| {
            let since = i128::from(time_us) - i128::from(self.start_us);
            (since * i128::from(rate) / 1_000_000).clamp(0, i128::from(i64::MAX / 4)) as i64
        });
        let n_paused = match stated {
            Some(stated) if stated - self.clock.at > rate / SLACK => stated - self.clock.at,
            _ => 0,
        };
        self.clock.at += n_paused + facts.n_samples as i64;
        n_paused as u64
    }
}
