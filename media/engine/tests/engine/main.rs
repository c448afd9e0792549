//! The engine against files that break workers, workers that lie, and a sandbox that must hold.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "it panics, skips, and runs itself"
)]

mod cancel;
mod classes;
mod faults;
mod hostile;
mod kit;
mod leaks;
mod quarantine;
mod sandbox;
