//! Everything that people decided, as lines of JSON that another server can read: names instead of ids, and fingerprints
//! of files instead of items.

pub mod export;
pub mod form;
pub mod import;
