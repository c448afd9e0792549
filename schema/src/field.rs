//! Fields that people define for items: what they are, their values, and filtering by them.

pub mod criterion;
pub mod mutations;
pub mod queries;
pub mod rules;
pub mod types;
