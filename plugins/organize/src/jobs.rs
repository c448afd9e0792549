//! The jobs of this plugin.

pub mod autotag;
pub mod bulk;
pub mod galleries;
pub mod retain;
pub mod rule;
pub mod undo;
