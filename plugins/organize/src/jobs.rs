//! The jobs of this plugin.

pub mod bulk;
pub mod retain;
pub mod undo;
