//! The jobs of this plugin.

pub mod hash;
pub mod keyframes;
pub mod library;
