//! What differs between the FFmpeg versions we compile against, 5.1 to 9, and enums read without trusting them.
//!
//! A C enum may hold any number, and some of these come straight from a file; as a Rust enum an unknown one would be
//! undefined behavior. So fields are read, and name functions called, as plain integers, which is the same call in C.

use std::ffi::{c_char, c_int};
use std::slice;

use ffmpeg_next::ffi;

/// Reads an enum field as the number it is.
macro_rules! number {
    ($place:expr) => {
        // SAFETY: C enums have the size of an int; the caller vouches for the pointer.
        std::ptr::addr_of!($place).cast::<std::ffi::c_int>().read()
    };
}
pub(crate) use number;

type NameOf = unsafe extern "C" fn(c_int) -> *const c_char;

/// Calls a libav function from an enum to a static name with any number.
macro_rules! name_of {
    ($rust:ident, $function:path, $enum:path) => {
        pub(crate) fn $rust(value: c_int) -> Option<String> {
            // SAFETY: an enum argument is passed as an int; libav checks its range and returns static strings or NULL.
            unsafe {
                let function: unsafe extern "C" fn($enum) -> *const c_char = $function;
                let function = std::mem::transmute::<unsafe extern "C" fn($enum) -> *const c_char, NameOf>(function);
                crate::text::owned(function(value))
            }
        }
    };
}

name_of!(codec_name, ffi::avcodec_get_name, ffi::AVCodecID);
name_of!(pixel_format_name, ffi::av_get_pix_fmt_name, ffi::AVPixelFormat);
name_of!(sample_format_name, ffi::av_get_sample_fmt_name, ffi::AVSampleFormat);
name_of!(color_space_name, ffi::av_color_space_name, ffi::AVColorSpace);
name_of!(
    color_primaries_name,
    ffi::av_color_primaries_name,
    ffi::AVColorPrimaries
);
name_of!(
    color_transfer_name,
    ffi::av_color_transfer_name,
    ffi::AVColorTransferCharacteristic
);
name_of!(color_range_name, ffi::av_color_range_name, ffi::AVColorRange);

/// The name of a codec's profile.
pub(crate) fn profile_name(codec: c_int, profile: c_int) -> Option<String> {
    type ProfileName = unsafe extern "C" fn(c_int, c_int) -> *const c_char;
    // SAFETY: as for `name_of`.
    unsafe {
        let function: unsafe extern "C" fn(ffi::AVCodecID, c_int) -> *const c_char = ffi::avcodec_profile_name;
        let function =
            std::mem::transmute::<unsafe extern "C" fn(ffi::AVCodecID, c_int) -> *const c_char, ProfileName>(function);
        crate::text::owned(function(codec, profile))
    }
}

/// Side data of a stream, by its kind.
///
/// # Safety
/// `stream` is a live stream with codec parameters.
#[cfg(not(ffmpeg_6_1))]
pub(crate) unsafe fn side_data<'a>(stream: *const ffi::AVStream, kind: ffi::AVPacketSideDataType) -> Option<&'a [u8]> {
    let mut size = 0usize;
    // SAFETY: the stream lives; the returned memory lives as long as it.
    unsafe {
        let data = ffi::av_stream_get_side_data(stream, kind, &mut size);
        (!data.is_null()).then(|| slice::from_raw_parts(data, size))
    }
}

/// Side data of a stream, by its kind.
///
/// # Safety
/// `stream` is a live stream with codec parameters.
#[cfg(ffmpeg_6_1)]
pub(crate) unsafe fn side_data<'a>(stream: *const ffi::AVStream, kind: ffi::AVPacketSideDataType) -> Option<&'a [u8]> {
    // SAFETY: the stream lives, and so do its parameters and their side data.
    unsafe {
        let par = (*stream).codecpar;
        let found = ffi::av_packet_side_data_get((*par).coded_side_data, (*par).nb_coded_side_data, kind);
        (!found.is_null()).then(|| slice::from_raw_parts((*found).data, (*found).size))
    }
}

/// Space for side data of an output stream.
///
/// # Safety
/// `stream` is a live stream with codec parameters.
pub(crate) unsafe fn new_side_data<'a>(
    stream: *mut ffi::AVStream,
    kind: ffi::AVPacketSideDataType,
    size: usize,
) -> Option<&'a mut [u8]> {
    // SAFETY: libav allocates `size` bytes that live as long as the stream.
    unsafe {
        #[cfg(not(ffmpeg_6_1))]
        let data = ffi::av_stream_new_side_data(stream, kind, size);
        #[cfg(ffmpeg_6_1)]
        let data = {
            let par = (*stream).codecpar;
            let added = ffi::av_packet_side_data_new(
                &mut (*par).coded_side_data,
                &mut (*par).nb_coded_side_data,
                kind,
                size,
                0,
            );
            if added.is_null() {
                std::ptr::null_mut()
            } else {
                (*added).data
            }
        };
        (!data.is_null()).then(|| slice::from_raw_parts_mut(data, size))
    }
}

/// The pointer that a write callback gets: libav made it constant in 7.0.
#[cfg(not(ffmpeg_7_0))]
pub(crate) type WriteBuffer = *mut u8;
#[cfg(ffmpeg_7_0)]
pub(crate) type WriteBuffer = *const u8;

/// How long a frame lasts, in ticks: 5.1 has it under another name than later versions.
///
/// # Safety
/// `frame` is a live frame.
pub(crate) unsafe fn frame_duration(frame: *const ffi::AVFrame) -> i64 {
    // SAFETY: plain fields.
    unsafe {
        #[cfg(not(ffmpeg_6_1))]
        return (*frame).pkt_duration;
        #[cfg(ffmpeg_6_1)]
        return (*frame).duration;
    }
}

/// Whether decoding can start at a frame: a field in 5.1, a flag later.
///
/// # Safety
/// `frame` is a live frame.
pub(crate) unsafe fn is_key_frame(frame: *const ffi::AVFrame) -> bool {
    // SAFETY: plain fields.
    unsafe {
        #[cfg(not(ffmpeg_6_1))]
        return (*frame).key_frame != 0;
        #[cfg(ffmpeg_6_1)]
        return (*frame).flags & ffi::AV_FRAME_FLAG_KEY as i32 != 0;
    }
}

/// libav's description of a pixel format, NULL for a number without one.
pub(crate) fn describe_pixels(format: c_int) -> *const ffi::AVPixFmtDescriptor {
    type Describe = unsafe extern "C" fn(c_int) -> *const ffi::AVPixFmtDescriptor;
    // SAFETY: as for `name_of`.
    unsafe {
        let describe: unsafe extern "C" fn(ffi::AVPixelFormat) -> *const ffi::AVPixFmtDescriptor =
            ffi::av_pix_fmt_desc_get;
        let describe = std::mem::transmute::<
            unsafe extern "C" fn(ffi::AVPixelFormat) -> *const ffi::AVPixFmtDescriptor,
            Describe,
        >(describe);
        describe(format)
    }
}

/// libav's number of the channel at that place of a layout: an enum that may hold any number.
///
/// # Safety
/// `layout` is a live layout.
pub(crate) unsafe fn channel_at(layout: *const ffi::AVChannelLayout, index: u32) -> c_int {
    type ChannelAt = unsafe extern "C" fn(*const ffi::AVChannelLayout, u32) -> c_int;
    // SAFETY: as for `name_of`.
    unsafe {
        let function: unsafe extern "C" fn(*const ffi::AVChannelLayout, u32) -> ffi::AVChannel =
            ffi::av_channel_layout_channel_from_index;
        let function = std::mem::transmute::<
            unsafe extern "C" fn(*const ffi::AVChannelLayout, u32) -> ffi::AVChannel,
            ChannelAt,
        >(function);
        function(layout, index)
    }
}

/// A sample format by its number, none for one that FFmpeg 5.1 does not know.
pub(crate) fn sample_format(format: c_int) -> Option<ffi::AVSampleFormat> {
    use ffi::AVSampleFormat as Format;
    Some(match format {
        0 => Format::AV_SAMPLE_FMT_U8,
        1 => Format::AV_SAMPLE_FMT_S16,
        2 => Format::AV_SAMPLE_FMT_S32,
        3 => Format::AV_SAMPLE_FMT_FLT,
        4 => Format::AV_SAMPLE_FMT_DBL,
        5 => Format::AV_SAMPLE_FMT_U8P,
        6 => Format::AV_SAMPLE_FMT_S16P,
        7 => Format::AV_SAMPLE_FMT_S32P,
        8 => Format::AV_SAMPLE_FMT_FLTP,
        9 => Format::AV_SAMPLE_FMT_DBLP,
        10 => Format::AV_SAMPLE_FMT_S64,
        11 => Format::AV_SAMPLE_FMT_S64P,
        _ => return None,
    })
}
