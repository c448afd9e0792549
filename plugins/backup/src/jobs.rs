//! The jobs of this plugin.

pub mod back_up;
