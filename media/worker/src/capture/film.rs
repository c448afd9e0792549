//! The file at hand: a muxer that cuts fragments, and what is whole of its bytes on its way out.

use std::cell::RefCell;
use std::rc::Rc;

use media_av::encode::Packet;
use media_av::mux::Muxer;
use media_av::stream::StreamView;
use media_proto::capture::Fragment;
use media_proto::error::MediaError;

use super::Give;
use super::clock::{Times, ticks};
use crate::open::av_error;

/// No file is larger.
const MAX_BYTES: u64 = 1 << 44;
/// A box that says it is larger is no fragment of a live source, whose packets would have to wait in memory.
const MAX_BOX: usize = 256 << 20;
/// The header waits for the first packets, as some codecs say only there what it needs. A fragment begins at a keyframe or
/// after half a second; a stream that pauses does not hold the others back for long.
const OPTIONS: &[(&str, &str)] = &[
    (
        "movflags",
        "frag_keyframe+empty_moov+delay_moov+default_base_moof+skip_trailer",
    ),
    ("frag_duration", "500000"),
    ("min_frag_duration", "400000"),
    ("flush_packets", "1"),
    ("max_interleave_delta", "300000"),
];

/// A file being made.
pub struct Film {
    muxer: Muxer,
    bytes: Rc<RefCell<Vec<u8>>>,
    number: u32,
    begun_us: i64,
    offset: u64,
    lanes: Vec<Option<i64>>,
    n_frames: u64,
    end_us: i64,
    motion: Option<u8>,
}

impl Film {
    /// A file of these streams, with a setup where theirs is none, whose first packet is decoded then.
    pub fn begin(
        number: u32,
        streams: &[(StreamView<'_>, Option<[u8; 2]>)],
        begun_us: i64,
    ) -> Result<Self, MediaError> {
        let bytes = Rc::new(RefCell::new(Vec::new()));
        let sink = Rc::clone(&bytes);
        let put = move |offset: u64, more: &[u8]| {
            // Fragments are written one behind the other; what goes back would change what is already out.
            let _ = offset;
            sink.borrow_mut().extend_from_slice(more);
            true
        };
        let mut muxer = Muxer::to_sink(Box::new(put), "mp4", MAX_BYTES).map_err(av_error)?;
        for (stream, setup) in streams {
            muxer
                .add_copy(*stream, setup.as_ref().map(<[u8; 2]>::as_slice))
                .map_err(av_error)?;
        }
        muxer
            .begin(OPTIONS)
            .map_err(|reason| MediaError::Unsupported { reason })?;
        Ok(Self {
            muxer,
            bytes,
            number,
            begun_us,
            offset: 0,
            lanes: vec![None; streams.len()],
            n_frames: 0,
            end_us: 0,
            motion: None,
        })
    }

    /// How long it is when that packet begins.
    pub fn age_us(&self, times: &Times) -> i64 {
        times.dts_us - self.begun_us
    }

    /// When a packet is shown and decoded in this file, in ticks; nothing if it belongs before its beginning. A packet that is
    /// not later than the one before it is moved behind it.
    pub fn place(&mut self, lane: usize, time_base: (i32, i32), times: &Times) -> Option<(i64, i64)> {
        let at_us = times.dts_us - self.begun_us;
        if at_us < 0 && self.lanes.get(lane)?.is_none() {
            return None;
        }
        let wanted = ticks(at_us, time_base);
        let last = self.lanes.get_mut(lane)?;
        let dts = last.map_or(wanted, |last| wanted.max(last + 1));
        *last = Some(dts);
        Some(((wanted + ticks(times.delay_us, time_base)).max(dts), dts))
    }

    /// Notes how much moved up to a keyframe; the next fragment that goes out tells.
    pub fn moved(&mut self, percent: Option<u8>) {
        self.motion = self.motion.max(percent);
    }

    /// Writes a packet, and gives what is whole.
    pub fn write(
        &mut self,
        lane: usize,
        packet: Packet,
        times: &Times,
        is_video: bool,
        give: &mut Give<'_>,
    ) -> Result<(), MediaError> {
        self.muxer.write(lane, packet).map_err(av_error)?;
        // A fragment that this packet has ended is one without it.
        self.give(give)?;
        self.n_frames += u64::from(is_video);
        self.end_us = self.end_us.max(times.end_us - self.begun_us);
        Ok(())
    }

    /// Writes what is left, and gives it; says how many pictures there are.
    pub fn end(mut self, give: &mut Give<'_>) -> Result<u64, MediaError> {
        let last = std::mem::take(&mut self.bytes);
        let (number, offset, n_frames, end_us) = (self.number, self.offset, self.n_frames, self.end_us);
        let motion = self.motion.take();
        self.muxer.finish().map_err(av_error)?;
        let mut rest = Whole {
            number,
            offset,
            n_frames,
            end_us,
            motion,
        };
        rest.give(&mut last.borrow_mut(), give)?;
        Ok(n_frames)
    }

    fn give(&mut self, give: &mut Give<'_>) -> Result<(), MediaError> {
        let mut whole = Whole {
            number: self.number,
            offset: self.offset,
            n_frames: self.n_frames,
            end_us: self.end_us,
            motion: self.motion,
        };
        whole.give(&mut self.bytes.borrow_mut(), give)?;
        self.offset = whole.offset;
        self.motion = whole.motion;
        Ok(())
    }
}

struct Whole {
    number: u32,
    offset: u64,
    n_frames: u64,
    end_us: i64,
    motion: Option<u8>,
}

impl Whole {
    /// Takes headers and fragments off the beginning of the bytes, as far as they are whole.
    fn give(&mut self, bytes: &mut Vec<u8>, give: &mut Give<'_>) -> Result<(), MediaError> {
        while let Some(end) = whole(bytes)? {
            let fragment = Fragment {
                file: self.number,
                offset: self.offset,
                n_frames: self.n_frames,
                end_us: self.end_us,
                motion: self.motion.take(),
            };
            give(fragment, &bytes[..end])?;
            self.offset += end as u64;
            bytes.drain(..end);
        }
        Ok(())
    }
}

/// Where the first header or fragment ends: behind its `moov` or its `mdat`.
fn whole(bytes: &[u8]) -> Result<Option<usize>, MediaError> {
    let mut at = 0;
    while let Some(head) = bytes.get(at..at + 8) {
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if !(8..=MAX_BOX).contains(&size) {
            return Err(MediaError::Unsupported {
                reason: format!("half a second of it takes {size} bytes"),
            });
        }
        at += size;
        if matches!(&head[4..8], b"moov" | b"mdat") {
            return Ok((at <= bytes.len()).then_some(at));
        }
    }
    Ok(None)
}
