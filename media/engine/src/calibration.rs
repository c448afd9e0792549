//! How fast this machine is: measured once, remembered by whoever starts the engine.

use std::fs;

pub use media_proto::calibration::Calibration;

use crate::config::n_processors;

/// Where measured speeds are remembered. Losing one costs two seconds of work in the background.
#[async_trait::async_trait]
pub trait Calibrations: Send + Sync {
    /// The speed under this key.
    async fn load(&self, key: &str) -> Option<Calibration>;

    /// Remembers a speed, in place of an earlier one.
    async fn store(&self, key: &str, calibration: Calibration);
}

/// What a speed depends on: the build of FFmpeg, and which and how many processors there are.
pub(crate) fn key(ffmpeg_hash: &str) -> String {
    // Not every architecture names its processor; the number must do there.
    let model = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().chars().take(100).collect::<String>())
    });
    format!("{ffmpeg_hash}/{}/{}", n_processors(), model.unwrap_or_default())
}
