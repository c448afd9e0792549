//! Filters that accounts keep: typed, versioned, and checked both when they are saved and when they are opened.

pub mod mutations;
pub mod queries;
pub mod rules;
pub mod types;
