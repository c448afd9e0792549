//! Pictures in HEIF (HEIC and AVIF) by libheif: grids of tiles, turned, cropped and transparent ones, none of which FFmpeg
//! 5.1 puts together.
//!
//! A dozen functions of a stable C interface are declared here by hand; the crates that wrap it ask for versions later than
//! that of Debian 12, 1.15.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::slice;

use ffmpeg_next::ffi;

use crate::encode::Frame;
use crate::error::AvError;
use crate::text;

/// A decoded picture, upright.
pub struct Picture {
    /// Red, green, blue and alpha, of 8 bits, or of 16 where more than 8 are needed to tell bright from brighter.
    pub frame: Frame,
    /// The color profile after ICC, if there is one.
    pub icc_profile: Option<Vec<u8>>,
}

/// Why a picture was not decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeifError {
    /// The picture has more pixels than are allowed.
    #[error("{0} pixels")]
    TooLarge(u64),
    /// Memory ran out.
    #[error("no memory")]
    NoMemory,
    /// The picture is of a kind that libheif does not know.
    #[error("{0}")]
    Unsupported(String),
    /// What is coded does not decode.
    #[error("the coded picture does not decode ({0})")]
    Undecodable(String),
    /// libheif's own complaint.
    #[error("{0}")]
    Invalid(String),
}

/// What a file says of its main picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// Bits of a sample, if they are stated.
    pub bit_depth: Option<u8>,
    /// libav's name of what the picture is coded in.
    pub codec: &'static str,
}

/// The facts of the main picture, which is not decoded.
pub fn facts(file: &[u8]) -> Result<Facts, HeifError> {
    let context = Context::new()?;
    let handle = context.read(file)?;
    // SAFETY: the handle lives.
    let (width, height, bits) = unsafe {
        (
            heif_image_handle_get_width(handle.0),
            heif_image_handle_get_height(handle.0),
            heif_image_handle_get_luma_bits_per_pixel(handle.0),
        )
    };
    let side = |side: c_int| u32::try_from(side).ok().filter(|&side| side > 0);
    let (Some(width), Some(height)) = (side(width), side(height)) else {
        return Err(HeifError::Invalid("a picture without pixels".to_owned()));
    };
    // The type of a coded item stands in its entry of the item information box (ISO/IEC 14496-12, 8.11.6).
    let head = &file[..file.len().min(64 << 10)];
    let has = |name: &[u8]| head.windows(4).any(|window| window == name);
    let codec = match (has(b"hvc1"), has(b"av01"), has(b"jpeg")) {
        (true, ..) => "hevc",
        (_, true, _) => "av1",
        (.., true) => "mjpeg",
        _ => "unknown",
    };
    Ok(Facts {
        width,
        height,
        bit_depth: u8::try_from(bits).ok().filter(|&bits| bits > 0),
        codec,
    })
}

/// Decodes the main picture of a file.
pub fn decode(file: &[u8], max_pixels: u64) -> Result<Picture, HeifError> {
    let context = Context::new()?;
    let handle = context.read(file)?;
    // SAFETY: the handle lives, and `file`, which libheif reads from, longer.
    let (width, height) = unsafe {
        (
            heif_image_handle_get_width(handle.0),
            heif_image_handle_get_height(handle.0),
        )
    };
    let pixels = u64::from(width.max(0) as u32) * u64::from(height.max(0) as u32);
    if pixels == 0 {
        return Err(HeifError::Invalid("a picture without pixels".to_owned()));
    }
    if pixels > max_pixels {
        return Err(HeifError::TooLarge(pixels));
    }
    let colors = handle.colors();
    // SAFETY: the handle lives.
    let is_deep = unsafe { heif_image_handle_get_luma_bits_per_pixel(handle.0) } > 8;
    // 16 is ST 2084, 18 hybrid log-gamma (ISO/IEC 23091-2).
    let is_hdr = is_deep && colors.is_some_and(|colors| matches!(colors.1, 16 | 18));
    let image = handle.decode(is_hdr)?;
    let frame = image.to_frame(is_hdr)?;
    if let Some((primaries, transfer)) = colors {
        // SAFETY: our own frame. The numbers are written as numbers; whoever reads them reads them so.
        unsafe {
            ptr::addr_of_mut!((*frame.0).color_primaries)
                .cast::<c_int>()
                .write(primaries);
            ptr::addr_of_mut!((*frame.0).color_trc).cast::<c_int>().write(transfer);
        }
    }
    Ok(Picture {
        frame,
        icc_profile: handle.icc_profile(),
    })
}

struct Context(*mut c_void);

impl Context {
    fn new() -> Result<Self, HeifError> {
        // SAFETY: allocates.
        let context = unsafe { heif_context_alloc() };
        if context.is_null() {
            return Err(HeifError::NoMemory);
        }
        // SAFETY: our own context. Tiles are decoded one after the other: other files keep other processors busy.
        unsafe { heif_context_set_max_decoding_threads(context, 0) };
        Ok(Self(context))
    }

    fn read<'a>(&'a self, file: &'a [u8]) -> Result<Handle<'a>, HeifError> {
        let mut handle = ptr::null_mut();
        // SAFETY: the bytes outlive the handle by its lifetime; libheif sets the pointer on success.
        unsafe {
            check(heif_context_read_from_memory_without_copy(
                self.0,
                file.as_ptr().cast(),
                file.len(),
                ptr::null(),
            ))?;
            check(heif_context_get_primary_image_handle(self.0, &mut handle))?;
        }
        Ok(Handle(handle, std::marker::PhantomData))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { heif_context_free(self.0) }
    }
}

struct Handle<'a>(*mut c_void, std::marker::PhantomData<&'a [u8]>);

impl Handle<'_> {
    /// Primaries and transfer by their numbers, if they are stated.
    fn colors(&self) -> Option<(c_int, c_int)> {
        let mut profile: *mut Nclx = ptr::null_mut();
        // SAFETY: libheif allocates the profile on success, and we free it.
        unsafe {
            check(heif_image_handle_get_nclx_color_profile(self.0, &mut profile)).ok()?;
            if profile.is_null() {
                return None;
            }
            let colors = ((*profile).primaries, (*profile).transfer);
            heif_nclx_color_profile_free(profile);
            Some(colors)
        }
    }

    fn icc_profile(&self) -> Option<Vec<u8>> {
        // SAFETY: the buffer has the size that libheif says it fills.
        unsafe {
            let size = heif_image_handle_get_raw_color_profile_size(self.0);
            if !(128..=16 << 20).contains(&size) {
                return None;
            }
            let mut profile = vec![0u8; size];
            check(heif_image_handle_get_raw_color_profile(
                self.0,
                profile.as_mut_ptr().cast(),
            ))
            .ok()?;
            Some(profile)
        }
    }

    fn decode(&self, is_hdr: bool) -> Result<Image, HeifError> {
        let chroma = if is_hdr { RGBA_DEEP } else { RGBA };
        let mut image = ptr::null_mut();
        // SAFETY: libheif sets the pointer on success.
        unsafe { check(heif_decode_image(self.0, &mut image, RGB, chroma, ptr::null()))? };
        Ok(Image(image))
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { heif_image_handle_release(self.0) }
    }
}

struct Image(*mut c_void);

impl Image {
    fn to_frame(&self, is_deep: bool) -> Result<Frame, HeifError> {
        // SAFETY: libheif keeps that many rows of that many bytes while the image lives.
        unsafe {
            let mut stride: c_int = 0;
            let data = heif_image_get_plane_readonly(self.0, INTERLEAVED, &mut stride);
            let (width, height) = (
                heif_image_get_width(self.0, INTERLEAVED),
                heif_image_get_height(self.0, INTERLEAVED),
            );
            let bytes = if is_deep { 8 } else { 4 };
            let is_sound = width > 0 && height > 0 && stride >= width.saturating_mul(bytes);
            if data.is_null() || !is_sound {
                return Err(HeifError::Invalid("a picture without content".to_owned()));
            }
            let bits = heif_image_get_bits_per_pixel_range(self.0, INTERLEAVED).clamp(8, 16);
            let (width, height, stride) = (width as usize, height as usize, stride as usize);
            let mut frame = frame(width, height, is_deep)?;
            let (to, to_stride) = frame.plane(0, height);
            for (y, to) in to.chunks_exact_mut(to_stride).enumerate() {
                let row = slice::from_raw_parts(data.add(y * stride), width * bytes as usize);
                if !is_deep {
                    to[..row.len()].copy_from_slice(row);
                    continue;
                }
                for (to, from) in to.chunks_exact_mut(2).zip(row.chunks_exact(2)) {
                    let value = u32::from(u16::from_le_bytes([from[0], from[1]]));
                    let full = value * 65_535 / ((1 << bits) - 1);
                    to.copy_from_slice(&(full.min(65_535) as u16).to_le_bytes());
                }
            }
            Ok(frame)
        }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { heif_image_release(self.0) }
    }
}

fn frame(width: usize, height: usize, is_deep: bool) -> Result<Frame, HeifError> {
    let frame = Frame::empty().map_err(|_| HeifError::NoMemory)?;
    // SAFETY: a fresh frame of ours; get_buffer checks the sizes.
    unsafe {
        (*frame.0).format = if is_deep {
            ffi::AVPixelFormat::AV_PIX_FMT_RGBA64LE
        } else {
            ffi::AVPixelFormat::AV_PIX_FMT_RGBA
        } as i32;
        (*frame.0).width = width as i32;
        (*frame.0).height = height as i32;
        match AvError::check(ffi::av_frame_get_buffer(frame.0, 0)) {
            Ok(_) => Ok(frame),
            Err(AvError::NO_MEMORY) => Err(HeifError::NoMemory),
            Err(error) => Err(HeifError::Invalid(error.text())),
        }
    }
}

fn check(error: Error) -> Result<(), HeifError> {
    match error.code {
        0 => Ok(()),
        MEMORY => Err(HeifError::NoMemory),
        code => {
            // SAFETY: libheif always gives a static text.
            let complaint = unsafe { text::owned(error.message) }.unwrap_or_default();
            Err(match code {
                UNSUPPORTED_FILE | UNSUPPORTED_FEATURE => HeifError::Unsupported(complaint),
                DECODER => HeifError::Undecodable(complaint),
                _ => HeifError::Invalid(complaint),
            })
        }
    }
}

/// `heif_error_Unsupported_filetype`.
const UNSUPPORTED_FILE: c_int = 3;
/// `heif_error_Unsupported_feature`.
const UNSUPPORTED_FEATURE: c_int = 4;
/// `heif_error_Decoder_plugin_error`.
const DECODER: c_int = 7;
/// `heif_error_Memory_allocation_error`.
const MEMORY: c_int = 6;
/// `heif_colorspace_RGB`.
const RGB: c_int = 1;
/// `heif_chroma_interleaved_RGBA`.
const RGBA: c_int = 11;
/// `heif_chroma_interleaved_RRGGBBAA_LE`.
const RGBA_DEEP: c_int = 15;
/// `heif_channel_interleaved`.
const INTERLEAVED: c_int = 10;

/// `struct heif_error`.
#[repr(C)]
struct Error {
    code: c_int,
    subcode: c_int,
    message: *const c_char,
}

/// The beginning of `struct heif_color_profile_nclx`, which libheif allocates.
#[repr(C)]
struct Nclx {
    version: u8,
    primaries: c_int,
    transfer: c_int,
}

#[link(name = "heif")]
unsafe extern "C" {
    fn heif_context_alloc() -> *mut c_void;
    fn heif_context_free(context: *mut c_void);
    fn heif_context_set_max_decoding_threads(context: *mut c_void, n: c_int);
    fn heif_context_read_from_memory_without_copy(
        context: *mut c_void,
        bytes: *const c_void,
        len: usize,
        options: *const c_void,
    ) -> Error;
    fn heif_context_get_primary_image_handle(context: *mut c_void, handle: *mut *mut c_void) -> Error;
    fn heif_image_handle_release(handle: *const c_void);
    fn heif_image_handle_get_width(handle: *const c_void) -> c_int;
    fn heif_image_handle_get_height(handle: *const c_void) -> c_int;
    fn heif_image_handle_get_luma_bits_per_pixel(handle: *const c_void) -> c_int;
    fn heif_image_handle_get_raw_color_profile_size(handle: *const c_void) -> usize;
    fn heif_image_handle_get_raw_color_profile(handle: *const c_void, to: *mut c_void) -> Error;
    fn heif_image_handle_get_nclx_color_profile(handle: *const c_void, to: *mut *mut Nclx) -> Error;
    fn heif_nclx_color_profile_free(profile: *mut Nclx);
    fn heif_decode_image(
        handle: *const c_void,
        image: *mut *mut c_void,
        colorspace: c_int,
        chroma: c_int,
        options: *const c_void,
    ) -> Error;
    fn heif_image_release(image: *const c_void);
    fn heif_image_get_width(image: *const c_void, channel: c_int) -> c_int;
    fn heif_image_get_height(image: *const c_void, channel: c_int) -> c_int;
    fn heif_image_get_bits_per_pixel_range(image: *const c_void, channel: c_int) -> c_int;
    fn heif_image_get_plane_readonly(image: *const c_void, channel: c_int, stride: *mut c_int) -> *const u8;
}
