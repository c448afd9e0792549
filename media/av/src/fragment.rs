//! Fragmented MP4 in memory: a header once, then a fragment wherever the caller cuts (ISO/IEC 14496-12, 23000-19).
//!
//! The caller decides all times. libav derives the start of a fragment from the end of the one before, and a sample's
//! length from the next one's decoding time, so decoding times here are the presentation times in ascending order: every
//! fragment then starts at its first picture, and lengths add up without a gap.

use std::ptr;
use std::slice;

use ffmpeg_next::ffi;

use crate::compat;
use crate::dict::Dict;
use crate::encode::{Encoder, Packet};
use crate::error::AvError;
use crate::io;
use crate::stream::{SideData, StreamView};

/// How far decoding times are moved back while they pass through libav, which refuses a packet that is shown before it is
/// decoded; its muxer moves the first, and with it all others, forward again.
const SHIFT_SECONDS: i64 = 16;

/// One track being written, fragment by fragment.
pub struct Fragments {
    context: *mut ffi::AVFormatContext,
    ticks_per_second: i64,
}

/// When a packet is decoded and shown, and how long it lasts, in ticks of the track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// When it is shown.
    pub pts: i64,
    /// When it is decoded: the presentation time that has the same place in ascending order.
    pub dts: i64,
    /// To the next decoding time.
    pub duration: i64,
}

impl Fragments {
    /// A track of what an encoder makes, with so many ticks a second, whose first fragment has this number. Gives the
    /// header beside it. The encoder must keep its setup out of its packets.
    pub fn new(encoder: &Encoder, ticks_per_second: u32, first: u32) -> Result<(Self, Vec<u8>), String> {
        // SAFETY: the encoder lives; libav copies its parameters.
        Self::with_parameters(ticks_per_second, first, None, |to| unsafe {
            ffi::avcodec_parameters_from_context(to, encoder.0)
        })
    }

    /// The same for H.264 that brings its setup in front of every keyframe, made by whatever encoder (`avc3` of ISO/IEC
    /// 14496-15). The header repeats the setup of this one.
    pub fn self_describing(encoder: &Encoder, ticks_per_second: u32, first: u32) -> Result<(Self, Vec<u8>), String> {
        // SAFETY: the encoder lives; libav copies its parameters.
        Self::with_parameters(ticks_per_second, first, None, |to| unsafe {
            let copied = ffi::avcodec_parameters_from_context(to, encoder.0);
            (*to).codec_tag = u32::from_le_bytes(*b"avc3");
            copied
        })
    }

    /// A track of packets as a stream of a file has them, turned as it is; as [`new`](Self::new) otherwise. `setup` takes the
    /// place of the stream's own where packets bring it themselves.
    pub fn copying(
        stream: StreamView<'_>,
        setup: Option<&[u8]>,
        ticks_per_second: u32,
        first: u32,
    ) -> Result<(Self, Vec<u8>), String> {
        let turned = stream.side_data(SideData::DisplayMatrix);
        // SAFETY: the stream lives; libav copies its parameters, and frees the setup with them.
        Self::with_parameters(ticks_per_second, first, turned, |to| unsafe {
            let copied = ffi::avcodec_parameters_copy(to, (*stream.raw()).codecpar);
            if copied < 0 {
                return copied;
            }
            // The container's own name of the codec is not always one that mp4 has.
            (*to).codec_tag = 0;
            let Some(setup) = setup else { return 0 };
            let padding = ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
            let bytes = ffi::av_mallocz(setup.len() + padding).cast::<u8>();
            if bytes.is_null() {
                return AvError::NO_MEMORY.0;
            }
            ptr::copy_nonoverlapping(setup.as_ptr(), bytes, setup.len());
            ffi::av_freep((&raw mut (*to).extradata).cast());
            (*to).extradata = bytes;
            (*to).extradata_size = setup.len() as i32;
            0
        })
    }

    fn with_parameters(
        ticks_per_second: u32,
        first: u32,
        turned: Option<&[u8]>,
        fill: impl FnOnce(*mut ffi::AVCodecParameters) -> i32,
    ) -> Result<(Self, Vec<u8>), String> {
        let complain = |error: AvError| format!("fragmented mp4: {error}");
        let mut context = ptr::null_mut();
        // SAFETY: libav allocates the context, which is ours from then on; the stream belongs to it.
        let mut this = unsafe {
            AvError::check(ffi::avformat_alloc_output_context2(
                &mut context,
                ptr::null(),
                c"mp4".as_ptr(),
                ptr::null(),
            ))
            .map_err(complain)?;
            let this = Self {
                context,
                ticks_per_second: i64::from(ticks_per_second),
            };
            (*context).io_open = Some(io::refuse_open);
            (*context).flags |= (ffi::AVFMT_FLAG_BITEXACT | ffi::AVFMT_FLAG_CUSTOM_IO) as i32;
            (*context).strict_std_compliance = -2;
            AvError::check(ffi::avio_open_dyn_buf(&mut (*context).pb)).map_err(complain)?;
            let stream = ffi::avformat_new_stream(context, ptr::null());
            if stream.is_null() {
                return Err(complain(AvError::NO_MEMORY));
            }
            AvError::check(fill((*stream).codecpar)).map_err(complain)?;
            if (*(*stream).codecpar).codec_id == ffi::AVCodecID::AV_CODEC_ID_HEVC {
                (*(*stream).codecpar).codec_tag = u32::from_le_bytes(*b"hvc1");
            }
            (*stream).time_base = ffi::AVRational {
                num: 1,
                den: ticks_per_second as i32,
            };
            (*stream).sample_aspect_ratio = (*(*stream).codecpar).sample_aspect_ratio;
            if let Some(turned) = turned {
                let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
                let matrix = compat::new_side_data(stream, kind, turned.len()).ok_or(complain(AvError::NO_MEMORY))?;
                matrix.copy_from_slice(turned);
            }
            this
        };
        let mut options = Dict::new();
        let flags = "frag_custom+empty_moov+default_base_moof+frag_discont+skip_trailer+negative_cts_offsets";
        let settings = [
            ("movflags", flags.to_owned()),
            ("use_editlist", "0".to_owned()),
            ("fragment_index", first.saturating_add(1).to_string()),
            ("video_track_timescale", ticks_per_second.to_string()),
            ("avoid_negative_ts", "0".to_owned()),
        ];
        for (key, value) in &settings {
            options.set(key, value).map_err(complain)?;
        }
        // SAFETY: the one stream is set up.
        AvError::check(unsafe { ffi::avformat_write_header(this.context, &mut options.0) }).map_err(complain)?;
        if let Some(option) = options.leftover() {
            return Err(format!("fragmented mp4 does not know the option `{option}`"));
        }
        let header = this.take().map_err(complain)?;
        Ok((this, header))
    }

    /// Adds a packet to the fragment at hand.
    pub fn write(&mut self, packet: Packet, timing: Timing) -> Result<(), AvError> {
        // SAFETY: the packet is ours; libav takes a reference to its content, or copies it.
        unsafe {
            (*packet.0).stream_index = 0;
            (*packet.0).pts = timing.pts;
            (*packet.0).dts = timing.dts - SHIFT_SECONDS * self.ticks_per_second;
            (*packet.0).duration = timing.duration;
            AvError::check(ffi::av_write_frame(self.context, packet.0))?;
        }
        Ok(())
    }

    /// Ends the fragment and gives its bytes: one `moof` and one `mdat`.
    pub fn cut(&mut self) -> Result<Vec<u8>, AvError> {
        // SAFETY: after the header; no packet means "write out what you hold".
        AvError::check(unsafe { ffi::av_write_frame(self.context, ptr::null_mut()) })?;
        self.take()
    }

    /// What was written since the last time.
    fn take(&mut self) -> Result<Vec<u8>, AvError> {
        // SAFETY: the buffer is libav's until it is closed, then ours to free; a new one takes its place at once.
        unsafe {
            let mut bytes = ptr::null_mut();
            let n = ffi::avio_close_dyn_buf((*self.context).pb, &mut bytes);
            (*self.context).pb = ptr::null_mut();
            let taken = match bytes.is_null() || n <= 0 {
                true => Vec::new(),
                false => slice::from_raw_parts(bytes, n as usize).to_vec(),
            };
            ffi::av_free(bytes.cast());
            AvError::check(ffi::avio_open_dyn_buf(&mut (*self.context).pb))?;
            Ok(taken)
        }
    }
}

impl Drop for Fragments {
    fn drop(&mut self) {
        // SAFETY: ours; the buffer is closed before the context that knows it.
        unsafe {
            if !(*self.context).pb.is_null() {
                let mut bytes = ptr::null_mut();
                ffi::avio_close_dyn_buf((*self.context).pb, &mut bytes);
                ffi::av_free(bytes.cast());
                (*self.context).pb = ptr::null_mut();
            }
            ffi::avformat_free_context(self.context);
        }
    }
}
