//! The kinds of jobs of this plugin.

pub mod connection;
pub mod record;
