//! The encoders of films in software, as segments need them: H.264 with closed groups, keyframes where asked, and no setup that depends
//! on where it was started; AV1, of which one is opened for each segment, so that every segment begins with a keyframe and
//! needs none before it.

use ffmpeg_next::ffi;

use crate::dict::Dict;
use crate::encode::{Encoder, Frame};
use crate::error::AvError;
use crate::text;

/// What every encoder of a film is told; pictures are 8 bits, 4:2:0, BT.709, limited range, square pixels.
#[derive(Debug, Clone, Copy)]
pub struct Film {
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
    /// How many threads.
    pub n_threads: u32,
    /// Where decoders find what they must know before the first picture.
    pub setup: Setup,
}

/// Where an encoder puts what decoders must know before the first picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// Apart from its packets, for a header.
    Apart,
    /// In front of every keyframe.
    Within,
}

/// What is the H.264 encoder's own.
#[derive(Debug, Clone, Copy)]
pub struct H264<'a> {
    /// Bits per second that the buffer allows.
    pub max_bit_rate: u64,
    /// The buffer in bits.
    pub buffer_bits: u64,
    /// x264's preset.
    pub preset: &'a str,
    /// The level times ten.
    pub level: u8,
}

/// More frames than any segment has: only the first is a keyframe.
pub(crate) const NO_KEYFRAME: i32 = 3000;

impl Encoder {
    /// Opens libx264. It makes a keyframe only where [`Frame::ask_for_keyframe`] asks for one.
    pub fn open_h264(film: &Film, settings: &H264<'_>) -> Result<Self, String> {
        let level = format!("{}.{}", settings.level / 10, settings.level % 10);
        let options = [
            ("preset", settings.preset),
            ("profile", "high"),
            ("level", level.as_str()),
            ("forced-idr", "1"),
            (
                "x264-params",
                "scenecut=0:open-gop=0:keyint=infinite:min-keyint=1:stitchable=1",
            ),
        ];
        open("libx264", film, &options, PLANAR, |context| {
            context.gop_size = i32::MAX;
            context.rc_max_rate = settings.max_bit_rate as i64;
            context.rc_buffer_size = settings.buffer_bits.min(i32::MAX as u64) as i32;
            context.thread_count = film.n_threads.clamp(1, 16) as i32;
            context.flags |= ffi::AV_CODEC_FLAG_CLOSED_GOP as i32;
        })
    }

    /// Opens SVT-AV1 with this preset: the higher, the quicker. Its first picture is a keyframe, and no other.
    pub fn open_av1(film: &Film, preset: u8) -> Result<Self, String> {
        let preset = preset.to_string();
        let threads = format!("lp={}", film.n_threads.clamp(1, 16));
        let options = [("preset", preset.as_str()), ("svtav1-params", threads.as_str())];
        open("libsvtav1", film, &options, PLANAR, |context| {
            context.gop_size = NO_KEYFRAME
        })
    }
}

const PLANAR: ffi::AVPixelFormat = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P;

/// Opens an encoder of films by libav's name, with its own options and what else it is told.
pub(crate) fn open(
    name: &str,
    film: &Film,
    options: &[(&str, &str)],
    pixels: ffi::AVPixelFormat,
    tell: impl FnOnce(&mut ffi::AVCodecContext),
) -> Result<Encoder, String> {
    let complain = |error: AvError| format!("encoder `{name}`: {error}");
    let mut dict = Dict::new();
    for (key, value) in options {
        dict.set(key, value).map_err(complain)?;
    }
    // SAFETY: the context is ours from its allocation; all fields are plain.
    let encoder = unsafe {
        let codec = ffi::avcodec_find_encoder_by_name(text::c_text(name).as_ptr());
        if codec.is_null() {
            return Err(format!("this FFmpeg has no encoder `{name}`"));
        }
        let raw = ffi::avcodec_alloc_context3(codec);
        if raw.is_null() {
            return Err(complain(AvError::NO_MEMORY));
        }
        let encoder = Encoder(raw);
        let context = &mut *raw;
        context.width = film.width as i32;
        context.height = film.height as i32;
        context.pix_fmt = pixels;
        context.time_base = ffi::AVRational {
            num: 1,
            den: film.ticks_per_second as i32,
        };
        context.framerate = ffi::AVRational {
            num: film.frame_rate.0,
            den: film.frame_rate.1,
        };
        context.sample_aspect_ratio = ffi::AVRational { num: 1, den: 1 };
        context.bit_rate = film.bit_rate as i64;
        if film.setup == Setup::Apart {
            context.flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as i32;
        }
        context.colorspace = ffi::AVColorSpace::AVCOL_SPC_BT709;
        context.color_primaries = ffi::AVColorPrimaries::AVCOL_PRI_BT709;
        context.color_trc = ffi::AVColorTransferCharacteristic::AVCOL_TRC_BT709;
        context.color_range = ffi::AVColorRange::AVCOL_RANGE_MPEG;
        tell(context);
        AvError::check(ffi::avcodec_open2(raw, codec, &mut dict.0)).map_err(complain)?;
        encoder
    };
    match dict.leftover() {
        Some(option) => Err(format!("encoder `{name}` does not know the option `{option}`")),
        None => Ok(encoder),
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
