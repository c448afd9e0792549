//! What this machine's encoders and decoders can do, as administrators see it.

use async_graphql::SimpleObject;

use crate::kit::scalar::DateTime;

/// What this machine's encoders and decoders can do: each was given a frame.
#[derive(Debug, Clone, SimpleObject)]
pub struct Hardware {
    /// What compresses.
    pub encoders: Vec<HardwareCodec>,
    /// What decompresses.
    pub decoders: Vec<HardwareCodec>,
    /// When it was tried.
    pub checked_at: DateTime,
}

/// An encoder or decoder on a device.
#[derive(Debug, Clone, SimpleObject)]
pub struct HardwareCodec {
    /// FFmpeg's name of it, such as `h264_vaapi`.
    pub name: String,
    /// The codec it is for, such as `h264`.
    pub codec: String,
    /// The device, such as `software`, `cuda` or `vaapi:/dev/dri/renderD128`.
    pub device: String,
    /// Whether a frame came out at the other end.
    pub is_working: bool,
    /// Why not; null where it works.
    pub reason: Option<String>,
    /// Whether films that are watched are encoded with it now: it works, settings allow it, and it has not failed of late.
    pub is_used: bool,
    /// How it failed the last time that it was used, since it was last tried; software took its place.
    pub failure: Option<String>,
    /// When it failed.
    pub failed_at: Option<DateTime>,
}
