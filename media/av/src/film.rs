//! The H.264 encoder as on-demand segments need it: closed groups, keyframes where asked, no setup that depends on where it
//! was started.

use ffmpeg_next::ffi;

use crate::dict::Dict;
use crate::encode::{Encoder, Frame, PixelFormat, pixel_format};
use crate::error::AvError;

/// Settings of an H.264 encoder; pictures are 8 bits, 4:2:0, BT.709, limited range, square pixels.
#[derive(Debug, Clone, Copy)]
pub struct H264<'a> {
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
    /// Bits per second that the buffer allows.
    pub max_bit_rate: u64,
    /// The buffer in bits.
    pub buffer_bits: u64,
    /// x264's preset.
    pub preset: &'a str,
    /// The level times ten.
    pub level: u8,
    /// How many threads.
    pub n_threads: u32,
}

impl Encoder {
    /// Opens libx264. It makes a keyframe only where [`Frame::ask_for_keyframe`] asks for one.
    pub fn open_h264(settings: &H264<'_>) -> Result<Self, String> {
        let complain = |error: AvError| format!("encoder `libx264`: {error}");
        let mut options = Dict::new();
        let level = format!("{}.{}", settings.level / 10, settings.level % 10);
        let x264 = "scenecut=0:open-gop=0:keyint=infinite:min-keyint=1:stitchable=1";
        for (key, value) in [
            ("preset", settings.preset),
            ("profile", "high"),
            ("level", level.as_str()),
            ("forced-idr", "1"),
            ("x264-params", x264),
        ] {
            options.set(key, value).map_err(complain)?;
        }
        // SAFETY: the context is ours from its allocation; all fields are plain.
        let encoder = unsafe {
            let codec = ffi::avcodec_find_encoder_by_name(c"libx264".as_ptr());
            if codec.is_null() {
                return Err("this FFmpeg has no encoder `libx264`".to_owned());
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
            (*context).gop_size = i32::MAX;
            (*context).bit_rate = settings.bit_rate as i64;
            (*context).rc_max_rate = settings.max_bit_rate as i64;
            (*context).rc_buffer_size = settings.buffer_bits.min(i32::MAX as u64) as i32;
            (*context).thread_count = settings.n_threads.clamp(1, 16) as i32;
            (*context).flags |= (ffi::AV_CODEC_FLAG_GLOBAL_HEADER | ffi::AV_CODEC_FLAG_CLOSED_GOP) as i32;
            (*context).colorspace = ffi::AVColorSpace::AVCOL_SPC_BT709;
            (*context).color_primaries = ffi::AVColorPrimaries::AVCOL_PRI_BT709;
            (*context).color_trc = ffi::AVColorTransferCharacteristic::AVCOL_TRC_BT709;
            (*context).color_range = ffi::AVColorRange::AVCOL_RANGE_MPEG;
            AvError::check(ffi::avcodec_open2(context, codec, &mut options.0)).map_err(complain)?;
            encoder
        };
        match options.leftover() {
            Some(option) => Err(format!("encoder `libx264` does not know the option `{option}`")),
            None => Ok(encoder),
        }
    }
}

impl Frame {
    /// Asks the encoder to make this frame one at which decoding can start, or to choose by itself.
    pub fn ask_for_keyframe(&mut self, is_asked: bool) {
        // SAFETY: a plain field.
        unsafe {
            (*self.0).pict_type = match is_asked {
                true => ffi::AVPictureType::AV_PICTURE_TYPE_I,
                false => ffi::AVPictureType::AV_PICTURE_TYPE_NONE,
            }
        }
    }

    /// When it shows, in ticks of whoever gave it, as well as that can be told.
    pub fn best_pts(&self) -> Option<i64> {
        // SAFETY: plain fields.
        unsafe { crate::input::known((*self.0).best_effort_timestamp).or(crate::input::known((*self.0).pts)) }
    }
}
