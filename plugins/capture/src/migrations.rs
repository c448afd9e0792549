//! The tables that only this plugin reads, oldest first.

pub mod m20261121_000001_capture;
pub mod m20261121_000002_shown;
pub mod m20261121_000003_motion;
