//! The work of this plugin.

pub mod clip;
pub mod markers;
pub mod rendition;
pub mod sweep;
pub mod watched;
