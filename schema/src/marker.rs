//! Markers: places and stretches in videos and sounds, with tags.

pub mod mutations;
pub mod queries;
pub mod rules;
pub mod types;
