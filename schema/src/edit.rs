//! The one way to change what people know of items: every curation mutation states row differences to an [`Edit`], which
//! writes them, keeps counters and the search index right, and records them so that they can be undone.
//!
//! [`Edit`]: session::Edit

pub mod carry;
mod change;
pub mod codes;
mod effects;
pub mod facts;
pub mod gather;
pub mod ledger;
pub mod named;
pub mod queries;
pub mod revert;
pub mod row;
pub mod session;
mod settlement;
pub mod table;
pub mod types;
mod write;
