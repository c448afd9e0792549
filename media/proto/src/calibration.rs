//! How fast a machine decodes and encodes, from which it follows how many streams fit.

use serde::{Deserialize, Serialize};

/// Frames of 1280 by 720 that one processor handles in a second of its own time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// H.264, decoded.
    pub decode_fps: f64,
    /// H.264, encoded at the preset that streams use.
    pub encode_fps: f64,
}

impl Calibration {
    /// A slow machine: what counts until one is measured.
    pub const UNKNOWN: Self = Self {
        decode_fps: 150.0,
        encode_fps: 40.0,
    };

    /// Whether a machine can be like that.
    pub fn check(&self) -> Result<(), String> {
        let is_possible = |fps: f64| fps.is_finite() && (0.1..=100_000.0).contains(&fps);
        if is_possible(self.decode_fps) && is_possible(self.encode_fps) {
            Ok(())
        } else {
            Err(format!(
                "a machine that decodes {} and encodes {} frames a second",
                self.decode_fps, self.encode_fps
            ))
        }
    }
}
