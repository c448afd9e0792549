//! One time line out of the source's clocks, which jump when an encoder restarts, a list goes on elsewhere or 33 bits are
//! full.

use super::Track;

/// Further on than this, in microseconds, a packet is on another clock; less is a pause that really was.
const FORWARD_US: i64 = 10_000_000;
/// Further back than this.
const BACKWARD_US: i64 = 1_000_000;

/// When a packet is decoded and shown on the time line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When it is decoded, in microseconds.
    pub dts_us: i64,
    /// How much later it is shown, in microseconds.
    pub delay_us: i64,
    /// How long it lasts, in ticks of its stream.
    pub duration: i64,
    /// When it ends, in microseconds.
    pub end_us: i64,
}

/// The time line.
pub struct Clock {
    lanes: Vec<Lane>,
    /// By how much the newest clock is moved; a stream that jumps after another goes where that one went.
    shift_us: i64,
    /// The latest end of all packets.
    end_us: i64,
    has_begun: bool,
}

struct Lane {
    time_base: (i32, i32),
    shift_us: i64,
    last: Option<Times>,
}

impl Clock {
    /// Of these tracks.
    pub fn new(tracks: &[Track]) -> Self {
        let lane = |track: &Track| Lane {
            time_base: track.time_base,
            shift_us: 0,
            last: None,
        };
        Self {
            lanes: tracks.iter().map(lane).collect(),
            shift_us: 0,
            end_us: 0,
            has_begun: false,
        }
    }

    /// Places a packet; nothing if it has no time at all.
    pub fn times(&mut self, track: usize, pts: Option<i64>, dts: Option<i64>, duration: i64) -> Option<Times> {
        let (shift_us, end_us, has_begun) = (self.shift_us, self.end_us, self.has_begun);
        let lane = self.lanes.get_mut(track)?;
        let us = |ticks: i64| microseconds(ticks, lane.time_base);
        let own = us(dts.or(pts)?);
        if !has_begun {
            // The first packet is the origin.
            lane.shift_us = -own;
        } else if lane.last.is_none() {
            lane.shift_us = shift_us;
        } else if let Some(last) = lane.last
            && !fits(own + lane.shift_us, last)
        {
            lane.shift_us = match fits(own + shift_us, last) {
                true => shift_us,
                false => end_us - own,
            };
        }
        let dts_us = own + lane.shift_us;
        let delay_us = pts.map_or(0, |pts| us(pts) - own).max(0);
        let times = Times {
            dts_us,
            delay_us,
            duration: duration.max(0),
            end_us: dts_us + delay_us + us(duration.max(0)),
        };
        self.shift_us = lane.shift_us;
        lane.last = Some(times);
        self.has_begun = true;
        self.end_us = self.end_us.max(times.end_us);
        Some(times)
    }
}

fn fits(dts_us: i64, last: Times) -> bool {
    (last.dts_us - BACKWARD_US..last.end_us + FORWARD_US).contains(&dts_us)
}

/// Ticks as microseconds.
pub fn microseconds(ticks: i64, (num, den): (i32, i32)) -> i64 {
    let exact = i128::from(ticks) * i128::from(num.max(1)) * 1_000_000 / i128::from(den.max(1));
    i64::try_from(exact).unwrap_or(0)
}

/// Microseconds as ticks.
pub fn ticks(us: i64, (num, den): (i32, i32)) -> i64 {
    let per_second = i128::from(num.max(1)) * 1_000_000;
    let exact = (i128::from(us) * i128::from(den.max(1)) + per_second / 2).div_euclid(per_second);
    i64::try_from(exact).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Clock, Track, microseconds, ticks};

    fn clock() -> Clock {
        let track = |stream, is_video| Track {
            stream,
            time_base: (1, 90_000),
            is_video,
            is_adts: false,
            setup: None,
        };
        Clock::new(&[track(0, true), track(1, false)])
    }

    #[test]
    fn a_clock_that_jumps_goes_on_where_it_was_and_takes_the_other_along() {
        let mut clock = clock();
        let mut at = |track, ticks: i64| clock.times(track, Some(ticks), Some(ticks), 3600).unwrap().dts_us;
        assert_eq!(at(0, 9_000_000), 0);
        assert_eq!(at(1, 9_001_800), 20_000);
        assert_eq!(at(0, 9_003_600), 40_000);
        // An encoder that starts anew, then its sound; a straggler of the old clock between them.
        assert_eq!(at(0, 90), 80_000);
        assert_eq!(at(1, 9_005_400), 60_000);
        assert_eq!(at(0, 3_690), 120_000);
        assert_eq!(at(1, 3_690), 120_000);
        // A pause that really was stays one.
        assert_eq!(at(0, 363_690), 4_120_000);
    }

    #[test]
    fn ticks_and_microseconds_agree() {
        for base in [(1, 90_000), (1, 1000), (1001, 30_000), (1, 44_100)] {
            for tick in [-5, 0, 1, 7, 123_456_789] {
                assert_eq!(ticks(microseconds(tick, base), base), tick, "{base:?}");
            }
        }
    }
}
