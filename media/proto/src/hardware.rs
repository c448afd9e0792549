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

/// An encoder of H.264 on a device, as heads use it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DeviceEncoder {
    /// NVIDIA's, which finds its device by itself.
    Nvenc,
    /// Intel's Quick Sync, which finds its device by itself.
    Qsv,
    /// A VAAPI device at this place, such as `/dev/dri/renderD128`.
    Vaapi(String),
    /// One that works for so many pictures and then fails so; only in a pool with faults.
    Broken(u32, Breaking),
}

/// How a device fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Breaking {
    /// Its encoder takes no more pictures.
    Refuses,
    /// Its driver takes the process along.
    Crashes,
    /// Its driver never returns.
    Hangs,
}

impl DeviceEncoder {
    /// The encoder that was tried, if heads can use it.
    pub fn of(trial: &Trial) -> Option<Self> {
        match (trial.direction, trial.name.as_str(), trial.device.split_once(':')) {
            (Direction::Encode, "h264_nvenc", _) => Some(Self::Nvenc),
            (Direction::Encode, "h264_qsv", _) => Some(Self::Qsv),
            (Direction::Encode, "h264_vaapi", Some(("vaapi", place))) => Some(Self::Vaapi(place.to_owned())),
            _ => None,
        }
    }

    /// libav's name of it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nvenc => "h264_nvenc",
            Self::Qsv => "h264_qsv",
            Self::Vaapi(_) => "h264_vaapi",
            Self::Broken(..) => "libx264",
        }
    }
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
