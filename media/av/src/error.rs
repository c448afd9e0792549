//! libav's error numbers as values that say what happened.

use std::ffi::{CStr, c_char, c_int};

use ffmpeg_next::ffi;

/// An error number of libav.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct AvError(pub c_int);

impl AvError {
    /// Turns a return value into a result: negative is an error.
    pub(crate) fn check(code: c_int) -> Result<c_int, Self> {
        if code < 0 { Err(Self(code)) } else { Ok(code) }
    }

    /// Memory ran out, or an allocation went past the limit.
    pub const NO_MEMORY: Self = Self(-libc::ENOMEM);

    /// libav's text for it.
    pub fn text(self) -> String {
        // libav's old code returns −1 where it has nothing to say; nobody was forbidden anything.
        if self.0 == -1 {
            return "libav gave up without a reason".to_owned();
        }
        let mut buffer: [c_char; 128] = [0; 128];
        // SAFETY: the buffer's true size is passed, and libav always ends the text with a zero byte.
        unsafe {
            ffi::av_strerror(self.0, buffer.as_mut_ptr(), buffer.len());
            CStr::from_ptr(buffer.as_ptr()).to_string_lossy().into_owned()
        }
    }

    /// The operating system's error number behind it, if it is one.
    pub fn os_error(self) -> Option<i32> {
        // libav's own errors are negated four-character tags, far beyond any error number.
        let number = self.0.checked_neg()?;
        (1..4096).contains(&number).then_some(number)
    }

    /// Whether this is the regular end of a file or of a codec's output.
    pub fn is_end(self) -> bool {
        self.0 == ffi::AVERROR_EOF
    }

    /// Whether a codec wants input before it gives more output.
    pub fn is_again(self) -> bool {
        self.0 == -libc::EAGAIN
    }

    /// Whether the data itself is at fault.
    pub fn is_invalid_data(self) -> bool {
        self.0 == ffi::AVERROR_INVALIDDATA
    }

    /// Whether our own reader stopped the work.
    pub fn is_stopped(self) -> bool {
        self.0 == ffi::AVERROR_EXIT
    }
}
