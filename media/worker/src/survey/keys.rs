//! Where a stream's keyframes are by its container's index, so that wishes are laid on keyframes before anything is read.

use media_av::input::Input;

/// A gap up to which a still in a sheet may be another frame than the one of its time, where stills are closer together.
const MAX_GAP_US: i64 = 2_500_000;
/// A wish is laid so far behind its keyframe: times in microseconds are rounded, and no frame is that short.
const MARGIN_US: i64 = 1_000;
/// How far frames are presented after they are decoded, at most: sixteen frames of ten in a second.
const MAX_DELAY_US: i64 = 1_600_000;

/// Times of keyframes in microseconds on the file's own clock, in order; empty where no index says them.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    times_us: Vec<i64>,
    end_us: i64,
}

impl Keys {
    /// By the index of a stream whose pictures begin and end at these times.
    pub fn of(input: &Input, stream: usize, start_us: i64, end_us: i64) -> Self {
        let Some((num, den)) = input.streams().nth(stream).map(|view| view.time_base()) else {
            return Self::default();
        };
        if num <= 0 || den <= 0 {
            return Self::default();
        }
        let micro = |ticks: i64| (i128::from(ticks) * i128::from(num) * 1_000_000 / i128::from(den)) as i64;
        let keyframes = input.index(stream).filter(|entry| entry.is_keyframe);
        let mut times_us: Vec<i64> = keyframes.map(|entry| micro(entry.timestamp)).collect();
        times_us.sort_unstable();
        times_us.dedup();
        // mp4 indexes when frames are decoded: the first keyframe tells how much earlier that is.
        let delay_us = times_us.first().map_or(0, |first| start_us - first);
        if (1..=MAX_DELAY_US).contains(&delay_us) {
            times_us.iter_mut().for_each(|time| *time += delay_us);
        }
        Self { times_us, end_us }
    }

    /// Whether an index says them.
    pub fn are_known(&self) -> bool {
        !self.times_us.is_empty()
    }

    /// The wish that the keyframe nearest to a time meets, if keyframes around it are no further apart than a step, or than
    /// anybody minds in a sheet.
    pub fn nearest(&self, at_us: i64, step_us: i64) -> Option<i64> {
        let after = self.times_us.partition_point(|&key| key <= at_us);
        let before_us = *self.times_us.get(after.checked_sub(1)?)?;
        let after_us = self.times_us.get(after).copied();
        if after_us.unwrap_or(self.end_us) - before_us > step_us.max(MAX_GAP_US) {
            return None;
        }
        let nearest = after_us
            .filter(|after| after - at_us < at_us - before_us)
            .unwrap_or(before_us);
        Some(nearest + MARGIN_US)
    }

    /// The wish that the keyframe before a time meets.
    pub fn before(&self, at_us: i64) -> Option<i64> {
        let after = self.times_us.partition_point(|&key| key <= at_us);
        Some(self.times_us.get(after.checked_sub(1)?)? + MARGIN_US)
    }

    /// When the keyframe after the one at a time comes; in all eternity where there is none, or no index says it.
    pub fn after(&self, key_us: i64) -> i64 {
        let after = self
            .times_us
            .partition_point(|&key| key <= key_us.saturating_add(MARGIN_US));
        self.times_us.get(after).copied().unwrap_or(i64::MAX)
    }

    /// Whether decoding that has come to one time reaches another sooner than a new start would.
    pub fn lead_on(&self, from_us: i64, to_us: i64) -> bool {
        self.before(to_us)
            .is_some_and(|key| key <= from_us.saturating_add(MARGIN_US))
    }
}

#[cfg(test)]
mod tests {
    use super::{Keys, MARGIN_US};

    #[test]
    fn a_wish_gets_the_nearest_keyframe_unless_they_are_far_apart() {
        let keys = Keys {
            times_us: vec![0, 2_000_000, 4_000_000, 14_000_000],
            end_us: 16_000_000,
        };
        let nearest = |at_us| keys.nearest(at_us, 600_000).map(|wish| wish - MARGIN_US);
        assert_eq!(nearest(900_000), Some(0));
        assert_eq!(nearest(1_100_000), Some(2_000_000));
        assert_eq!(nearest(5_000_000), None, "the next is ten seconds away");
        assert_eq!(keys.nearest(5_000_000, 10_000_000), Some(4_000_000 + MARGIN_US));
        assert_eq!(nearest(15_900_000), Some(14_000_000));
        assert_eq!(nearest(-1), None);
        assert!(keys.lead_on(5_000_000, 13_000_000) && !keys.lead_on(3_000_000, 5_000_000));
        assert!(!Keys::default().lead_on(0, 1));
        assert_eq!((keys.after(2_000_000), keys.after(14_000_000)), (4_000_000, i64::MAX));
    }
}
