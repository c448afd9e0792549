//! Scaling and conversion of pictures by libswscale, with contexts kept for pictures of the same kind.

use std::ffi::c_int;

use ffmpeg_next::ffi;

use crate::encode::Frame;
use crate::error::AvError;

/// How pixels are made from several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// libav's usual one.
    Bicubic,
    /// The usual one, with rounding exact: for pictures that people look at.
    Even,
    /// The same with chroma kept at full width, at twice the cost: for pictures stored so.
    Fine,
    /// Half as many taps: for small and many.
    Bilinear,
}

/// How luma and chroma were mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// The matrix, by the numbers of ISO/IEC 23091-2; unknown numbers count as BT.601.
    pub matrix: u8,
    /// Whether black is 0.
    pub is_full_range: bool,
}

impl Mix {
    /// What JPEG prescribes (JFIF 1.02).
    pub const JPEG: Self = Self {
        matrix: 6,
        is_full_range: true,
    };
    /// BT.709 as television carries it.
    pub const BT709: Self = Self {
        matrix: 1,
        is_full_range: false,
    };
}

/// Scales pictures of one kind to pictures of another; a change of either sets it up anew.
pub struct Scaler {
    context: *mut ffi::SwsContext,
    filter: Filter,
    setup: Option<Setup>,
}

#[derive(PartialEq, Eq)]
struct Setup {
    from: (c_int, c_int, c_int),
    to: (c_int, c_int, c_int),
    from_mix: Mix,
    to_mix: Mix,
}

impl Scaler {
    /// A scaler that is set up by its first picture.
    pub fn new(filter: Filter) -> Self {
        Self {
            context: std::ptr::null_mut(),
            filter,
            setup: None,
        }
    }

    /// Fills `to`, whose size and pixels say what is wanted. The mixes matter where a side holds luma and chroma.
    pub fn scale(&mut self, from: &Frame, from_mix: Mix, to: &mut Frame, to_mix: Mix) -> Result<(), AvError> {
        // SAFETY: plain fields of frames that live.
        let kind = |frame: &Frame| unsafe { ((*frame.0).format, (*frame.0).width, (*frame.0).height) };
        let setup = Setup {
            from: kind(from),
            to: kind(to),
            from_mix,
            to_mix,
        };
        if self.setup.as_ref() != Some(&setup) {
            self.set_up(&setup)?;
            self.setup = Some(setup);
        }
        // SAFETY: the context fits both frames, as it was set up for their kind; libav reads and writes within them.
        let scaled = unsafe {
            ffi::sws_scale(
                self.context,
                (*from.0).data.as_ptr().cast(),
                (*from.0).linesize.as_ptr(),
                0,
                (*from.0).height,
                (*to.0).data.as_ptr(),
                (*to.0).linesize.as_ptr(),
            )
        };
        AvError::check(scaled)?;
        Ok(())
    }

    fn set_up(&mut self, setup: &Setup) -> Result<(), AvError> {
        self.setup = None;
        let flags = match self.filter {
            Filter::Bicubic => ffi::SWS_BICUBIC,
            Filter::Even => ffi::SWS_BICUBIC | ffi::SWS_ACCURATE_RND,
            Filter::Fine => ffi::SWS_BICUBIC | ffi::SWS_ACCURATE_RND | ffi::SWS_FULL_CHR_H_INT,
            Filter::Bilinear => ffi::SWS_BILINEAR,
        };
        // SAFETY: the context is ours; formats go in as numbers, which libav checks.
        unsafe {
            ffi::sws_freeContext(self.context);
            self.context = ffi::sws_alloc_context();
            if self.context.is_null() {
                return Err(AvError::NO_MEMORY);
            }
            let options = [
                (c"srcw", setup.from.1),
                (c"srch", setup.from.2),
                (c"src_format", setup.from.0),
                (c"src_range", c_int::from(setup.from_mix.is_full_range)),
                (c"dstw", setup.to.1),
                (c"dsth", setup.to.2),
                (c"dst_format", setup.to.0),
                (c"dst_range", c_int::from(setup.to_mix.is_full_range)),
                (c"sws_flags", flags as c_int),
            ];
            for (name, value) in options {
                AvError::check(ffi::av_opt_set_int(
                    self.context.cast(),
                    name.as_ptr(),
                    i64::from(value),
                    0,
                ))?;
            }
            AvError::check(ffi::sws_init_context(
                self.context,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            ))?;
            // Formats without luma and chroma give -1, which is no error: there is nothing to set.
            ffi::sws_setColorspaceDetails(
                self.context,
                coefficients(setup.from_mix),
                c_int::from(setup.from_mix.is_full_range),
                coefficients(setup.to_mix),
                c_int::from(setup.to_mix.is_full_range),
                0,
                1 << 16,
                1 << 16,
            );
        }
        Ok(())
    }
}

/// libswscale's numbers of matrices are those of the standard where it knows them.
unsafe fn coefficients(mix: Mix) -> *const c_int {
    // SAFETY: static tables; other numbers give the default.
    unsafe { ffi::sws_getCoefficients(c_int::from(mix.matrix)) }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        // SAFETY: ours, or NULL.
        unsafe { ffi::sws_freeContext(self.context) }
    }
}
