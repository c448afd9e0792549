//! The AV1 encoder for whole files: one is opened for each segment, so that every segment begins with a keyframe and needs
//! none before it.

use ffmpeg_next::ffi;

use crate::dict::Dict;
use crate::encode::{Encoder, PixelFormat, pixel_format};
use crate::error::AvError;

/// Settings of an AV1 encoder; pictures are 8 bits, 4:2:0, BT.709, limited range, square pixels.
#[derive(Debug, Clone, Copy)]
pub struct Av1 {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second.
    pub frame_rate: (i32, i32),
    /// Ticks a second of the frames' times.
    pub ticks_per_second: u32,
    /// Bits per second to aim at.
    pub bit_rate: u64,
    /// SVT-AV1's preset: the higher, the quicker.
    pub preset: u8,
    /// How many threads.
    pub n_threads: u32,
}

/// More frames than any segment has: only the first is a keyframe.
const NO_KEYFRAME: i32 = 3000;

impl Encoder {
    /// Opens SVT-AV1. Its first picture is a keyframe, and no other.
    pub fn open_av1(settings: &Av1) -> Result<Self, String> {
        let complain = |error: AvError| format!("encoder `libsvtav1`: {error}");
        let mut options = Dict::new();
        let preset = settings.preset.to_string();
        let threads = format!("lp={}", settings.n_threads.clamp(1, 16));
        for (key, value) in [("preset", preset.as_str()), ("svtav1-params", threads.as_str())] {
            options.set(key, value).map_err(complain)?;
        }
        // SAFETY: the context is ours from its allocation; all fields are plain.
        let encoder = unsafe {
            let codec = ffi::avcodec_find_encoder_by_name(c"libsvtav1".as_ptr());
            if codec.is_null() {
                return Err("this FFmpeg has no encoder `libsvtav1`".to_owned());
            }
            let context = ffi::avcodec_alloc_context3(codec);
            if context.is_null() {
                return Err(complain(AvError::NO_MEMORY));
            }
            let encoder = Self(context);
            (*context).width = settings.width as i32;
            (*context).height = settings.height as i32;
            (*context).pix_fmt = pixel_format(PixelFormat::Yuv420p);
            (*context).time_base = ffi::AVRational {
                num: 1,
                den: settings.ticks_per_second as i32,
            };
            (*context).framerate = ffi::AVRational {
                num: settings.frame_rate.0,
                den: settings.frame_rate.1,
            };
            (*context).sample_aspect_ratio = ffi::AVRational { num: 1, den: 1 };
            (*context).gop_size = NO_KEYFRAME;
            (*context).bit_rate = settings.bit_rate as i64;
            (*context).flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as i32;
            (*context).colorspace = ffi::AVColorSpace::AVCOL_SPC_BT709;
            (*context).color_primaries = ffi::AVColorPrimaries::AVCOL_PRI_BT709;
            (*context).color_trc = ffi::AVColorTransferCharacteristic::AVCOL_TRC_BT709;
            (*context).color_range = ffi::AVColorRange::AVCOL_RANGE_MPEG;
            AvError::check(ffi::avcodec_open2(context, codec, &mut options.0)).map_err(complain)?;
            encoder
        };
        match options.leftover() {
            Some(option) => Err(format!("encoder `libsvtav1` does not know the option `{option}`")),
            None => Ok(encoder),
        }
    }
}
