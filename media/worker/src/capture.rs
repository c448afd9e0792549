//! Captures: reads packets from a pipe as long as they come, and writes them as they are into fragmented mp4. A fragment goes
//! out as soon as it is whole, every half second, so that whoever keeps them loses less than a second when all ends at once.

mod clock;
mod film;
mod motion;

use std::os::fd::OwnedFd;

use media_av::encode::Packet;
use media_av::input::{Input, Rules, Wanted};
use media_av::stream::Kind;
use media_proto::capture::{Capture, Captured, Fragment};
use media_proto::error::MediaError;
use media_proto::job::Limits;

use self::clock::Clock;
use self::film::Film;
use self::motion::Motion;
use crate::container::DECODERS;
use crate::control;
use crate::head::copy::adts;
use crate::open::{av_error, complaint, explain};

/// Takes a fragment and its bytes.
pub type Give<'a> = dyn FnMut(Fragment, &[u8]) -> Result<(), MediaError> + 'a;

/// libav's demuxers of what can be read from its first byte on, without going back.
const FORMATS: &[&str] = &[
    "mpegts",
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "flv",
    "live_flv",
    "mpeg",
    "ogg",
    "aac",
    "mp3",
];
/// What mp4 can hold and players play.
const CODECS: &[&str] = &[
    "h264",
    "hevc",
    "av1",
    "vp9",
    "mpeg4",
    "mpeg2video",
    "mjpeg",
    "aac",
    "mp3",
    "mp2",
    "ac3",
    "eac3",
    "opus",
    "flac",
    "alac",
];
/// How many tracks of sound are kept.
const MAX_SOUNDS: usize = 4;
/// How much of the beginning is looked at before the first packet is kept: bytes, and microseconds. A live source sends what
/// a decoder needs every second or two.
const ANALYSIS: (i64, i64) = (4 << 20, 3_000_000);
/// How many packets wait for the first of a sound that says in its packets how it is to be read.
const MAX_EARLY: usize = 1000;
/// Damage is skipped, but not for ever.
const MAX_ERRORS: u32 = 500;

/// Captures until the pipe ends.
pub fn run(source: OwnedFd, wanted: &Capture, limits: &Limits, give: &mut Give<'_>) -> Result<Captured, MediaError> {
    let rules = Rules {
        formats: FORMATS,
        codecs: DECODERS,
        extension: wanted.extension.as_deref(),
        fallback: None,
        max_streams: limits.max_streams,
        max_bytes: u64::MAX,
    };
    let mut input = Input::open(source, &rules).map_err(explain)?;
    input.set_analysis(ANALYSIS.0, ANALYSIS.1);
    input.find_stream_info().map_err(explain)?;
    let tracks = choose(&mut input)?;
    let seen = tracks.iter().find(|track| track.is_video && wanted.looks_for_motion);
    let seen = seen.and_then(|track| input.streams().nth(track.stream));
    let mut capture = Running {
        motion: seen.map(|view| Motion::of(view, limits)).transpose()?,
        clock: Clock::new(&tracks),
        tracks,
        film: None,
        early: Vec::new(),
        done: Captured::default(),
        file_us: wanted.file_us,
    };
    let read = capture.read(&mut input, give);
    // What has come is kept, whatever ended it.
    capture.end(give)?;
    read?;
    match complaint(&input) {
        Some(error) => Err(error),
        None => Ok(capture.done),
    }
}

/// A stream that is kept.
pub struct Track {
    /// Its index in the source.
    pub stream: usize,
    /// Its unit of time.
    pub time_base: (i32, i32),
    /// Whether it is the pictures.
    pub is_video: bool,
    /// Whether each packet of sound has a header of its own (ADTS), as broadcasts have, which mp4 has once for all.
    pub is_adts: bool,
    /// What stands for those headers, once one was seen.
    pub setup: Option<[u8; 2]>,
}

/// The first pictures and the first sounds that mp4 can hold; nothing else is read from then on.
fn choose(input: &mut Input) -> Result<Vec<Track>, MediaError> {
    let mut tracks: Vec<Track> = Vec::new();
    let mut refused = Vec::new();
    for (stream, view) in input.streams().enumerate() {
        let is_video = view.kind() == Kind::Video && view.size().is_some();
        let is_sound = view.kind() == Kind::Audio && view.channels().is_some_and(|n| n > 0);
        if !is_video && !is_sound {
            continue;
        }
        if !CODECS.contains(&view.codec().as_str()) {
            refused.push(view.codec());
            continue;
        }
        let n_same = tracks.iter().filter(|track| track.is_video == is_video).count();
        if n_same < if is_video { 1 } else { MAX_SOUNDS } {
            tracks.push(Track {
                stream,
                time_base: view.time_base(),
                is_video,
                is_adts: view.codec() == "aac" && view.extradata().is_empty(),
                setup: None,
            });
        }
    }
    if tracks.is_empty() {
        return Err(match refused.is_empty() {
            true => MediaError::NoStream,
            false => MediaError::Unsupported {
                reason: format!("{} cannot be kept as it is", refused.join(" and ")),
            },
        });
    }
    for stream in 0..input.n_streams() {
        if !tracks.iter().any(|track| track.stream == stream) {
            input.want(stream, Wanted::Nothing);
        }
    }
    Ok(tracks)
}

struct Running {
    tracks: Vec<Track>,
    clock: Clock,
    film: Option<Film>,
    early: Vec<(usize, Packet)>,
    done: Captured,
    file_us: i64,
    motion: Option<Motion>,
}

impl Running {
    fn read(&mut self, input: &mut Input, give: &mut Give<'_>) -> Result<(), MediaError> {
        let mut packet = Packet::empty().map_err(av_error)?;
        let mut n_errors = 0;
        loop {
            control::checkpoint()?;
            match input.read(&mut packet) {
                Ok(true) => n_errors = 0,
                Ok(false) => return Ok(()),
                Err(error) => {
                    n_errors += 1;
                    if n_errors > MAX_ERRORS || complaint(input).is_some() {
                        return Err(av_error(error));
                    }
                    continue;
                }
            }
            let stream = packet.stream();
            if let Some(track) = self.tracks.iter().position(|track| track.stream == stream) {
                let kept = std::mem::replace(&mut packet, Packet::empty().map_err(av_error)?);
                self.keep(input, track, kept, give)?;
            }
        }
    }

    fn keep(&mut self, input: &Input, n: usize, packet: Packet, give: &mut Give<'_>) -> Result<(), MediaError> {
        let track = &mut self.tracks[n];
        let packet = match track.is_adts {
            true => {
                track.setup = track.setup.or_else(|| adts::setup(packet.bytes()));
                adts::without_header(&packet)?
            }
            false => packet,
        };
        self.early.push((n, packet));
        let is_unknown = |track: &Track| track.is_adts && track.setup.is_none();
        if self.film.is_none() && self.tracks.iter().any(is_unknown) {
            if self.early.len() < MAX_EARLY {
                return Ok(());
            }
            return Err(MediaError::Unsupported {
                reason: "sound that does not say how it is to be read".to_owned(),
            });
        }
        for (n, packet) in std::mem::take(&mut self.early) {
            self.write(input, n, packet, give)?;
        }
        Ok(())
    }

    fn write(&mut self, input: &Input, n: usize, mut packet: Packet, give: &mut Give<'_>) -> Result<(), MediaError> {
        let (is_video, time_base) = (self.tracks[n].is_video, self.tracks[n].time_base);
        let has_video = self.tracks.iter().any(|track| track.is_video);
        // Where files can begin: decoding starts there, and the pictures are what is looked at.
        let is_start = packet.is_key() && (is_video || !has_video);
        if self.film.is_none() && !is_start {
            self.done.n_dropped += 1;
            return Ok(());
        }
        let Some(times) = self.clock.times(n, packet.pts(), packet.dts(), packet.duration()) else {
            self.done.n_dropped += 1;
            return Ok(());
        };
        if self
            .film
            .as_ref()
            .is_some_and(|film| is_start && self.file_us > 0 && film.age_us(&times) >= self.file_us)
        {
            self.end(give)?;
        }
        let film = match &mut self.film {
            Some(film) => film,
            None => {
                let view = |track: &Track| Some((input.streams().nth(track.stream)?, track.setup));
                let streams: Vec<_> = self.tracks.iter().filter_map(view).collect();
                self.film
                    .insert(Film::begin(self.done.n_files, &streams, times.dts_us)?)
            }
        };
        let Some((pts, dts)) = film.place(n, time_base, &times) else {
            self.done.n_dropped += 1;
            return Ok(());
        };
        if let Some(motion) = self.motion.as_mut().filter(|_| is_video && packet.is_key()) {
            film.moved(motion.look(&packet)?);
        }
        packet.set_times(pts, dts, times.duration);
        film.write(n, packet, &times, is_video, give)
    }

    fn end(&mut self, give: &mut Give<'_>) -> Result<(), MediaError> {
        let Some(film) = self.film.take() else { return Ok(()) };
        self.done.n_frames += film.end(give)?;
        self.done.n_files += 1;
        Ok(())
    }
}
