//! What a decoded picture says of itself: size, colors, and what decoders attach to it.

use std::ffi::c_int;
use std::slice;

use ffmpeg_next::ffi;

use crate::compat::{self, number};
use crate::encode::Frame;
use crate::error::AvError;

/// The kind of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Bits of a component.
    pub depth: u32,
    /// Whether it holds red, green and blue rather than luma and chroma.
    pub is_rgb: bool,
    /// Whether it holds luma alone.
    pub is_gray: bool,
    /// Whether pixels can be transparent.
    pub has_alpha: bool,
    /// Whether the first component has a plane of its own.
    pub is_planar: bool,
}

/// How numbers mean colors, by the numbers of ISO/IEC 23091-2; none where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Colors {
    /// Which red, green and blue.
    pub primaries: Option<u8>,
    /// Which curve.
    pub transfer: Option<u8>,
    /// Which mix makes luma and chroma.
    pub matrix: Option<u8>,
    /// Whether black is 0 and white the largest number.
    pub is_full_range: Option<bool>,
}

impl Frame {
    /// Width and height in stored pixels.
    pub fn size(&self) -> (u32, u32) {
        // SAFETY: plain fields.
        unsafe { ((*self.0).width.max(0) as u32, (*self.0).height.max(0) as u32) }
    }

    /// The shape of a pixel, if it is said.
    pub fn sample_aspect_ratio(&self) -> Option<(i32, i32)> {
        // SAFETY: a plain field.
        let ratio = unsafe { (*self.0).sample_aspect_ratio };
        (ratio.num > 0 && ratio.den > 0).then_some((ratio.num, ratio.den))
    }

    /// The kind of its pixels; none if this FFmpeg does not know it.
    pub fn layout(&self) -> Option<Layout> {
        // SAFETY: descriptions are static; NULL for a number without one.
        unsafe {
            let description = compat::describe_pixels((*self.0).format);
            if description.is_null() {
                return None;
            }
            let has = |flag: u64| (*description).flags & flag != 0;
            // libav counts a palette as alpha: its entries are transparent or not.
            Some(Layout {
                depth: (*description).comp[0].depth.max(0) as u32,
                is_rgb: has(ffi::AV_PIX_FMT_FLAG_RGB as u64) || has(ffi::AV_PIX_FMT_FLAG_PAL as u64),
                is_gray: (*description).nb_components <= 2 && !has(ffi::AV_PIX_FMT_FLAG_PAL as u64),
                has_alpha: has(ffi::AV_PIX_FMT_FLAG_ALPHA as u64),
                is_planar: (*description).comp[0].step == ((*description).comp[0].depth + 7) / 8,
            })
        }
    }

    /// What its numbers mean.
    pub fn colors(&self) -> Colors {
        // 2 is "unspecified" in each of the lists, 0 "reserved" in two and RGB in the matrix.
        let stated = |value: c_int| u8::try_from(value).ok().filter(|&value| value != 2);
        // SAFETY: plain fields, read as numbers.
        unsafe {
            let range = number!((*self.0).color_range);
            // The old formats "yuvj" are full range by their name.
            let is_jpeg = compat::pixel_format_name((*self.0).format).is_some_and(|name| name.starts_with("yuvj"));
            Colors {
                primaries: stated(number!((*self.0).color_primaries)).filter(|&value| value != 0),
                transfer: stated(number!((*self.0).color_trc)).filter(|&value| value != 0),
                matrix: stated(number!((*self.0).colorspace)),
                is_full_range: match range {
                    _ if is_jpeg => Some(true),
                    1 => Some(false),
                    2 => Some(true),
                    _ => None,
                },
            }
        }
    }

    /// Its color profile after ICC, if the decoder found one.
    pub fn icc_profile(&self) -> Option<&[u8]> {
        self.side_data(ffi::AVFrameSideDataType::AV_FRAME_DATA_ICC_PROFILE)
    }

    /// The display matrix, nine 32-bit integers, if the decoder found one.
    pub fn display_matrix(&self) -> Option<&[u8]> {
        self.side_data(ffi::AVFrameSideDataType::AV_FRAME_DATA_DISPLAYMATRIX)
    }

    fn side_data(&self, kind: ffi::AVFrameSideDataType) -> Option<&[u8]> {
        // SAFETY: libav keeps that many bytes while the frame lives.
        unsafe {
            let found = ffi::av_frame_get_side_data(self.0, kind);
            (!found.is_null() && !(*found).data.is_null()).then(|| slice::from_raw_parts((*found).data, (*found).size))
        }
    }

    /// Whether decoding could start at it.
    pub fn is_key(&self) -> bool {
        // SAFETY: our own frame.
        unsafe { compat::is_key_frame(self.0) }
    }

    /// Whether the decoder met damage in it.
    pub fn is_damaged(&self) -> bool {
        let damage = (ffi::AV_FRAME_FLAG_CORRUPT) as i32;
        // SAFETY: plain fields.
        unsafe { (*self.0).flags & damage != 0 || (*self.0).decode_error_flags != 0 }
    }

    /// Another hold on the same picture, which is not copied.
    pub fn share(&self) -> Result<Self, AvError> {
        let frame = Self::empty()?;
        // SAFETY: both are ours; libav counts the references of the buffers.
        AvError::check(unsafe { ffi::av_frame_ref(frame.0, self.0) })?;
        Ok(frame)
    }

    /// The rows of a plane with so many of them, each at least so many bytes long; none past what the plane holds.
    pub fn rows(&self, plane: usize, n_rows: usize, n_bytes: usize) -> impl Iterator<Item = &[u8]> {
        assert!(plane < 4, "a frame has at most four planes that are used");
        // SAFETY: libav allocated at least linesize × height bytes for each plane; absent planes are NULL.
        let (bytes, stride): (&[u8], usize) = unsafe {
            let (data, stride) = ((*self.0).data[plane], (*self.0).linesize[plane]);
            let height = (*self.0).height.max(0) as usize;
            if data.is_null() || stride <= 0 || n_rows > height || n_bytes > stride as usize || n_rows == 0 {
                (&[], 1)
            } else {
                // The last row may end with its pixels rather than with its stride.
                let len = stride as usize * (n_rows - 1) + n_bytes;
                (slice::from_raw_parts(data, len), stride as usize)
            }
        };
        bytes.chunks(stride).map(move |row| &row[..n_bytes.min(row.len())])
    }
}
