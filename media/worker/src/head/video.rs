//! The video head: decodes from the keyframe before the first segment, converts, encodes and cuts.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use media_av::decode::{self, Decoder};
use media_av::encode::{Encoder, Frame, Packet};
use media_av::error::AvError;
use media_av::film::H264;
use media_av::fragment::{Fragments, Timing};
use media_av::graph::Graph;
use media_av::input::Wanted;
use media_proto::error::MediaError;
use media_proto::grid::TimeBase;
use media_proto::head::{Segment, VIDEO_TICKS, VideoHead};
use media_proto::job::Limits;

use super::{Give, Made};
use crate::open::{self, Opened, av_error};
use crate::{container, control};

/// Damaged packets that are borne before their share counts.
const MAX_DAMAGED: u64 = 50;
/// How far a seek that landed too late steps back at first, in seconds; twice as far each further time.
const STEP_BACK_S: i64 = 2;
/// Steps back before the file is read from its beginning.
const MAX_STEPS: u32 = 5;
/// The unit of the rendition's times.
const OUT: TimeBase = (1, VIDEO_TICKS as i32);

/// Makes segments from the first wanted one to the last, or until nobody takes them.
pub fn run(source: OwnedFd, head: &VideoHead, limits: &Limits, give: &mut Give<'_>) -> Result<(), MediaError> {
    check(head)?;
    let n_threads = threads(limits);
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
    let mut reader = Reader {
        opened,
        stream,
        decoder,
        n_packets: 0,
        n_damaged: 0,
        has_ended: false,
    };
    reader.go_to(head)?;
    let mut cutter = Cutter::new(head, n_threads, give)?;
    let mut painter = Painter::new(head);
    let mut frame = Frame::empty().map_err(av_error)?;
    let mut painted = Frame::empty().map_err(av_error)?;
    while reader.next(&mut frame)? {
        control::checkpoint()?;
        painter.push(Some(&frame))?;
        while painter.pull(&mut painted)? {
            if !cutter.frame(&mut painted, painter.time_base())? {
                return Ok(());
            }
        }
    }
    painter.push(None)?;
    while painter.pull(&mut painted)? {
        if !cutter.frame(&mut painted, painter.time_base())? {
            return Ok(());
        }
    }
    cutter.finish()
}

fn check(head: &VideoHead) -> Result<(), MediaError> {
    let rendition = &head.rendition;
    let is_even = |side: u32| (2..=8192).contains(&side) && side % 2 == 0;
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

/// Reads and decodes one stream.
struct Reader {
    opened: Opened,
    stream: usize,
    decoder: Decoder,
    n_packets: u64,
    n_damaged: u64,
    has_ended: bool,
}

impl Reader {
    /// Goes to where decoding must begin, so that the first segment's first frame comes out whole. Indexes count in
    /// decoding times or are coarse, so the position is accepted only if its first keyframe is early enough.
    fn go_to(&mut self, head: &VideoHead) -> Result<(), MediaError> {
        if head.first == 0 {
            return Ok(());
        }
        let boundary = head
            .start_pts
            .saturating_add(head.grid.first_tick(head.first, head.time_base));
        let mut target = head.keyframe_pts.filter(|&pts| pts <= boundary).unwrap_or(boundary);
        let second = i64::from(head.time_base.1 / head.time_base.0).max(1);
        let mut step = STEP_BACK_S * second;
        for _ in 0..MAX_STEPS {
            if self.opened.input.seek_back_to(self.stream, target).is_err() {
                break;
            }
            if self.first_keyframe()?.is_some_and(|pts| pts <= boundary) {
                // The look took packets away, so the seek is made again.
                self.opened.input.seek_back_to(self.stream, target).map_err(av_error)?;
                return Ok(());
            }
            target = target.saturating_sub(step);
            step = step.saturating_mul(2);
            if target <= head.start_pts {
                break;
            }
        }
        self.opened.input.rewind().map_err(av_error)
    }

    fn first_keyframe(&mut self) -> Result<Option<i64>, MediaError> {
        let mut packet = Packet::empty().map_err(av_error)?;
        for _ in 0..2000 {
            match self.opened.input.read(&mut packet) {
                Ok(true) if packet.stream() == self.stream && packet.is_key() => {
                    return Ok(packet.pts().or(packet.dts()));
                }
                Ok(true) | Err(_) => {}
                Ok(false) => break,
            }
        }
        Ok(None)
    }

    /// The next frame in order of presentation; false at the end.
    fn next(&mut self, frame: &mut Frame) -> Result<bool, MediaError> {
        let mut packet = Packet::empty().map_err(av_error)?;
        loop {
            match self.decoder.receive(frame) {
                Ok(true) => return Ok(true),
                Ok(false) if self.has_ended => return Ok(false),
                Ok(false) => {}
                Err(error) => self.count_damage(error)?,
            }
            match self.opened.input.read(&mut packet) {
                Ok(true) if packet.stream() == self.stream => {
                    self.n_packets += 1;
                    if let Err(error) = self.decoder.send(Some(&packet)) {
                        self.count_damage(error)?;
                    }
                }
                Ok(true) => {}
                Ok(false) => {
                    if let Some(error) = open::complaint(&self.opened.input) {
                        return Err(error);
                    }
                    self.has_ended = true;
                    if let Err(error) = self.decoder.send(None) {
                        self.count_damage(error)?;
                    }
                }
                Err(error) => {
                    if let Some(error) = open::complaint(&self.opened.input) {
                        return Err(error);
                    }
                    self.count_damage(error)?;
                }
            }
        }
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

/// Makes decoded frames into what the encoder wants: size, direction, colors.
struct Painter<'a> {
    head: &'a VideoHead,
    graph: Option<Graph>,
}

impl<'a> Painter<'a> {
    fn new(head: &'a VideoHead) -> Self {
        Self { head, graph: None }
    }

    fn push(&mut self, frame: Option<&Frame>) -> Result<(), MediaError> {
        let graph = match (self.graph.take(), frame) {
            (Some(graph), Some(frame)) if graph.fits(frame) => self.graph.insert(graph),
            (_, Some(frame)) => {
                let filters = filters(self.head, frame);
                let graph = Graph::new(frame, self.head.time_base, &filters);
                self.graph
                    .insert(graph.map_err(|reason| MediaError::Unsupported { reason })?)
            }
            (Some(graph), None) => self.graph.insert(graph),
            (None, None) => return Ok(()),
        };
        graph.push(frame).map_err(av_error)
    }

    fn pull(&mut self, frame: &mut Frame) -> Result<bool, MediaError> {
        match &mut self.graph {
            Some(graph) => graph.pull(frame).map_err(av_error),
            None => Ok(false),
        }
    }

    fn time_base(&self) -> TimeBase {
        self.graph.as_ref().map_or(self.head.time_base, Graph::time_base)
    }
}

/// The chain of filters, of our own words and of numbers. Scaling comes early: everything after it has less to do.
fn filters(head: &VideoHead, frame: &Frame) -> String {
    let rendition = &head.rendition;
    let (width, height) = match head.rotation {
        90 | 270 => (rendition.height, rendition.width),
        _ => (rendition.width, rendition.height),
    };
    let mut chain = Vec::new();
    if rendition.is_deinterlaced {
        chain.push("bwdif=mode=send_frame:deint=interlaced".to_owned());
    }
    if rendition.is_tone_mapped {
        // 203 candela per square meter is the white of graphics in BT.2408.
        chain.push(format!(
            "zscale=w={width}:h={height}:filter=bilinear:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,\
             tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv"
        ));
    } else {
        // Pictures that say nothing of their matrix follow the usage of their time: BT.601 below high definition.
        let from = match (frame.colors().matrix, frame.size().1) {
            (None, 720..) => "in_color_matrix=bt709:",
            _ => "",
        };
        chain.push(format!(
            "scale=w={width}:h={height}:flags=bilinear:{from}out_color_matrix=bt709:out_range=tv"
        ));
    }
    chain.push("format=yuv420p,setsar=1".to_owned());
    match head.rotation {
        90 => chain.push("transpose=clock".to_owned()),
        180 => chain.push("hflip,vflip".to_owned()),
        270 => chain.push("transpose=cclock".to_owned()),
        _ => {}
    }
    chain.join(",")
}

/// A frame on its way through the encoder.
#[derive(Clone, Copy)]
struct Pending {
    pts: i64,
    segment: u32,
}

/// Encodes frames and cuts what comes out into segments.
struct Cutter<'a, 'b> {
    head: &'a VideoHead,
    encoder: Encoder,
    fragments: Fragments,
    give: &'a mut Give<'b>,
    /// The last frame before the first segment, which is what its start shows if no frame begins there.
    before: Option<Frame>,
    last: Option<(Frame, Pending)>,
    /// The half of a segment that the last frame was in; each half begins with a keyframe.
    half: Option<(u32, bool)>,
    /// In order of presentation, from the first that has not come out.
    pending: VecDeque<Pending>,
    /// Came out and waits for the next frame's time.
    held: VecDeque<Packet>,
    /// The segment being written: its number and first time.
    current: Option<Pending>,
    is_over: bool,
}

impl<'a, 'b> Cutter<'a, 'b> {
    fn new(head: &'a VideoHead, n_threads: u32, give: &'a mut Give<'b>) -> Result<Self, MediaError> {
        let rendition = &head.rendition;
        let encoder = Encoder::open_h264(&H264 {
            width: rendition.width,
            height: rendition.height,
            frame_rate: rendition.frame_rate,
            ticks_per_second: VIDEO_TICKS,
            bit_rate: rendition.bit_rate,
            max_bit_rate: rendition.max_bit_rate,
            buffer_bits: rendition.buffer_bits,
            preset: rendition.preset.name(),
            level: rendition.level,
            n_threads,
        })
        .map_err(|reason| MediaError::Invalid { reason })?;
        let (fragments, header) =
            Fragments::new(&encoder, VIDEO_TICKS, head.first).map_err(|reason| MediaError::Invalid { reason })?;
        let goes_on = give(Made::Header(header))?;
        Ok(Self {
            head,
            encoder,
            fragments,
            give,
            before: None,
            last: None,
            half: None,
            pending: VecDeque::new(),
            held: VecDeque::new(),
            current: None,
            is_over: !goes_on,
        })
    }

    /// The next frame in order of presentation; false when no more are wanted.
    fn frame(&mut self, frame: &mut Frame, time_base: TimeBase) -> Result<bool, MediaError> {
        let Some(ticks) = frame.best_pts() else {
            return Ok(!self.is_over);
        };
        let from_start = ticks.saturating_sub(rescale(self.head.start_pts, self.head.time_base, time_base));
        let segment = self
            .head
            .grid
            .segment_at(from_start, time_base)
            .min(self.head.n_segments - 1);
        if from_start < self.head.grid.first_tick(self.head.first, time_base) {
            self.before = Some(frame.share().map_err(av_error)?);
            return Ok(!self.is_over);
        }
        let pts = rescale(from_start, time_base, OUT);
        if self.last.as_ref().is_some_and(|(_, last)| pts <= last.pts) {
            // A clock that stands still or jumps back: the picture has no time of its own.
            return Ok(!self.is_over);
        }
        self.fill_until(segment)?;
        let pending = Pending { pts, segment };
        self.encode(frame, pending)?;
        self.last = Some((frame.share().map_err(av_error)?, pending));
        Ok(!self.is_over)
    }

    /// Gives every segment before this one a picture: the one that is still shown.
    fn fill_until(&mut self, segment: u32) -> Result<(), MediaError> {
        let mut next = self.last.as_ref().map_or(self.head.first, |(_, last)| last.segment + 1);
        while next < segment {
            let shown = match (&self.last, &self.before) {
                (Some((frame, _)), _) => frame.share(),
                (None, Some(frame)) => frame.share(),
                // The track begins later; its first picture cannot show before itself.
                (None, None) => return Ok(()),
            };
            let mut frame = shown.map_err(av_error)?;
            let pending = Pending {
                pts: self.head.grid.first_tick(next, OUT),
                segment: next,
            };
            self.encode(&mut frame, pending)?;
            self.last = Some((frame, pending));
            next += 1;
        }
        Ok(())
    }

    fn encode(&mut self, frame: &mut Frame, pending: Pending) -> Result<(), MediaError> {
        let (first, next) = (
            self.head.grid.first_tick(pending.segment, OUT),
            self.head.grid.first_tick(pending.segment + 1, OUT),
        );
        let half = (pending.segment, pending.pts >= first + (next - first) / 2);
        frame.set_pts(pending.pts);
        frame.ask_for_keyframe(self.half != Some(half));
        self.half = Some(half);
        self.pending.push_back(pending);
        self.encoder.send(Some(frame)).map_err(av_error)?;
        self.collect(None)
    }

    /// Writes what came out of the encoder. `end` is when the last frame ends, once no more come.
    fn collect(&mut self, end: Option<i64>) -> Result<(), MediaError> {
        while let Some(packet) = self.encoder.receive().map_err(av_error)? {
            self.held.push_back(packet);
        }
        while !self.is_over && !self.held.is_empty() {
            let Some(&this) = self.pending.front() else { break };
            let next = match (self.pending.get(1), end) {
                (Some(next), _) => next.pts,
                (None, Some(end)) => end.max(this.pts + 1),
                (None, None) => break,
            };
            if let Some(current) = self.current.filter(|current| current.segment != this.segment) {
                self.cut(current, this.pts)?;
                self.current = None;
                continue;
            }
            let Some(packet) = self.held.pop_front() else { break };
            self.pending.pop_front();
            self.current.get_or_insert(this);
            let timing = Timing {
                pts: packet.pts().unwrap_or(this.pts),
                dts: this.pts,
                duration: next - this.pts,
            };
            self.fragments.write(packet, timing).map_err(av_error)?;
        }
        Ok(())
    }

    fn cut(&mut self, current: Pending, next_pts: i64) -> Result<(), MediaError> {
        let bytes = self.fragments.cut().map_err(av_error)?;
        let segment = Segment {
            index: current.segment,
            first_pts: current.pts,
            duration: next_pts - current.pts,
        };
        self.is_over = !(self.give)(Made::Segment(segment, bytes))?;
        Ok(())
    }

    /// Ends the track: every listed segment has been made then.
    fn finish(mut self) -> Result<(), MediaError> {
        self.fill_until(self.head.n_segments)?;
        let Some(last) = self.last.as_ref().map(|(_, last)| *last) else {
            return Err(MediaError::Corrupt {
                reason: "no picture decodes from there on".to_owned(),
            });
        };
        let (num, den) = self.head.rendition.frame_rate;
        let end = last.pts + rescale(1, (den, num), OUT).max(1);
        self.encoder.send(None).map_err(av_error)?;
        self.collect(Some(end))?;
        match self.current.take() {
            Some(current) if !self.is_over => self.cut(current, end),
            _ => Ok(()),
        }
    }
}

/// How many threads decoder and encoder have each.
fn threads(limits: &Limits) -> u32 {
    match limits.threads {
        0 => std::thread::available_parallelism()
            .map_or(1, |n| n.get() as u32)
            .min(4),
        n => n,
    }
}

/// Ticks of one clock in those of another, to the nearest.
fn rescale(ticks: i64, from: TimeBase, to: TimeBase) -> i64 {
    let dividend = i128::from(ticks) * i128::from(from.0) * i128::from(to.1);
    let divisor = i128::from(from.1) * i128::from(to.0);
    let rounded = (2 * dividend + divisor).div_euclid(2 * divisor);
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}

fn invalid(reason: &str) -> MediaError {
    MediaError::Invalid {
        reason: reason.to_owned(),
    }
}
