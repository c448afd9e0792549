//! What the installed FFmpeg is and can do, and its process-wide settings.

use std::ffi::{c_uint, c_void};
use std::ptr;

use ffmpeg_next::ffi;

use crate::text;

/// FFmpeg's version text, such as `5.1.9-0+deb12u1`.
pub fn version() -> String {
    // SAFETY: a static string.
    unsafe { text::owned(ffi::av_version_info()) }.unwrap_or_default()
}

/// The versions of the libraries in use.
pub fn libraries() -> Vec<(String, String)> {
    let dotted = |v: c_uint| format!("{}.{}.{}", v >> 16, (v >> 8) & 0xff, v & 0xff);
    // SAFETY: these only return numbers.
    let versions = unsafe { [ffi::avformat_version(), ffi::avcodec_version(), ffi::avutil_version()] };
    let names = ["libavformat", "libavcodec", "libavutil"];
    names
        .into_iter()
        .zip(versions)
        .map(|(name, version)| (name.to_owned(), dotted(version)))
        .collect()
}

/// How FFmpeg was configured.
pub fn configuration() -> String {
    // SAFETY: a static string.
    unsafe { text::owned(ffi::avcodec_configuration()) }.unwrap_or_default()
}

/// Names of all (encoders, decoders).
pub fn codecs() -> (Vec<String>, Vec<String>) {
    let (mut encoders, mut decoders) = (Vec::new(), Vec::new());
    let mut opaque: *mut c_void = ptr::null_mut();
    loop {
        // SAFETY: the iteration state starts as NULL and is libav's own; codecs are static.
        unsafe {
            let codec = ffi::av_codec_iterate(&mut opaque);
            if codec.is_null() {
                return (encoders, decoders);
            }
            let name = text::owned((*codec).name).unwrap_or_default();
            let list = if ffi::av_codec_is_encoder(codec) != 0 {
                &mut encoders
            } else {
                &mut decoders
            };
            list.push(name);
        }
    }
}

/// Lets libav log errors to standard error and nothing else.
pub fn log_errors_only() {
    // SAFETY: sets a number.
    unsafe { ffi::av_log_set_level(ffi::AV_LOG_ERROR) }
}

/// Bounds each single allocation of libav, in bytes.
pub fn limit_allocation(bytes: u64) {
    // SAFETY: sets a number.
    unsafe { ffi::av_max_alloc(bytes as usize) }
}
