//! The smallest and largest sample of each window of time, and what is made of them: peaks to draw, and silence.

use media_proto::error::MediaError;
use media_proto::survey::{ArtifactKind, MAX_MARKS};

use crate::survey::sheet::Sheet;

/// Windows a second in which silence is looked for.
pub const SILENCE_STEPS: u32 = 100;
/// −50 dB of full scale.
const QUIET: f32 = 0.003_162_277_7;
/// How long silence must last to be one, in windows.
const MIN_SILENCE: u64 = SILENCE_STEPS as u64;
/// A week at a hundred a second: a clock that jumps must not fill the memory.
const MAX_WINDOWS: u64 = 7 * 86_400 * 100;

/// What takes the windows in order.
pub trait Windows {
    /// `n` windows in a row with the same smallest and largest sample.
    fn add(&mut self, n: u64, low: f32, high: f32);
}

/// Cuts sound into windows.
pub struct Levels<W> {
    per_second: u32,
    rate: u32,
    /// Samples since the rate last changed, and whole windows among them.
    at: u64,
    n_windows: u64,
    n_before: u64,
    low: f32,
    high: f32,
    windows: W,
}

impl<W: Windows> Levels<W> {
    /// So many windows a second, from 1 to 1000.
    pub fn new(per_second: u32, windows: W) -> Self {
        Self {
            per_second: per_second.clamp(1, 1000),
            rate: 0,
            at: 0,
            n_windows: 0,
            n_before: 0,
            low: 0.0,
            high: 0.0,
            windows,
        }
    }

    /// How many windows there are in a second.
    pub fn per_second(&self) -> u32 {
        self.per_second
    }

    /// Adds so many samples of nothing, and then these of all channels.
    pub fn add(&mut self, rate: u32, n_paused: u64, channels: &[Vec<f32>]) {
        if rate != self.rate {
            // The window that was begun ends here: rates change at most where pieces were joined.
            self.n_before += self.n_windows;
            (self.rate, self.at, self.n_windows) = (rate, 0, 0);
        }
        self.pause(n_paused);
        let n_samples = channels.iter().map(Vec::len).min().unwrap_or(0);
        let mut done = 0;
        while done < n_samples {
            let n = usize::try_from(self.end().saturating_sub(self.at))
                .unwrap_or(usize::MAX)
                .min(n_samples - done);
            for channel in channels {
                let (low, high) = extremes(&channel[done..done + n]);
                (self.low, self.high) = (self.low.min(low), self.high.max(high));
            }
            done += n;
            self.at += n as u64;
            if self.at >= self.end() {
                self.close(1);
            }
        }
    }

    /// All windows, the last one as far as it came.
    pub fn finish(mut self) -> W {
        if self.at > self.end_of(self.n_windows) {
            self.close(1);
        }
        self.windows
    }

    fn pause(&mut self, n_samples: u64) {
        self.at = self.at.saturating_add(n_samples);
        if n_samples == 0 || self.at < self.end() {
            return;
        }
        self.close(1);
        let n_whole = (u128::from(self.at) * u128::from(self.per_second) / u128::from(self.rate.max(1))) as u64;
        self.close(n_whole.saturating_sub(self.n_windows));
    }

    fn close(&mut self, n: u64) {
        let n_left = MAX_WINDOWS.saturating_sub(self.n_before + self.n_windows);
        if n > 0 && n_left > 0 {
            self.windows.add(n.min(n_left), self.low, self.high);
        }
        self.n_windows = self.n_windows.saturating_add(n);
        (self.low, self.high) = (0.0, 0.0);
    }

    /// Where the window that is being filled ends.
    fn end(&self) -> u64 {
        self.end_of(self.n_windows + 1)
    }

    fn end_of(&self, n_windows: u64) -> u64 {
        (u128::from(n_windows) * u128::from(self.rate)).div_ceil(u128::from(self.per_second)) as u64
    }
}

/// Smallest and largest of samples and 0: sound swings around it. In lanes, so that the compiler takes whole registers.
fn extremes(samples: &[f32]) -> (f32, f32) {
    const LANES: usize = 16;
    let (mut low, mut high) = ([0f32; LANES], [0f32; LANES]);
    let (chunks, rest) = samples.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            // Not `f32::min`, which has to care for what is not a number.
            low[lane] = if chunk[lane] < low[lane] {
                chunk[lane]
            } else {
                low[lane]
            };
            high[lane] = if chunk[lane] > high[lane] {
                chunk[lane]
            } else {
                high[lane]
            };
        }
    }
    let all = |start: &[f32], pick: fn(f32, f32) -> f32| start.iter().chain(rest).copied().fold(0.0, pick);
    (all(&low, f32::min), all(&high, f32::max))
}

/// Peaks as signed bytes.
#[derive(Default)]
pub struct Peaks(Vec<u8>);

impl Peaks {
    /// Writes them as an artifact; gives how many there are, and how many a second.
    pub fn write(self, per_second: u32, sheet: &mut Sheet) -> Result<(u32, u32), MediaError> {
        sheet.add(ArtifactKind::Peaks, None, (0, 0), &self.0)?;
        Ok(((self.0.len() / 2) as u32, per_second))
    }
}

impl Windows for Peaks {
    fn add(&mut self, n: u64, low: f32, high: f32) {
        // Full scale is 127 both ways, so that a picture of them is even.
        let pair = [low, high].map(|level| (level * 127.0).round().clamp(-128.0, 127.0) as i8 as u8);
        self.0.extend(std::iter::repeat_n(pair, n as usize).flatten());
    }
}

/// Stretches that nobody hears.
#[derive(Default)]
pub struct Silence {
    n_windows: u64,
    since: Option<u64>,
    stretches: Vec<(i64, i64)>,
}

impl Silence {
    /// Start and end of each in microseconds since the file's start.
    pub fn stretches(mut self) -> Vec<(i64, i64)> {
        self.close();
        self.stretches
    }

    fn close(&mut self) {
        let Some(since) = self.since.take() else { return };
        if self.n_windows - since >= MIN_SILENCE && self.stretches.len() < MAX_MARKS {
            let time_us = |window: u64| window as i64 * (1_000_000 / i64::from(SILENCE_STEPS));
            self.stretches.push((time_us(since), time_us(self.n_windows)));
        }
    }
}

impl Windows for Silence {
    fn add(&mut self, n: u64, low: f32, high: f32) {
        if high.max(-low) < QUIET {
            self.since.get_or_insert(self.n_windows);
        } else {
            self.close();
        }
        self.n_windows += n;
    }
}

#[cfg(test)]
mod tests {
    use super::{Levels, Peaks, Silence, Windows};

    #[derive(Default)]
    struct Log(Vec<(u64, f32, f32)>);

    impl Windows for Log {
        fn add(&mut self, n: u64, low: f32, high: f32) {
            self.0.push((n, low, high));
        }
    }

    /// Three windows a second at 10 samples a second end at samples 4, 7 and 10.
    #[test]
    fn windows_that_are_no_whole_number_of_samples_keep_in_step() {
        let mut levels = Levels::new(3, Log::default());
        let samples: Vec<f32> = (1..=20).map(|n| n as f32 / 100.0).collect();
        for piece in samples.chunks(3) {
            levels.add(10, 0, &[piece.to_vec(), piece.iter().map(|s| -s).collect()]);
        }
        let ends = [4, 7, 10, 14, 17, 20].map(|n| (1, -n as f32 / 100.0, n as f32 / 100.0));
        assert_eq!(levels.finish().0, ends);
    }

    #[test]
    fn a_pause_is_silence_and_not_forgotten() {
        let mut levels = Levels::new(10, Log::default());
        levels.add(100, 0, &[vec![0.5; 15]]);
        levels.add(100, 40, &[vec![-0.25; 10]]);
        // 15 of sound, 40 of nothing, 10 of sound: six windows and a half.
        assert_eq!(
            levels.finish().0,
            [
                (1, 0.0, 0.5),
                (1, 0.0, 0.5),
                (3, 0.0, 0.0),
                (1, -0.25, 0.0),
                (1, -0.25, 0.0)
            ]
        );
    }

    #[test]
    fn a_clock_that_jumps_fills_no_memory() {
        let mut levels = Levels::new(1000, Peaks::default());
        levels.add(48_000, u64::MAX / 8, &[vec![0.5; 15]]);
        assert!(levels.finish().0.len() as u64 <= 2 * super::MAX_WINDOWS);
    }

    #[test]
    fn silence_is_a_second_below_fifty_decibels() {
        let mut levels = Levels::new(super::SILENCE_STEPS, Silence::default());
        let tone = |level: f32, n: usize| vec![(0..n).map(|i| if i % 2 == 0 { level } else { -level }).collect()];
        for (level, n) in [
            (0.5, 8000),
            (0.003, 8000),
            (0.5, 80),
            (0.003, 7900),
            (0.0035, 16_000),
            (0.001, 12_000),
        ] {
            levels.add(8000, 0, &tone(level, n));
        }
        // Windows of 80 samples; the last stretch begins within one and ends within another.
        assert_eq!(
            levels.finish().stretches(),
            [(1_000_000, 2_000_000), (5_000_000, 6_500_000)]
        );
    }
}
