//! Encodes frames and cuts what comes out into segments.

use std::collections::VecDeque;

use media_av::encode::{Frame, Packet};
use media_av::film::Setup;
use media_av::fragment::{Fragments, Timing};
use media_proto::error::MediaError;
use media_proto::grid::TimeBase;
use media_proto::head::{Segment, VIDEO_TICKS, VideoHead};
use media_proto::rendition::VideoCodec;

use super::OUT;
use super::encoder::{self, Pictures};
use crate::head::{Delivery, Give, Made};
use crate::open::av_error;

/// How long the first chunk of a segment is: it is what somebody who has just sought waits for.
const FIRST_CHUNK: i64 = VIDEO_TICKS as i64 / 4;
/// How long the others are.
const CHUNK: i64 = VIDEO_TICKS as i64;
/// Segments number their chunks from multiples of this, so that every head gives a chunk the same number.
const MOST_CHUNKS: u32 = 64;

/// A frame on its way through the encoder.
#[derive(Clone, Copy)]
struct Pending {
    pts: i64,
    segment: u32,
}

/// The encoder and the fragment at hand.
pub struct Cutter<'a, 'b> {
    head: &'a VideoHead,
    n_threads: u32,
    encoder: Pictures,
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
    delivery: Delivery,
    /// How many chunks of the segment are given away, and when the one at hand is long enough.
    n_chunks: u32,
    chunk_end: i64,
    is_over: bool,
}

impl<'a, 'b> Cutter<'a, 'b> {
    pub fn new(
        head: &'a VideoHead,
        encoder: Pictures,
        n_threads: u32,
        delivery: Delivery,
        give: &'a mut Give<'b>,
    ) -> Result<Self, MediaError> {
        let (fragments, header) = encoder::fragments(&head.rendition, &encoder, n_threads, head.first)?;
        let goes_on = give(Made::Header(header))?;
        Ok(Self {
            head,
            n_threads,
            encoder,
            fragments,
            give,
            before: None,
            last: None,
            half: None,
            pending: VecDeque::new(),
            held: VecDeque::new(),
            current: None,
            delivery,
            n_chunks: 0,
            chunk_end: 0,
            is_over: !goes_on,
        })
    }

    /// The next frame in order of presentation; false when no more are wanted.
    pub fn frame(&mut self, frame: &mut Frame, time_base: TimeBase) -> Result<bool, MediaError> {
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
        let half = match self.head.rendition.codec {
            VideoCodec::H264 => (pending.segment, pending.pts >= first + (next - first) / 2),
            // Makes a keyframe of its first picture alone, so that each segment has one of its own.
            VideoCodec::Av1 => {
                if self.half.is_some_and(|(segment, _)| segment != pending.segment) {
                    self.encoder.send(None)?;
                    self.receive()?;
                    let next = encoder::software(&self.head.rendition, self.n_threads, Setup::Apart)?;
                    self.encoder = Pictures::Software(next);
                }
                (pending.segment, false)
            }
        };
        frame.set_pts(pending.pts);
        frame.ask_for_keyframe(self.half != Some(half));
        self.half = Some(half);
        self.pending.push_back(pending);
        self.encoder.send(Some(frame))?;
        self.collect(None)
    }

    /// Writes what came out of the encoder. `end` is when the last frame ends, once no more come.
    fn collect(&mut self, end: Option<i64>) -> Result<(), MediaError> {
        self.receive()?;
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
            match self.current {
                None => {
                    self.current = Some(this);
                    self.n_chunks = 0;
                    self.chunk_end = this.pts + FIRST_CHUNK;
                }
                Some(current) if self.delivery == Delivery::Chunks && this.pts >= self.chunk_end => {
                    self.cut_chunk(current)?;
                    self.chunk_end = this.pts + CHUNK;
                    continue;
                }
                Some(_) => {}
            }
            let Some(packet) = self.held.pop_front() else { break };
            self.pending.pop_front();
            let timing = Timing {
                pts: packet.pts().unwrap_or(this.pts),
                dts: this.pts,
                duration: next - this.pts,
            };
            self.fragments.write(packet, timing).map_err(av_error)?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<(), MediaError> {
        while let Some(packet) = self.encoder.receive()? {
            self.held.push_back(packet);
        }
        Ok(())
    }

    fn cut_chunk(&mut self, current: Pending) -> Result<(), MediaError> {
        let bytes = self.fragment(current)?;
        self.n_chunks += 1;
        self.is_over = !(self.give)(Made::Chunk(current.segment, bytes))?;
        Ok(())
    }

    fn fragment(&mut self, current: Pending) -> Result<Vec<u8>, MediaError> {
        let mut bytes = self.fragments.cut().map_err(av_error)?;
        // The muxer counts from where this head began, which is no matter of the segment's.
        if self.delivery == Delivery::Chunks {
            let number = current.segment * MOST_CHUNKS + self.n_chunks.min(MOST_CHUNKS - 1) + 1;
            number_fragment(&mut bytes, number);
        }
        Ok(bytes)
    }

    fn cut(&mut self, current: Pending, next_pts: i64) -> Result<(), MediaError> {
        let bytes = self.fragment(current)?;
        let segment = Segment {
            index: current.segment,
            first_pts: current.pts,
            duration: next_pts - current.pts,
        };
        self.is_over = !(self.give)(Made::Segment(segment, bytes))?;
        Ok(())
    }

    /// Ends the track: every listed segment has been made then.
    pub fn finish(mut self) -> Result<(), MediaError> {
        self.fill_until(self.head.n_segments)?;
        let Some(last) = self.last.as_ref().map(|(_, last)| *last) else {
            return Err(MediaError::Corrupt {
                reason: "no picture decodes from there on".to_owned(),
            });
        };
        let (num, den) = self.head.rendition.frame_rate;
        let end = last.pts + rescale(1, (den, num), OUT).max(1);
        self.encoder.send(None)?;
        self.collect(Some(end))?;
        match self.current.take() {
            Some(current) if !self.is_over => self.cut(current, end),
            _ => Ok(()),
        }
    }
}

/// Writes the sequence number of a movie fragment (ISO/IEC 14496-12, 8.8.5): `mfhd` is the first box of `moof`.
fn number_fragment(bytes: &mut [u8], number: u32) {
    if bytes.get(4..8) == Some(b"moof")
        && bytes.get(12..16) == Some(b"mfhd")
        && let Some(field) = bytes.get_mut(20..24)
    {
        field.copy_from_slice(&number.to_be_bytes());
    }
}

/// Ticks of one clock in those of another, to the nearest.
fn rescale(ticks: i64, from: TimeBase, to: TimeBase) -> i64 {
    let dividend = i128::from(ticks) * i128::from(from.0) * i128::from(to.1);
    let divisor = i128::from(from.1) * i128::from(to.0);
    let rounded = (2 * dividend + divisor).div_euclid(2 * divisor);
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}
