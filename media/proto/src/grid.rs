//! The one clock of on-demand streaming: where segments begin, in integers and rationals only.
//!
//! Playlists, video heads, audio heads and subtitles all ask these functions, so that a segment made anywhere at any time
//! fits its neighbors. Times count from the start of the presentation, the first timestamp of the video.

use serde::{Deserialize, Serialize};

/// A unit of time: numerator and denominator of seconds, both positive.
pub type TimeBase = (i32, i32);

/// How long a segment is meant to be. Every rendition has the same, or a stored one could not stand beside one that is
/// made on demand.
pub const SEGMENT_MS: u32 = 4000;

/// Nothing that is longer is believed, in microseconds: a container's nonsense would become a playlist of millions of lines.
pub const LONGEST_US: i64 = 48 * 3600 * 1_000_000;

/// A division of time into segments of equal length: segment n starts at n · `num` / `den` seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grid {
    num: u32,
    den: u32,
}

impl Grid {
    /// Segments of a whole number of frames near `target_ms`, so that the lengths in a playlist are exact; of exactly that
    /// many milliseconds where the rate is unknown or varies. An even number of frames, so that a second keyframe can
    /// stand in the middle.
    pub fn new(frame_rate: Option<(i32, i32)>, target_ms: u32) -> Self {
        let target_ms = target_ms.max(1);
        let Some((num, den)) = frame_rate.filter(|&(num, den)| num > 0 && den > 0) else {
            return Self::reduced(u64::from(target_ms), 1000);
        };
        let (num, den) = (num as u64, den as u64);
        // Frames in the target, to the nearest even number.
        let pairs = (u64::from(target_ms) * num + 1000 * den) / (2000 * den);
        Self::reduced(pairs.max(1) * 2 * den, num)
    }

    fn reduced(num: u64, den: u64) -> Self {
        let divisor = gcd(num, den).max(1);
        let (mut num, mut den) = (num / divisor, den / divisor);
        // Frame rates beyond 32 bits are measurement noise; halving both keeps the ratio to nine digits.
        while num > u64::from(u32::MAX) || den > u64::from(u32::MAX) {
            num = (num / 2).max(1);
            den = (den / 2).max(1);
        }
        Self {
            num: num as u32,
            den: den as u32,
        }
    }

    /// A segment's nominal length in seconds, as numerator and denominator.
    pub fn length(self) -> (u32, u32) {
        (self.num, self.den)
    }

    /// The first tick that belongs to segment `n`: its start, rounded up to the time base. A frame is in segment n if its
    /// distance from the presentation's start is at least this and less than that of n + 1.
    pub fn first_tick(self, n: u32, time_base: TimeBase) -> i64 {
        let dividend = i128::from(n) * i128::from(self.num) * i128::from(time_base.1);
        let divisor = i128::from(self.den) * i128::from(time_base.0);
        clamp(div_ceil(dividend, divisor))
    }

    /// The segment that holds a tick; 0 for what lies before the start.
    pub fn segment_at(self, tick: i64, time_base: TimeBase) -> u32 {
        if tick <= 0 {
            return 0;
        }
        let dividend = i128::from(tick) * i128::from(time_base.0) * i128::from(self.den);
        let divisor = i128::from(self.num) * i128::from(time_base.1);
        u32::try_from(dividend / divisor).unwrap_or(u32::MAX)
    }

    /// How many segments a track needs that ends before this tick.
    pub fn n_segments(self, end_tick: i64, time_base: TimeBase) -> u32 {
        if end_tick <= 0 {
            return 0;
        }
        self.segment_at(end_tick - 1, time_base).saturating_add(1)
    }

    /// Where segment `n` starts, in microseconds, rounded to the nearest.
    pub fn start_us(self, n: u32) -> i64 {
        let dividend = i128::from(n) * i128::from(self.num) * 2_000_000 + i128::from(self.den);
        clamp(dividend.div_euclid(2 * i128::from(self.den)))
    }

    /// The length of segment `n` of a track that ends at `end_us`, in microseconds. The lengths of all segments add up to
    /// `end_us` exactly, as each is a difference of rounded starts.
    pub fn length_us(self, n: u32, end_us: i64) -> i64 {
        self.start_us(n.saturating_add(1)).min(end_us) - self.start_us(n).min(end_us)
    }

    /// The audio frames of segment `n`, counted from the presentation's start, for an encoder that makes frames of
    /// `samples` samples at `rate` samples a second.
    pub fn audio_frames(self, n: u32, rate: u32, samples: u32) -> std::ops::Range<u64> {
        let first = |n: u32| {
            let dividend = u128::from(n) * u128::from(self.num) * u128::from(rate);
            let divisor = u128::from(self.den) * u128::from(samples.max(1));
            u64::try_from(dividend.div_ceil(divisor)).unwrap_or(u64::MAX)
        };
        first(n)..first(n.saturating_add(1))
    }
}

/// Ticks in microseconds, rounded to the nearest; 0 where the unit is none.
pub fn to_us(ticks: i64, (num, den): TimeBase) -> i64 {
    if num <= 0 || den <= 0 {
        return 0;
    }
    let (dividend, den) = (i128::from(ticks) * i128::from(num) * 1_000_000, i128::from(den));
    clamp((2 * dividend + den).div_euclid(2 * den))
}

/// Microseconds in ticks, rounded to the nearest; 0 where the unit is none.
pub fn to_ticks(us: i64, (num, den): TimeBase) -> i64 {
    if num <= 0 || den <= 0 {
        return 0;
    }
    let (dividend, divisor) = (i128::from(us) * i128::from(den), i128::from(num) * 1_000_000);
    clamp((2 * dividend + divisor).div_euclid(2 * divisor))
}

/// Half of a frame in microseconds: what clocks of milliseconds may be off by.
pub fn half_frame_us(frame_rate: Option<(i32, i32)>) -> i64 {
    match frame_rate.filter(|&(num, den)| num > 0 && den > 0) {
        Some((num, den)) => i64::from(den) * 500_000 / i64::from(num),
        None => 5_000,
    }
}

fn div_ceil(dividend: i128, divisor: i128) -> i128 {
    -(-dividend).div_euclid(divisor)
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::{Grid, half_frame_us, to_ticks, to_us};

    const RATES: [(i32, i32); 8] = [
        (24, 1),
        (24_000, 1001),
        (25, 1),
        (30_000, 1001),
        (30, 1),
        (50, 1),
        (60_000, 1001),
        (120, 1),
    ];

    #[test]
    fn a_segment_is_a_whole_even_number_of_frames_near_the_target() {
        for (num, den) in RATES {
            let (length, over) = Grid::new(Some((num, den)), 4000).length();
            let frames = u64::from(length) * num as u64;
            let per_frame = u64::from(over) * den as u64;
            assert_eq!(frames % (2 * per_frame), 0, "{num}/{den}");
            let seconds = f64::from(length) / f64::from(over);
            assert!(
                (seconds - 4.0).abs() <= f64::from(den) / f64::from(num),
                "{seconds} at {num}/{den}"
            );
        }
        assert_eq!(Grid::new(Some((24_000, 1001)), 2000).length(), (1001, 500));
        assert_eq!(Grid::new(None, 4000).length(), (4, 1));
        assert_eq!(Grid::new(Some((0, 1)), 1500).length(), (3, 2));
    }

    #[test]
    fn every_tick_is_in_exactly_one_segment() {
        for rate in RATES {
            let grid = Grid::new(Some(rate), 4000);
            for time_base in [(1, 90_000), (1, 1000), (1, 15_360), (1001, 30_000), (1, 1_000_000)] {
                for n in 0..2000 {
                    let (first, next) = (grid.first_tick(n, time_base), grid.first_tick(n + 1, time_base));
                    assert_eq!(grid.segment_at(first, time_base), n);
                    assert_eq!(grid.segment_at(next - 1, time_base), n);
                    assert_eq!(grid.n_segments(next, time_base), n + 1);
                    assert_eq!(grid.n_segments(next + 1, time_base), n + 2);
                }
            }
        }
    }

    #[test]
    fn lengths_add_up_to_the_track() {
        let grid = Grid::new(Some((30_000, 1001)), 4000);
        for end_us in [1, 4_004_000, 4_004_001, 7_200_123_457] {
            let n_segments = grid.n_segments(end_us, (1, 1_000_000));
            let sum: i64 = (0..n_segments).map(|n| grid.length_us(n, end_us)).sum();
            assert_eq!(sum, end_us);
            assert!((0..n_segments).all(|n| grid.length_us(n, end_us) > 0), "{end_us}");
        }
        assert_eq!(grid.n_segments(0, (1, 90_000)), 0);
        assert_eq!(grid.n_segments(-5, (1, 90_000)), 0);
    }

    #[test]
    fn audio_frames_follow_each_other_without_gap_or_overlap() {
        for rate in RATES {
            let grid = Grid::new(Some(rate), 4000);
            for sample_rate in [44_100, 48_000] {
                let mut next = 0;
                for n in 0..2000 {
                    let frames = grid.audio_frames(n, sample_rate, 1024);
                    assert_eq!(frames.start, next);
                    next = frames.end;
                }
                let seconds = next as f64 * 1024.0 / f64::from(sample_rate);
                let (length, over) = grid.length();
                let expected = 2000.0 * f64::from(length) / f64::from(over);
                assert!((seconds - expected).abs() < 0.03, "{seconds} against {expected}");
            }
        }
    }

    #[test]
    fn ticks_and_microseconds_become_each_other() {
        for (ticks, base, us) in [
            (90_000, (1, 90_000), 1_000_000),
            (1, (1001, 30_000), 33_367),
            (-1, (1, 3), -333_333),
            (5, (0, 1), 0),
            (5, (1, -1), 0),
            (i64::MAX, (i32::MAX, 1), i64::MAX),
        ] {
            assert_eq!(to_us(ticks, base), us, "{ticks} in {base:?}");
        }
        for base in [(1, 90_000), (1, 1000), (1001, 30_000)] {
            assert!(
                (-5000..5000).all(|ticks| to_ticks(to_us(ticks, base), base) == ticks),
                "{base:?}"
            );
        }
        assert_eq!(to_ticks(1, (0, 0)), 0);
        assert_eq!(
            [Some((25, 1)), None, Some((0, 1))].map(half_frame_us),
            [20_000, 5_000, 5_000]
        );
    }

    #[test]
    fn extreme_numbers_stay_in_range() {
        let grid = Grid::new(Some((i32::MAX, 1)), u32::MAX);
        assert!(grid.first_tick(u32::MAX, (1, i32::MAX)) > 0);
        let slow = Grid::new(Some((1, i32::MAX)), 1);
        assert_eq!(slow.segment_at(i64::MAX, (i32::MAX, 1)), u32::MAX);
        assert!(slow.start_us(u32::MAX) > 0);
    }
}
