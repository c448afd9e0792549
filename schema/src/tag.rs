//! Tags of media.

pub mod fresh;
pub mod graph;
pub mod mutations;
pub mod queries;
pub mod rules;
pub mod types;
