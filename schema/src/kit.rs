//! What every domain is built from: ids, scalars, pages, errors, access, loaders.

pub mod access;
pub mod cells;
pub mod conditional;
pub mod connection;
pub mod criterion;
pub mod cursor;
pub mod error;
pub mod held;
pub mod id;
pub mod keyset;
pub mod libraries;
pub mod listed;
pub mod listing;
pub mod loader;
pub mod maybe;
pub mod newest;
pub mod page;
pub mod position;
pub mod range;
pub mod refusal;
pub mod scalar;
pub mod surface;
pub mod text;
pub mod together;
pub mod turn;
pub mod visible;
