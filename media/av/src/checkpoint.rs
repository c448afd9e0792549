//! What libav asks while it works: whether to go on. The program says it by a function that it installs once.

use std::sync::OnceLock;

static HOOK: OnceLock<fn() -> bool> = OnceLock::new();

/// Installs the function that every read of a file and every poll of libav calls: it returns whether to go on. It must be
/// quick and must not panic, and any thread may call it. A second one is ignored.
pub fn install(hook: fn() -> bool) {
    // The first stays: there is one job at a time in a process, and one hook for all of them.
    let _ = HOOK.set(hook);
}

pub(crate) fn goes_on() -> bool {
    HOOK.get().is_none_or(|hook| hook())
}
