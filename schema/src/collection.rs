//! Collections and galleries: items in an order that somebody chose, or whatever a filter finds.

pub mod items;
pub mod mutations;
pub mod queries;
pub mod rules;
pub mod types;
