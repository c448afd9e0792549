//! The jobs of this plugin.

pub mod download;
pub mod finish;
pub mod sweep;
