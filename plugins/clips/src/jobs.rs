//! The work of this plugin.

pub mod clip;
pub mod rendition;
pub mod watched;
