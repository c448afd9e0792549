//! What this plugin does in the background.

pub mod generate;
pub mod sweep;
