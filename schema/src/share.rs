//! Links that show one item or one collection to whoever has them, without an account.

pub mod codes;
pub mod mutations;
pub mod queries;
pub mod rules;
pub mod types;
