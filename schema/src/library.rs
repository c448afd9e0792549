//! Libraries: folders that are scanned together.

pub mod codes;
pub mod feed;
pub mod mutations;
pub mod own;
pub mod paths;
pub mod queries;
pub mod rules;
pub mod subscriptions;
pub mod types;
