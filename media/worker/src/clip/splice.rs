//! Copies what lies between keyframes and encodes only the edges, so that both decode as one stream.
//!
//! Two pairs of parameter sets share one header: the source's and, under a number that it does not use, those of the
//! encoder. Every edge begins with a keyframe of its own. Decoding times are the presentation times in ascending order,
//! moved back by as much as frames are stored out of order, so that they grow from the first packet to the last.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use media_av::encode::{Encoder, Frame, Packet};
use media_av::splice::Like;
use media_proto::clip::{Clip, ClipMode, ClipVideo, Clipped};
use media_proto::error::MediaError;
use media_proto::job::Limits;

use super::parameters::{self, Framing, Parameters, Sps};
use super::plan::{self, Plan, because};
use super::sound::Sound;
use super::track::Track;
use super::{Give, copy, reader, sounds};
use crate::control;
use crate::head::video::threads;
use crate::open::av_error;

/// The number of the edges' parameter sets.
const ID: u32 = 1;
/// x264's quality of edges: near what an eye can tell, as they stand beside the original.
const QUALITY: &str = "14";

/// Pixels that are encoded with care: three seconds of 1080p. Somebody waits, and of more the edges are made in half the
/// time, larger and as good.
const CAREFUL_PIXELS: u64 = 72 * 1920 * 1080;

/// Why nothing was spliced.
#[derive(Debug)]
pub enum NotSpliced {
    /// It can be made otherwise.
    Because(String),
    /// It cannot be made.
    Failed(MediaError),
}

impl From<MediaError> for NotSpliced {
    fn from(error: MediaError) -> Self {
        Self::Failed(error)
    }
}

/// Makes a clip by copying.
pub fn make(source: OwnedFd, clip: &Clip, limits: &Limits, give: &mut Give<'_>) -> Result<Clipped, NotSpliced> {
    let Some(video) = &clip.video else {
        return Err(because("there are no pictures to copy"));
    };
    let mut splice = Splice::new(source, clip, video, limits)?;
    let clipped = splice.write(give)?;
    Ok(clipped)
}

struct Splice<'a> {
    source: OwnedFd,
    clip: &'a Clip,
    video: &'a ClipVideo,
    limits: &'a Limits,
    clock: reader::Clock,
    plans: Vec<Plan>,
    /// How packets are framed, and the parameter sets, of H.264.
    h264: Option<(Framing, Parameters)>,
    /// libav's name of the profile that edges are made in.
    profile: &'static str,
    /// x264's preset of all edges.
    preset: &'static str,
    frame_rate: (i32, i32),
    /// The stream being written, its next frame, and where its range begins there.
    offset: i64,
    n_copied: u64,
}

impl<'a> Splice<'a> {
    fn new(source: OwnedFd, clip: &'a Clip, video: &'a ClipVideo, limits: &'a Limits) -> Result<Self, NotSpliced> {
        let (mut opened, clock) = reader::open(copy(&source)?, clip, video, limits)?;
        let stream = video.stream as usize;
        let Some(view) = opened.input.streams().nth(stream) else {
            return Err(NotSpliced::Failed(MediaError::NoStream));
        };
        let codec = view.codec();
        let h264 = Parameters::read(view.extradata()).filter(|_| codec == "h264");
        let h264 = h264.map(|(parameters, framing)| (framing, parameters));
        let mut profile = "high";
        if clip.mode == ClipMode::Smart {
            let Some((_, parameters)) = &h264 else {
                return Err(NotSpliced::Because(match codec.as_str() {
                    "h264" => "the file does not say how its pictures are encoded".to_owned(),
                    other => format!("`{other}` cannot be joined with pictures that are encoded anew"),
                }));
            };
            profile = fits(parameters)?;
        }
        let framing = h264.as_ref().map(|(framing, _)| *framing);
        let mut plans = Vec::new();
        for (start, end) in &clip.ranges {
            let range = (clock.tick(*start), clock.tick(*end));
            plans.push(plan::plan(&mut opened, stream, &clock, range, framing, clip.mode)?);
        }
        if plans.iter().all(|plan| plan.copy.is_none()) {
            return Err(because(
                "no two keyframes at which pictures can be joined lie in the range",
            ));
        }
        let n_edge_frames: usize = plans.iter().map(Plan::n_edge_frames).sum();
        let pixels = u64::from(video.rendition.width) * u64::from(video.rendition.height);
        let is_much = n_edge_frames as u64 * pixels > CAREFUL_PIXELS;
        let rate = video.rendition.frame_rate;
        let frame_rate = if rate.0 > 0 && rate.1 > 0 { rate } else { (25, 1) };
        Ok(Self {
            source,
            clip,
            video,
            limits,
            clock,
            plans,
            h264,
            profile,
            preset: if is_much { "ultrafast" } else { "veryfast" },
            frame_rate,
            offset: 0,
            n_copied: 0,
        })
    }

    fn write(&mut self, give: &mut Give<'_>) -> Result<Clipped, NotSpliced> {
        let mut track = Track::new("mp4")?;
        let setup = self.setup()?;
        let stream = {
            let (opened, _) = reader::open(copy(&self.source)?, self.clip, self.video, self.limits)?;
            let view = opened.input.streams().nth(self.video.stream as usize);
            let view = view.ok_or(MediaError::NoStream)?;
            track.add_copy(view, setup.as_deref())?
        };
        let mut sounds = sounds(&self.source, self.clip, self.limits)?;
        let mut total = 0;
        for plan in &self.plans {
            let first = plan.pts.first().copied().unwrap_or(plan.end);
            total += plan.end - first;
            for sound in &mut sounds {
                sound.keep(self.clock.us(first), self.clock.length_us(total));
            }
        }
        for sound in &mut sounds {
            sound.add_to(&mut track)?;
        }
        let n_frames: u64 = self.plans.iter().map(|plan| plan.pts.len() as u64).sum();
        let duration_us = self.clock.length_us(total);
        track.begin_film(n_frames, sounds.iter().map(|sound| sound.n_packets(duration_us)).sum())?;
        let shift = self.plans.iter().map(|plan| plan.disorder).max().unwrap_or(0);
        let plans = std::mem::take(&mut self.plans);
        let mut n_done = 0;
        for plan in &plans {
            let mut line = Line {
                track: &mut track,
                stream,
                sounds: &mut sounds,
                give: &mut *give,
                clock: self.clock,
                due: due(plan),
                origin: plan.pts.first().copied().unwrap_or(0) - self.offset,
                shift,
                n_done: &mut n_done,
                n_frames,
            };
            self.range(plan, &mut line)?;
            if !line.due.is_empty() {
                return Err(because("frames of the range do not decode"));
            }
            self.offset += plan.end - plan.pts.first().copied().unwrap_or(plan.end);
        }
        for sound in &mut sounds {
            sound.finish(&mut track, give)?;
        }
        let ranges = plans.iter().map(|plan| {
            let first = plan.pts.first().copied().unwrap_or(plan.end);
            (self.clock.us(first), self.clock.us(plan.end))
        });
        Ok(Clipped {
            ranges: ranges.collect(),
            len: track.finish(give)?,
            mode: self.clip.mode,
            reason: None,
            duration_us,
            n_frames,
            n_copied: self.n_copied,
        })
    }

    /// The edges and the copy of one range.
    fn range(&mut self, plan: &Plan, line: &mut Line<'_, '_>) -> Result<(), NotSpliced> {
        let (first, end) = (plan.pts.first().copied().unwrap_or(plan.end), plan.end);
        let Some((from, until)) = plan.copy else {
            return self.edge((first, end), line);
        };
        if first < from {
            self.edge((first, from), line)?;
        }
        self.middle((from, until), line)?;
        match until {
            Some(until) if plan.pts.last().is_some_and(|last| *last >= until) => self.edge((until, end), line),
            _ => Ok(()),
        }
    }

    /// Copies the packets from one keyframe to before another.
    fn middle(&mut self, (from, until): (i64, Option<i64>), line: &mut Line<'_, '_>) -> Result<(), NotSpliced> {
        let (mut opened, _) = reader::open(copy(&self.source)?, self.clip, self.video, self.limits)?;
        let stream = self.video.stream as usize;
        if opened.input.seek_back_to(stream, from).is_err() {
            opened.input.rewind().map_err(av_error)?;
        }
        let mut packet = Packet::empty().map_err(av_error)?;
        let mut has_begun = false;
        for attempt in 0..2 {
            while plan::next(&mut opened, stream, &mut packet)? {
                control::checkpoint()?;
                let pts = packet
                    .pts()
                    .ok_or_else(|| because("the file does not say when each frame shows"))?;
                if packet.is_key() && until.is_some_and(|until| pts >= until) && has_begun {
                    return Ok(());
                }
                has_begun |= packet.is_key() && pts == from;
                if !has_begun && packet.is_key() && pts > from {
                    break;
                }
                if !has_begun || pts < from {
                    continue;
                }
                let mut copied = packet.share().map_err(av_error)?;
                if let (Some((framing, known)), ClipMode::Smart) = (&self.h264, self.clip.mode) {
                    let bytes = parameters::reframed(packet.bytes(), *framing, known);
                    let bytes = bytes.ok_or_else(|| because("its parameters change within the range"))?;
                    copied = Packet::of_bytes(&bytes, pts, 0).map_err(av_error)?;
                    copied.set_key(packet.is_key());
                }
                line.write(copied, pts)?;
                self.n_copied += 1;
            }
            if has_begun {
                return Ok(());
            }
            // An index in decoding times leads past the keyframe that shows later.
            if attempt == 0 {
                opened.input.rewind().map_err(av_error)?;
            }
        }
        Err(because("the first keyframe of the range was not found again"))
    }

    /// Encodes the frames from one time to before another.
    fn edge(&self, (from, to): (i64, i64), line: &mut Line<'_, '_>) -> Result<(), NotSpliced> {
        let Some((_, known)) = &self.h264 else {
            return Err(because("its pictures cannot be joined with others"));
        };
        let source = copy(&self.source)?;
        let (mut reader, _) = reader::decode(source, self.clip, self.video, from, self.limits)?;
        let mut frame = Frame::empty().map_err(av_error)?;
        let mut encoder: Option<Edge> = None;
        while reader.next(&mut frame)? {
            control::checkpoint()?;
            let Some(pts) = frame.best_pts() else { continue };
            if pts < from {
                continue;
            }
            if pts >= to {
                break;
            }
            let edge = match &mut encoder {
                Some(edge) => edge,
                None => encoder.insert(self.open_edge(&frame)?),
            };
            frame.set_time(pts);
            frame.ask_for_keyframe(edge.is_new);
            edge.is_new = false;
            edge.encoder.send(Some(&frame)).map_err(av_error)?;
            edge.collect(known, line)?;
        }
        let Some(mut edge) = encoder else {
            return Err(because("frames at an edge do not decode"));
        };
        edge.encoder.send(None).map_err(av_error)?;
        edge.collect(known, line)
    }

    fn open_edge(&self, frame: &Frame) -> Result<Edge, NotSpliced> {
        if !frame.is_plain() {
            return Err(because("its pictures are of a kind that cannot be joined"));
        }
        let x264 = format!("sps-id={ID}:scenecut=0:open-gop=0:bframes=2:b-pyramid=none:keyint=infinite:annexb=1");
        let options = [
            ("preset", self.preset),
            ("crf", QUALITY),
            ("profile", self.profile),
            ("forced-idr", "1"),
            ("x264-params", &x264),
        ];
        let settings = Like {
            encoder: "libx264",
            frame_rate: self.frame_rate,
            time_base: self.clock.time_base,
            keyframe_interval: i32::MAX,
            n_threads: threads(self.limits),
            options: &options,
        };
        let encoder = Encoder::open_like(frame, &settings).map_err(NotSpliced::Because)?;
        let own = Parameters::read(encoder.setup()).map(|(own, _)| own);
        let own = own.ok_or_else(|| because("the encoder does not say how it encodes"))?;
        Ok(Edge {
            encoder,
            own,
            is_new: true,
        })
    }

    /// The header of both, if anything is encoded; none to keep the source's.
    fn setup(&self) -> Result<Option<Vec<u8>>, NotSpliced> {
        let Some((framing, known)) = &self.h264 else {
            return Ok(None);
        };
        let edge = self.plans.iter().find_map(|plan| {
            let first = *plan.pts.first()?;
            match plan.copy {
                Some((from, _)) if first < from => Some(first),
                Some((_, Some(until))) => Some(until).filter(|until| plan.pts.last() >= Some(until)),
                Some(_) => None,
                None => Some(first),
            }
        });
        let other = match edge {
            Some(at) => {
                let source = copy(&self.source)?;
                let (mut reader, _) = reader::decode(source, self.clip, self.video, at, self.limits)?;
                let mut frame = Frame::empty().map_err(av_error)?;
                if !reader.next(&mut frame)? {
                    return Err(because("frames at an edge do not decode"));
                }
                self.open_edge(&frame)?.own
            }
            None if *framing == Framing::Lengths(4) && self.clip.mode == ClipMode::Keyframe => return Ok(None),
            None => Parameters {
                sps: Vec::new(),
                pps: Vec::new(),
            },
        };
        if self.clip.mode == ClipMode::Keyframe {
            return Ok(None);
        }
        let joined = known.joined(&other);
        joined
            .ok_or_else(|| because("there is no room for the parameters of both"))
            .map(Some)
    }
}

/// Whether pictures of these parameters can be joined with ours; gives the profile of ours.
fn fits(parameters: &Parameters) -> Result<&'static str, NotSpliced> {
    let [sps] = parameters.sps.as_slice() else {
        return Err(because("its pictures have more than one set of parameters"));
    };
    let sps = Sps::read(sps).ok_or_else(|| because("the parameters of its pictures cannot be read"))?;
    if parameters.uses(ID) {
        return Err(because("its parameters have the number that ours need"));
    }
    if !sps.is_progressive {
        return Err(because("its pictures are interlaced"));
    }
    if sps.chroma_format != 1 || sps.bit_depth != (8, 8) {
        return Err(because("its pictures have more than 8 bits, or more color"));
    }
    match sps.profile {
        66 => Ok("baseline"),
        77 => Ok("main"),
        100 => Ok("high"),
        other => Err(NotSpliced::Because(format!("its pictures have the profile {other}"))),
    }
}

/// The times at which frames of a range are due, and how long each lasts.
fn due(plan: &Plan) -> VecDeque<(i64, i64)> {
    let next = plan.pts.iter().skip(1).copied().chain([plan.end]);
    plan.pts
        .iter()
        .copied()
        .zip(next)
        .map(|(pts, next)| (pts, next - pts))
        .collect()
}

/// An edge being encoded.
struct Edge {
    encoder: Encoder,
    own: Parameters,
    is_new: bool,
}

impl Edge {
    fn collect(&mut self, _known: &Parameters, line: &mut Line<'_, '_>) -> Result<(), NotSpliced> {
        while let Some(packet) = self.encoder.receive().map_err(av_error)? {
            let pts = packet
                .pts()
                .ok_or_else(|| because("the encoder does not say when a frame shows"))?;
            let bytes = parameters::reframed(packet.bytes(), Framing::StartCodes, &self.own);
            let bytes = bytes.ok_or_else(|| because("the encoder changed its parameters"))?;
            let mut framed = Packet::of_bytes(&bytes, pts, 0).map_err(av_error)?;
            framed.set_key(packet.is_key());
            line.write(framed, pts)?;
        }
        Ok(())
    }
}

/// The line of packets of all ranges, as it is written.
struct Line<'a, 'b> {
    track: &'a mut Track,
    stream: usize,
    sounds: &'a mut [Sound],
    give: &'a mut Give<'b>,
    clock: reader::Clock,
    /// Times of the range that have not been given to a packet as its decoding time.
    due: VecDeque<(i64, i64)>,
    /// The time of the source that is 0 in the file, for this range.
    origin: i64,
    shift: i64,
    n_done: &'a mut u64,
    n_frames: u64,
}

impl Line<'_, '_> {
    fn write(&mut self, mut packet: Packet, pts: i64) -> Result<(), NotSpliced> {
        let (due, length) = self
            .due
            .pop_front()
            .ok_or_else(|| because("frames of the range repeat"))?;
        let dts = due - self.shift;
        if pts < dts {
            return Err(because("frames are stored too far from their order"));
        }
        packet.set_times(pts - self.origin, dts - self.origin, length);
        for sound in &mut *self.sounds {
            sound.advance(self.clock.length_us(due - self.origin), self.track, self.give)?;
        }
        self.track.write(self.stream, packet, self.give)?;
        *self.n_done += 1;
        control::progress(*self.n_done, self.n_frames);
        Ok(())
    }
}
