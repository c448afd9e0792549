//! Options and tags: libav's dictionary, owned.

use std::ptr;

use ffmpeg_next::ffi;

use crate::error::AvError;
use crate::text;

/// An owned dictionary.
pub(crate) struct Dict(pub *mut ffi::AVDictionary);

impl Dict {
    pub(crate) fn new() -> Self {
        Self(ptr::null_mut())
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<(), AvError> {
        let (key, value) = (text::c_text(key), text::c_text(value));
        // SAFETY: libav copies both strings; the pointer is NULL or a dictionary that we own.
        AvError::check(unsafe { ffi::av_dict_set(&mut self.0, key.as_ptr(), value.as_ptr(), 0) })?;
        Ok(())
    }

    /// Gives up ownership, for a field that libav frees.
    pub(crate) fn into_raw(mut self) -> *mut ffi::AVDictionary {
        std::mem::replace(&mut self.0, ptr::null_mut())
    }

    /// The options that nobody took. libav ignores a misspelled option silently; we do not.
    pub(crate) fn leftover(&self) -> Option<String> {
        // SAFETY: we own the dictionary.
        unsafe { entries(self.0, 1) }.into_iter().next().map(|(key, _)| key)
    }
}

impl Drop for Dict {
    fn drop(&mut self) {
        // SAFETY: we own it; libav sets the pointer to NULL.
        unsafe { ffi::av_dict_free(&mut self.0) }
    }
}

/// At most `max` entries of a dictionary, in its order.
///
/// # Safety
/// `dictionary` is NULL or a live dictionary.
pub(crate) unsafe fn entries(dictionary: *const ffi::AVDictionary, max: usize) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut entry: *const ffi::AVDictionaryEntry = ptr::null();
    while found.len() < max {
        // SAFETY: an empty key with IGNORE_SUFFIX walks all entries; `entry` is NULL or from the call before.
        unsafe {
            entry = ffi::av_dict_get(dictionary, c"".as_ptr(), entry, ffi::AV_DICT_IGNORE_SUFFIX as i32);
            if entry.is_null() {
                break;
            }
            let key = text::owned((*entry).key).unwrap_or_default();
            let value = text::owned((*entry).value).unwrap_or_default();
            found.push((key, value));
        }
    }
    found
}
