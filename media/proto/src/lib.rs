//! What the server and the media worker say to each other: jobs, replies, errors, limits and the framing on the socket.
//!
//! Both sides link this crate, so it must stay small and free of libav. A worker parses hostile files and is treated as
//! hostile itself: everything it sends is capped and checked here before the server looks at it.

pub mod calibration;
pub mod capture;
pub mod clip;
pub mod control;
pub mod copy;
pub mod error;
pub mod fault;
pub mod foreign;
pub mod grid;
pub mod hardware;
pub mod head;
pub mod job;
pub mod keyframes;
pub mod message;
pub mod probe;
pub mod rendition;
pub mod subtitle;
pub mod survey;
pub mod synthetic;
pub mod transcode;
pub mod wire;

/// The protocol spoken; both sides must agree exactly, since the two binaries are always built and shipped together.
pub const PROTOCOL: u32 = 8;

/// The one argument of the worker program: makes it a single worker for [`Job::Hardware`](job::Job::Hardware).
pub const HARDWARE_ARGUMENT: &str = "hardware";

/// The longest frame either side accepts on a socket, in bytes. Longer results travel as sealed memory files.
pub const MAX_FRAME: usize = 64 * 1024;

/// From this size up, in bytes, a reply is a sealed memory file rather than a frame.
pub const INLINE_REPLY: usize = 16 * 1024;

/// The longest reply the server reads out of a memory file before decoding it, in bytes.
pub const MAX_REPLY: usize = 4 * 1024 * 1024;

/// The most descriptors one frame may carry.
pub const MAX_DESCRIPTORS: usize = 4;
