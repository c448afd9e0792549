//! C strings from and to libav.

use std::ffi::{CStr, CString, c_char};

/// A borrowed C string as valid UTF-8, none for NULL.
///
/// # Safety
/// `text` is NULL or points to a zero-terminated string that lives during the call.
pub(crate) unsafe fn owned(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not NULL, and zero-terminated by the caller's promise.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// A text for libav; a zero byte inside ends it early, as it would in C.
pub(crate) fn c_text(text: &str) -> CString {
    let bytes: Vec<u8> = text.bytes().take_while(|&byte| byte != 0).collect();
    CString::new(bytes).unwrap_or_default()
}
