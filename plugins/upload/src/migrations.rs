//! The tables of this plugin, one migration a file.

pub mod m20261121_000001_upload;
