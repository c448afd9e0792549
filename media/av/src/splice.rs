//! What cutting needs besides whole films: encoders that go on where copied packets end, and packets whose times we set.

use std::slice;

use ffmpeg_next::ffi;

use crate::compat::number;
use crate::dict::Dict;
use crate::encode::{Encoder, Frame, Packet};
use crate::error::AvError;
use crate::text;

/// Settings of an encoder of frames that are there already.
#[derive(Debug, Clone, Copy)]
pub struct Like<'a> {
    /// The encoder's name.
    pub encoder: &'a str,
    /// Frames per second.
    pub frame_rate: (i32, i32),
    /// The unit of the frames' times.
    pub time_base: (i32, i32),
    /// Frames from one keyframe to the next, at most.
    pub keyframe_interval: i32,
    /// How many threads.
    pub n_threads: u32,
    /// The encoder's own options.
    pub options: &'a [(&'a str, &'a str)],
}

impl Encoder {
    /// Opens an encoder for frames like this one: size, layout, shape of pixels and colors. Its setup is kept out of its
    /// packets.
    pub fn open_like(frame: &Frame, settings: &Like<'_>) -> Result<Self, String> {
        let name = settings.encoder;
        let complain = |error: AvError| format!("encoder `{name}`: {error}");
        let mut options = Dict::new();
        for (key, value) in settings.options {
            options.set(key, value).map_err(complain)?;
        }
        // SAFETY: the context is ours from its allocation, the frame lives, and all fields are plain.
        let encoder = unsafe {
            let codec = ffi::avcodec_find_encoder_by_name(text::c_text(name).as_ptr());
            if codec.is_null() {
                return Err(format!("this FFmpeg has no encoder `{name}`"));
            }
            let context = ffi::avcodec_alloc_context3(codec);
            if context.is_null() {
                return Err(complain(AvError::NO_MEMORY));
            }
            let encoder = Self(context);
            let frame = frame.0;
            (*context).width = (*frame).width;
            (*context).height = (*frame).height;
            // A filter or a decoder of this very libav has set the format.
            (&raw mut (*context).pix_fmt).cast::<i32>().write((*frame).format);
            (*context).sample_aspect_ratio = (*frame).sample_aspect_ratio;
            (*context).colorspace = (*frame).colorspace;
            (*context).color_primaries = (*frame).color_primaries;
            (*context).color_trc = (*frame).color_trc;
            (*context).color_range = (*frame).color_range;
            (*context).chroma_sample_location = (*frame).chroma_location;
            (*context).time_base = rational(settings.time_base);
            (*context).framerate = rational(settings.frame_rate);
            (*context).gop_size = settings.keyframe_interval;
            (*context).thread_count = settings.n_threads.clamp(1, 16) as i32;
            (*context).flags |= (ffi::AV_CODEC_FLAG_GLOBAL_HEADER | ffi::AV_CODEC_FLAG_CLOSED_GOP) as i32;
            AvError::check(ffi::avcodec_open2(context, codec, &mut options.0)).map_err(complain)?;
            encoder
        };
        match options.leftover() {
            Some(option) => Err(format!("encoder `{name}` does not know the option `{option}`")),
            None => Ok(encoder),
        }
    }

    /// The setup that it keeps out of its packets.
    pub fn setup(&self) -> &[u8] {
        // SAFETY: libav keeps that many bytes while the encoder lives.
        unsafe {
            match ((*self.0).extradata, (*self.0).extradata_size) {
                (data, size) if data.is_null() || size <= 0 => &[],
                (data, size) => slice::from_raw_parts(data, size as usize),
            }
        }
    }
}

impl Packet {
    /// When it shows, when it is decoded, and how long it lasts, in ticks of its stream.
    pub fn set_times(&mut self, pts: i64, dts: i64, duration: i64) {
        // SAFETY: plain fields.
        unsafe {
            (*self.0).pts = pts;
            (*self.0).dts = dts;
            (*self.0).duration = duration;
        }
    }

    /// Says whether decoding can start here.
    pub fn set_key(&mut self, is_key: bool) {
        let key = ffi::AV_PKT_FLAG_KEY as i32;
        // SAFETY: a plain field.
        unsafe {
            match is_key {
                true => (*self.0).flags |= key,
                false => (*self.0).flags &= !key,
            }
        }
    }
}

impl Frame {
    /// Sets when it shows, in ticks of whoever takes it.
    pub fn set_time(&mut self, pts: i64) {
        // SAFETY: plain fields.
        unsafe {
            (*self.0).pts = pts;
            (*self.0).best_effort_timestamp = pts;
        }
    }

    /// Whether it has 8 bits in planes of 4:2:0, limited or full range.
    pub fn is_plain(&self) -> bool {
        // SAFETY: a plain field.
        let format = unsafe { number!((*self.0).format) };
        let plain = [
            ffi::AVPixelFormat::AV_PIX_FMT_YUV420P,
            ffi::AVPixelFormat::AV_PIX_FMT_YUVJ420P,
        ];
        plain.map(|plain| plain as i32).contains(&format)
    }
}

fn rational((num, den): (i32, i32)) -> ffi::AVRational {
    ffi::AVRational { num, den }
}
