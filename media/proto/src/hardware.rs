//! What this machine's encoders and decoders can do, found by having each handle one frame.

use serde::{Deserialize, Serialize};

/// Which way a codec works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Compresses.
    Encode,
    /// Decompresses.
    Decode,
}

/// One trial: a codec on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Which way.
    pub direction: Direction,
    /// libav's name of the codec implementation, such as `h264_vaapi`.
    pub name: String,
    /// The codec it is for, such as `h264`.
    pub codec: String,
    /// The device: `software`, `cuda`, `vaapi:/dev/dri/renderD128`, `qsv`, `v4l2m2m`, ..
    pub device: String,
    /// Whether a frame came out at the other end.
    pub is_working: bool,
    /// Why not, in a sentence; none where it works.
    pub reason: Option<String>,
}

/// Everything that was tried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardware {
    /// The trials, devices first.
    pub trials: Vec<Trial>,
}

impl Hardware {
    /// Whether it is within its bounds.
    pub fn check(&self) -> Result<(), String> {
        let is_long = |text: &str| text.len() > 512;
        let is_bad = |trial: &Trial| {
            is_long(&trial.name)
                || is_long(&trial.codec)
                || is_long(&trial.device)
                || trial.reason.as_deref().is_some_and(is_long)
        };
        if self.trials.len() > 512 || self.trials.iter().any(is_bad) {
            return Err("a hardware report without bounds".to_owned());
        }
        Ok(())
    }
}
