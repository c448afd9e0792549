//! The tables of this plugin, one migration a file.

pub mod m20261121_000001_upload;
pub mod m20261122_000002_source;
