//! Where a video stream can be cut: the table of its keyframes.

use serde::{Deserialize, Serialize};

/// The most keyframes of a table: a day of video with ten a second.
pub const MAX_KEYFRAMES: usize = 864_000;

/// How a table is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyframeMode {
    /// From the container's own index, in milliseconds; no table where there is none to trust.
    Index,
    /// By reading every packet, which takes as long as reading the file.
    Scan,
}

/// The keyframes of one stream, in the stream's own time base and in order of presentation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyframes {
    /// The stream's position in the file.
    pub stream: u32,
    /// The unit of the times: numerator and denominator of seconds.
    pub time_base: (i32, i32),
    /// The first presentation time of the stream.
    pub start_pts: i64,
    /// Where the last frame ends, if known.
    pub end_pts: Option<i64>,
    /// Presentation times of the keyframes, each as its distance to the one before, the first to 0.
    pub deltas: Vec<i64>,
    /// Whether the table came from the container's index rather than from a scan.
    pub is_from_index: bool,
    /// Frames that decode before they show, at most: what a seek must go back beyond a keyframe.
    pub reorder_depth: u32,
}

impl Keyframes {
    /// The presentation times.
    pub fn pts(&self) -> impl Iterator<Item = i64> + '_ {
        self.deltas.iter().scan(0i64, |at, delta| {
            *at = at.saturating_add(*delta);
            Some(*at)
        })
    }

    /// Whether it is within its bounds and in order.
    pub fn check(&self) -> Result<(), String> {
        if self.deltas.len() > MAX_KEYFRAMES {
            return Err(format!("{} keyframes", self.deltas.len()));
        }
        if self.time_base.0 <= 0 || self.time_base.1 <= 0 {
            return Err("a time base that is not positive".to_owned());
        }
        if self.deltas.iter().skip(1).any(|&delta| delta <= 0) {
            return Err("keyframes out of order".to_owned());
        }
        Ok(())
    }
}
