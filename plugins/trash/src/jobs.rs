//! The jobs of this plugin.

pub mod empty;
