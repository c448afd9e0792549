//! People of media.

pub mod mutations;
pub mod queries;
pub mod rules;
pub mod types;
