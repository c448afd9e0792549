//! The facts that edits state besides those of the kernel.

use entities::id::MarkerId;
use kernel::{events::Fact, relay::Common};
use serde::{Deserialize, Serialize};

/// Tags of markers changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MarkersChanged {
    /// Which.
    pub markers: Vec<MarkerId>,
}

impl Fact for MarkersChanged {}

impl Common for MarkersChanged {
    const NAME: &'static str = "MarkersChanged";
}
