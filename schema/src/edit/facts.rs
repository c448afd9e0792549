//! The facts that edits state besides those of the kernel.

use entities::id::MarkerId;
use kernel::events::Fact;

/// Tags of markers changed.
#[derive(Debug, Clone)]
pub struct MarkersChanged {
    /// Which.
    pub markers: Vec<MarkerId>,
}

impl Fact for MarkersChanged {}
