//! libav behind safe types: the only place with `unsafe` for FFmpeg.
//!
//! Each type owns one libav object and frees it on drop. Input comes from a descriptor through our own reader and can
//! never open anything else; see [`input`]. What differs between FFmpeg 5.1 and later versions sits in `compat`.
#![allow(unsafe_code, reason = "this crate is the boundary to the C libraries of FFmpeg")]
#![allow(
    clippy::unnecessary_cast,
    reason = "constants change their integer type between versions of FFmpeg's headers"
)]

pub mod checkpoint;
mod compat;
pub mod decode;
pub mod device;
mod dict;
pub mod encode;
pub mod error;
pub mod facts;
pub mod film;
pub mod fragment;
pub mod graph;
pub mod hardware;
pub mod heif;
pub mod input;
mod io;
pub mod mux;
pub mod packets;
pub mod picture;
pub mod resample;
pub mod scale;
pub mod sound;
pub mod splice;
pub mod stream;
pub mod subtitle;
mod text;
