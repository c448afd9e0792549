//! What this plugin does in the background.

pub mod read;
