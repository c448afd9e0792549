//! The table that only this plugin reads.

pub mod m20261121_000001_trash;
