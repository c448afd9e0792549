//! What libav asks while it works: whether to go on. The program says it by a function that it installs once.

use std::sync::OnceLock;

/// Answers whether to go on; told where in the file it is read, and how long the file is, in bytes, or nothing.
pub type Hook = fn(Option<(u64, u64)>) -> bool;

static HOOK: OnceLock<Hook> = OnceLock::new();

/// Installs the function that every read of a file and every poll of libav calls. It must be quick and must not panic, and
/// any thread may call it. A second one is ignored.
pub fn install(hook: Hook) {
    // The first stays: there is one job at a time in a process, and one hook for all of them.
    let _ = HOOK.set(hook);
}

pub(crate) fn goes_on(place: Option<(u64, u64)>) -> bool {
    HOOK.get().is_none_or(|hook| hook(place))
}
