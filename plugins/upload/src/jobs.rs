//! The jobs of this plugin.

pub mod finish;
pub mod sweep;
