//! The tables that only this plugin reads, oldest first.

pub mod m20261121_000001_similar;
pub mod m20261121_000002_request;
pub mod m20261122_000003_archives;
