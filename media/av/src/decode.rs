//! Decoders: packets in, frames out, within limits that hold before anything is allocated.

use std::ptr;

use ffmpeg_next::ffi;

use crate::dict::Dict;
use crate::encode::{Frame, Packet};
use crate::error::AvError;
use crate::input::{known, rescale};
use crate::stream::StreamView;

/// What a decoder may and shall do.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// libav's names of the decoders that may run, separated by commas.
    pub codecs: &'a str,
    /// How many pixels a picture may have.
    pub max_pixels: u64,
    /// How many threads; several decode ahead, which costs more than it gives where few frames are wanted.
    pub n_threads: u32,
}

/// No H.264 stream has more frames that wait for their turn (ITU-T H.264, A.3).
const MAX_REORDER: i32 = 16;

/// What of the decoding is left out. Codecs that cannot leave it out do it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skip {
    /// Frames that no other frame is made from.
    pub unreferenced: bool,
    /// The filter against block edges, which at the size of a stamp nobody sees.
    pub loop_filter: bool,
}

/// An open decoder.
pub struct Decoder {
    pub(crate) context: *mut ffi::AVCodecContext,
    base: ffi::AVRational,
}

impl Decoder {
    /// Opens libav's preferred decoder for a stream.
    pub fn open(stream: StreamView<'_>, rules: &Rules<'_>) -> Result<Self, String> {
        let mut options = Dict::new();
        options
            .set("codec_whitelist", rules.codecs)
            .map_err(|error| error.to_string())?;
        let name = stream.codec();
        let complain = |error: AvError| format!("decoder for `{name}`: {error}");
        // SAFETY: the stream lives while it is borrowed; the context is ours from its allocation; fields are plain.
        unsafe {
            let parameters = (*stream.raw()).codecpar;
            let codec = ffi::avcodec_find_decoder((*parameters).codec_id);
            if codec.is_null() {
                return Err(format!("this FFmpeg has no decoder for `{}`", stream.stated_codec()));
            }
            let context = ffi::avcodec_alloc_context3(codec);
            if context.is_null() {
                return Err(complain(AvError::NO_MEMORY));
            }
            let decoder = Self {
                context,
                base: (*stream.raw()).time_base,
            };
            AvError::check(ffi::avcodec_parameters_to_context(context, parameters)).map_err(complain)?;
            (*context).pkt_timebase = decoder.base;
            (*context).max_pixels = i64::try_from(rules.max_pixels).unwrap_or(i64::MAX);
            (*context).thread_count = rules.n_threads.clamp(1, 16) as i32;
            (*context).thread_type = if rules.n_threads > 1 {
                ffi::FF_THREAD_FRAME
            } else {
                ffi::FF_THREAD_SLICE
            } as i32;
            AvError::check(ffi::avcodec_open2(context, codec, &mut options.0)).map_err(complain)?;
            Ok(decoder)
        }
    }

    pub(crate) fn raw(&mut self) -> *mut ffi::AVCodecContext {
        self.context
    }

    /// Expects frames to be stored as far out of order as the codec allows, unless the header says how far. For a stream into
    /// which libav has not looked: frames would come out in the wrong order until they have shown it themselves.
    pub fn expect_disorder(&mut self) {
        // SAFETY: plain fields of an open decoder, which is read when the next packet is decoded.
        unsafe {
            if (*self.context).codec_id == ffi::AVCodecID::AV_CODEC_ID_H264 && (*self.context).has_b_frames == 0 {
                (*self.context).has_b_frames = MAX_REORDER;
            }
        }
    }

    /// Leaves parts of the work out, from the next packet on.
    pub fn set_skip(&mut self, skip: Skip) {
        let level = |is_skipped, level| {
            if is_skipped {
                level
            } else {
                ffi::AVDiscard::AVDISCARD_DEFAULT
            }
        };
        // SAFETY: plain fields, read when the next packet is decoded.
        unsafe {
            (*self.context).skip_frame = level(skip.unreferenced, ffi::AVDiscard::AVDISCARD_NONREF);
            (*self.context).skip_loop_filter = level(skip.loop_filter, ffi::AVDiscard::AVDISCARD_ALL);
        }
    }

    /// Gives it a packet, or tells it with none that no more come until a flush. Take all frames after each.
    pub fn send(&mut self, packet: Option<&Packet>) -> Result<(), AvError> {
        // SAFETY: libav takes its own reference to the packet's content.
        let sent = unsafe { ffi::avcodec_send_packet(self.context, packet.map_or(ptr::null(), |packet| packet.0)) };
        match AvError::check(sent) {
            Err(error) if packet.is_none() && error.is_end() => Ok(()),
            other => other.map(drop),
        }
    }

    /// The next frame, in order of presentation; false if it wants more packets or has ended.
    pub fn receive(&mut self, frame: &mut Frame) -> Result<bool, AvError> {
        // SAFETY: both are ours; libav empties the frame first.
        match AvError::check(unsafe { ffi::avcodec_receive_frame(self.context, frame.0) }) {
            Ok(_) => Ok(true),
            Err(error) if error.is_again() || error.is_end() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Forgets all it has seen, as after a seek or an end.
    pub fn flush(&mut self) {
        // SAFETY: an open decoder.
        unsafe { ffi::avcodec_flush_buffers(self.context) }
    }

    /// When a frame of this decoder shows, in microseconds on the file's own clock, if known.
    pub fn time_us(&self, frame: &Frame) -> Option<i64> {
        // SAFETY: plain fields.
        let ticks = unsafe { known((*frame.0).best_effort_timestamp).or(known((*frame.0).pts)) };
        rescale(ticks?, self.base)
    }

    /// When a packet of this decoder's stream shows, in microseconds on the file's own clock, if known.
    pub fn packet_us(&self, packet: &Packet) -> Option<i64> {
        rescale(packet.pts().or(packet.dts())?, self.base)
    }

    /// When a packet of this decoder's stream is decoded, in microseconds on the file's own clock, if known. Those that show
    /// before that time have all been stored before it.
    pub fn decoded_us(&self, packet: &Packet) -> Option<i64> {
        rescale(packet.dts()?, self.base)
    }

    /// How long a packet of this decoder's stream lasts, in microseconds, if that is said.
    pub fn lasts_us(&self, packet: &Packet) -> Option<i64> {
        rescale(packet.duration(), self.base).filter(|&duration| duration > 0)
    }

    /// A time in microseconds as ticks of the stream.
    pub fn ticks(&self, time_us: i64) -> i64 {
        let micro = ffi::AVRational { num: 1, den: 1_000_000 };
        if self.base.num <= 0 || self.base.den <= 0 {
            return 0;
        }
        // SAFETY: pure arithmetic on positive rationals.
        unsafe { ffi::av_rescale_q(time_us, micro, self.base) }
    }

    /// How long a frame of this decoder lasts, in microseconds, if known.
    pub fn duration_us(&self, frame: &Frame) -> Option<i64> {
        // SAFETY: a plain field.
        let ticks = unsafe { crate::compat::frame_duration(frame.0) };
        rescale(ticks, self.base).filter(|&duration| duration > 0)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { ffi::avcodec_free_context(&mut self.context) }
    }
}
