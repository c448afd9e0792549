//! Renditions of somebody's own settings.

use media_proto::rendition::{Preset, VideoCodec};
use serde::{Deserialize, Serialize};

/// What somebody asks for; checked before it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// Lines of the shorter side; none for sound alone.
    pub lines: Option<u32>,
    /// Bits a second of the pictures at 30 frames; what the size needs when omitted.
    pub bit_rate: Option<u64>,
    /// Bits a second of the sound.
    pub sound_bit_rate: Option<u64>,
    /// How pictures are encoded.
    pub codec: VideoCodec,
    /// How much work goes into it.
    pub effort: Preset,
}

impl Own {
    /// As a row keeps it: equal settings are equal texts.
    pub fn to_text(&self) -> String {
        // Plain values cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From a row; none for kinds that have no settings of their own.
    pub fn of_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// What a menu shows.
    pub fn label(&self, height: Option<u32>) -> String {
        let mut label = height.map_or_else(|| "Audio".to_owned(), |height| format!("{height}p"));
        if self.lines.is_some() && self.codec == VideoCodec::Av1 {
            label.push_str(" AV1");
        }
        if let Some(rate) = self.bit_rate.filter(|_| self.lines.is_some()) {
            label.push_str(&format!(", {} kbit/s", rate / 1000));
        }
        label
    }
}
