//! What libav knows of one stream of an open input.

use std::ffi::{c_char, c_int};
use std::marker::PhantomData;
use std::slice;

use ffmpeg_next::ffi;

use crate::compat::{self, number};
use crate::dict;
use crate::input::{Input, known, media_type, rescale};

/// A stream's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Subtitles.
    Subtitle,
    /// An attached file.
    Attachment,
    /// Anything else.
    Data,
}

/// One stream, while its input is borrowed.
#[derive(Clone, Copy)]
pub struct StreamView<'a> {
    stream: *const ffi::AVStream,
    input: PhantomData<&'a Input>,
}

/// The side data that is read.
#[derive(Debug, Clone, Copy)]
pub enum SideData {
    /// The display matrix: nine 32-bit integers.
    DisplayMatrix,
    /// The color profile after ICC.
    IccProfile,
    /// Mastering display metadata.
    Mastering,
    /// Content light levels.
    ContentLight,
    /// Dolby Vision's configuration record, as libav's struct of bytes.
    DolbyVision,
    /// HDR10+ dynamic metadata.
    Hdr10Plus,
}

impl<'a> StreamView<'a> {
    /// # Safety
    /// `stream` is a live stream of an input that stays borrowed for `'a`.
    pub(crate) unsafe fn new(stream: *const ffi::AVStream) -> Self {
        Self {
            stream,
            input: PhantomData,
        }
    }

    pub(crate) fn raw(&self) -> *const ffi::AVStream {
        self.stream
    }

    fn par(&self) -> *const ffi::AVCodecParameters {
        // SAFETY: by `new`; every stream of a demuxer has parameters.
        unsafe { (*self.stream).codecpar }
    }

    /// What it carries.
    pub fn kind(&self) -> Kind {
        // SAFETY: by `new`.
        match unsafe { media_type(self.par()) } {
            0 => Kind::Video,
            1 => Kind::Audio,
            3 => Kind::Subtitle,
            4 => Kind::Attachment,
            _ => Kind::Data,
        }
    }

    /// libav's number of the codec; 0 if it has none.
    pub fn codec_id(&self) -> i32 {
        // SAFETY: by `new`.
        unsafe { number!((*self.par()).codec_id) }
    }

    /// libav's name of the codec, `none` if it has none.
    pub fn codec(&self) -> String {
        compat::codec_name(self.codec_id()).unwrap_or_default()
    }

    /// The container's four bytes for the codec, first byte first.
    pub fn codec_tag(&self) -> [u8; 4] {
        // SAFETY: by `new`.
        unsafe { (*self.par()).codec_tag }.to_le_bytes()
    }

    /// libav's name of the codec, or the container's own where libav has none.
    pub fn stated_codec(&self) -> String {
        let tag = self.codec_tag();
        match self.codec() {
            name if matches!(name.as_str(), "" | "none" | "unknown") && tag.iter().all(u8::is_ascii_graphic) => {
                String::from_utf8_lossy(&tag).into_owned()
            }
            name => name,
        }
    }

    /// The profile's number, none if unknown.
    pub fn profile(&self) -> Option<i32> {
        // SAFETY: by `new`.
        Some(unsafe { (*self.par()).profile }).filter(|&profile| profile >= 0)
    }

    /// The profile's name, none if unknown.
    pub fn profile_name(&self) -> Option<String> {
        compat::profile_name(self.codec_id(), self.profile()?)
    }

    /// The level as the codec numbers it.
    pub fn level(&self) -> Option<i32> {
        // SAFETY: by `new`.
        Some(unsafe { (*self.par()).level }).filter(|&level| level > 0)
    }

    /// The codec's setup bytes: avcC, hvcC, AudioSpecificConfig, ..
    pub fn extradata(&self) -> &'a [u8] {
        // SAFETY: by `new`; libav keeps that many bytes while the stream lives.
        unsafe {
            let par = self.par();
            match ((*par).extradata, (*par).extradata_size) {
                (data, size) if data.is_null() || size <= 0 => &[],
                (data, size) => slice::from_raw_parts(data, size as usize),
            }
        }
    }

    /// Width and height, if both are known.
    pub fn size(&self) -> Option<(u32, u32)> {
        // SAFETY: by `new`.
        let (width, height) = unsafe { ((*self.par()).width, (*self.par()).height) };
        (width > 0 && height > 0).then_some((width as u32, height as u32))
    }

    /// The shape of a pixel: the container's word before the codec's.
    pub fn sample_aspect_ratio(&self) -> Option<(i32, i32)> {
        // SAFETY: by `new`.
        let (stream, par) = unsafe { ((*self.stream).sample_aspect_ratio, (*self.par()).sample_aspect_ratio) };
        rational(stream).or_else(|| rational(par))
    }

    /// The average frame rate.
    pub fn average_frame_rate(&self) -> Option<(i32, i32)> {
        // SAFETY: by `new`.
        rational(unsafe { (*self.stream).avg_frame_rate })
    }

    /// The lowest rate at which all timestamps are whole frames.
    pub fn base_frame_rate(&self) -> Option<(i32, i32)> {
        // SAFETY: by `new`.
        rational(unsafe { (*self.stream).r_frame_rate })
    }

    /// The pixel or sample format's name.
    pub fn format(&self) -> Option<String> {
        // SAFETY: by `new`.
        let format = unsafe { (*self.par()).format };
        match self.kind() {
            _ if format < 0 => None,
            Kind::Video => compat::pixel_format_name(format),
            Kind::Audio => compat::sample_format_name(format),
            _ => None,
        }
    }

    /// Bits per color component after the pixel format, or after the codec.
    pub fn bit_depth(&self) -> Option<u8> {
        // SAFETY: by `new`; av_pix_fmt_desc_get checks the range of its number and returns a static description.
        unsafe {
            let raw = (*self.par()).bits_per_raw_sample;
            type Describe = unsafe extern "C" fn(c_int) -> *const ffi::AVPixFmtDescriptor;
            let describe: unsafe extern "C" fn(ffi::AVPixelFormat) -> *const ffi::AVPixFmtDescriptor =
                ffi::av_pix_fmt_desc_get;
            let describe = std::mem::transmute::<
                unsafe extern "C" fn(ffi::AVPixelFormat) -> *const ffi::AVPixFmtDescriptor,
                Describe,
            >(describe);
            let description = describe((*self.par()).format);
            if !description.is_null() && (*description).nb_components > 0 {
                return u8::try_from((*description).comp[0].depth).ok();
            }
            u8::try_from(raw).ok().filter(|&bits| bits > 0)
        }
    }

    /// Color as names: (space, primaries, transfer, range); unspecified is none.
    pub fn color(&self) -> [Option<String>; 4] {
        // SAFETY: by `new`.
        unsafe {
            let par = self.par();
            let stated = |value: c_int, name: fn(c_int) -> Option<String>| {
                name(value).filter(|name| !matches!(name.as_str(), "unknown" | "unspecified" | "reserved"))
            };
            [
                stated(number!((*par).color_space), compat::color_space_name),
                stated(number!((*par).color_primaries), compat::color_primaries_name),
                stated(number!((*par).color_trc), compat::color_transfer_name),
                stated(number!((*par).color_range), compat::color_range_name),
            ]
        }
    }

    /// How fields are stored, as ffprobe names it.
    pub fn field_order(&self) -> Option<&'static str> {
        // SAFETY: by `new`.
        match unsafe { number!((*self.par()).field_order) } {
            1 => Some("progressive"),
            2 => Some("tt"),
            3 => Some("bb"),
            4 => Some("tb"),
            5 => Some("bt"),
            _ => None,
        }
    }

    /// Channel count, if sensible.
    pub fn channels(&self) -> Option<u32> {
        // SAFETY: by `new`.
        u32::try_from(unsafe { (*self.par()).ch_layout.nb_channels })
            .ok()
            .filter(|&n| n > 0)
    }

    /// The channel layout's name, where the order of channels is known.
    pub fn channel_layout(&self) -> Option<String> {
        let mut buffer: [c_char; 128] = [0; 128];
        // SAFETY: by `new`; the buffer's size is passed and libav ends the text with a zero byte.
        unsafe {
            let layout = &raw const (*self.par()).ch_layout;
            if number!((*layout).order) == 0 {
                return None;
            }
            let len = ffi::av_channel_layout_describe(layout, buffer.as_mut_ptr(), buffer.len());
            if len <= 0 {
                None
            } else {
                crate::text::owned(buffer.as_ptr())
            }
        }
    }

    /// Samples per second.
    pub fn sample_rate(&self) -> Option<u32> {
        // SAFETY: by `new`.
        u32::try_from(unsafe { (*self.par()).sample_rate })
            .ok()
            .filter(|&rate| rate > 0)
    }

    /// Bits per sample as stored.
    pub fn bits_per_sample(&self) -> Option<u32> {
        // SAFETY: by `new`.
        let (raw, coded) = unsafe { ((*self.par()).bits_per_raw_sample, (*self.par()).bits_per_coded_sample) };
        [raw, coded]
            .into_iter()
            .find(|&bits| bits > 0)
            .and_then(|bits| u32::try_from(bits).ok())
    }

    /// Samples per frame, 0 if it varies or is unknown.
    pub fn frame_size(&self) -> i32 {
        // SAFETY: by `new`.
        unsafe { (*self.par()).frame_size }
    }

    /// Frames that are decoded before they show, as far as the header or the analysis tells; 0 if unknown.
    pub fn video_delay(&self) -> u32 {
        // SAFETY: by `new`.
        u32::try_from(unsafe { (*self.par()).video_delay }).unwrap_or(0)
    }

    /// Bits per second, if stated.
    pub fn bit_rate(&self) -> Option<i64> {
        // SAFETY: by `new`.
        Some(unsafe { (*self.par()).bit_rate }).filter(|&rate| rate > 0)
    }

    /// Its duration in microseconds, if known.
    pub fn duration_us(&self) -> Option<i64> {
        // SAFETY: by `new`.
        unsafe { rescale((*self.stream).duration, (*self.stream).time_base) }
    }

    /// Its duration in ticks of its time base, if known.
    pub fn duration_ticks(&self) -> Option<i64> {
        // SAFETY: by `new`.
        known(unsafe { (*self.stream).duration })
    }

    /// Its first timestamp in microseconds, if known.
    pub fn start_us(&self) -> Option<i64> {
        // SAFETY: by `new`.
        unsafe { rescale((*self.stream).start_time, (*self.stream).time_base) }
    }

    /// Seconds per tick.
    pub fn time_base(&self) -> (i32, i32) {
        // SAFETY: by `new`.
        let base = unsafe { (*self.stream).time_base };
        (base.num, base.den)
    }

    /// How many frames the container lists.
    pub fn n_frames(&self) -> Option<i64> {
        // SAFETY: by `new`.
        known(unsafe { (*self.stream).nb_frames }).filter(|&n| n > 0)
    }

    /// Whether players pick it by default.
    pub fn is_default(&self) -> bool {
        self.has(ffi::AV_DISPOSITION_DEFAULT as c_int)
    }

    /// Whether it shows in any case.
    pub fn is_forced(&self) -> bool {
        self.has(ffi::AV_DISPOSITION_FORCED as c_int)
    }

    /// Whether it is a cover.
    pub fn is_attached_picture(&self) -> bool {
        self.has(ffi::AV_DISPOSITION_ATTACHED_PIC as c_int)
    }

    fn has(&self, flag: c_int) -> bool {
        // SAFETY: by `new`.
        unsafe { (*self.stream).disposition & flag != 0 }
    }

    /// At most `max` tags.
    pub fn tags(&self, max: usize) -> Vec<(String, String)> {
        // SAFETY: by `new`.
        unsafe { dict::entries((*self.stream).metadata, max) }
    }

    /// Side data of that kind.
    pub fn side_data(&self, kind: SideData) -> Option<&'a [u8]> {
        use ffi::AVPacketSideDataType as Type;
        let kind = match kind {
            SideData::DisplayMatrix => Type::AV_PKT_DATA_DISPLAYMATRIX,
            SideData::IccProfile => Type::AV_PKT_DATA_ICC_PROFILE,
            SideData::Mastering => Type::AV_PKT_DATA_MASTERING_DISPLAY_METADATA,
            SideData::ContentLight => Type::AV_PKT_DATA_CONTENT_LIGHT_LEVEL,
            SideData::DolbyVision => Type::AV_PKT_DATA_DOVI_CONF,
            SideData::Hdr10Plus => Type::AV_PKT_DATA_DYNAMIC_HDR10_PLUS,
        };
        // SAFETY: by `new`.
        unsafe { compat::side_data(self.stream, kind) }
    }

    /// Whether the container says that its packets are encrypted.
    pub fn is_encrypted(&self) -> bool {
        // SAFETY: by `new`.
        let said =
            unsafe { compat::side_data(self.stream, ffi::AVPacketSideDataType::AV_PKT_DATA_ENCRYPTION_INIT_INFO) };
        said.is_some() || matches!(&self.codec_tag(), b"encv" | b"enca")
    }

    /// Whether the codec is a text subtitle.
    pub fn is_text(&self) -> bool {
        // SAFETY: by `new`; the description is static. An unknown number cannot come here: libav set it itself.
        unsafe {
            let description = ffi::avcodec_descriptor_get((*self.par()).codec_id);
            !description.is_null() && (*description).props & ffi::AV_CODEC_PROP_TEXT_SUB as c_int != 0
        }
    }
}

fn rational(value: ffi::AVRational) -> Option<(i32, i32)> {
    (value.num > 0 && value.den > 0).then_some((value.num, value.den))
}
