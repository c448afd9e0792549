//! Where scenes begin and where the picture is black, seen from the small pictures that a survey makes anyway.
//!
//! A cut changes what is where (the mean difference of pixels) and what there is at all (the histogram). Motion changes
//! the first and hardly the second, a flash both, but the picture after it is again the one before.

use media_proto::survey::{MAX_MARKS, Surveyed};

/// Luma in full range up to which a pixel is black; FFmpeg's `blackdetect` draws the line at the same tenth.
const BLACK: u8 = 26;
/// How many hundredths of a black picture's pixels are black.
const BLACK_SHARE: usize = 98;
/// How long a black stretch lasts at least, in microseconds.
const MIN_BLACK_US: i64 = 500_000;
/// How long a scene lasts at least, in microseconds.
const MIN_SCENE_US: i64 = 400_000;
/// Bins of the histogram.
const N_BINS: usize = 32;
/// The least share of pixels that change their bin at a cut.
const MIN_SHIFT: f32 = 0.25;
/// The least mean difference at a cut, in steps of luma.
const MIN_CHANGE: f32 = 12.0;
/// How much more than lately pictures must differ.
const OUTSTANDING: f32 = 2.5;

/// Watches pictures in order of time; all have the same size.
#[derive(Default)]
pub struct Scenes {
    last: Option<Seen>,
    /// The picture before a cut that may be a flash, and when the cut was.
    doubted: Option<(Seen, i64)>,
    /// How much pictures have differed lately.
    usual: f32,
    cut_us: Option<i64>,
    scenes_us: Vec<i64>,
    black_since: Option<i64>,
    black_us: Vec<(i64, i64)>,
    n_pictures: u64,
}

/// What is remembered of a picture.
struct Seen {
    luma: Vec<u8>,
    histogram: [u32; N_BINS],
}

impl Scenes {
    /// Takes a picture's luma (full range) and when it shows, in microseconds since the file's start. Some hundred pixels
    /// are enough. A picture of another size than the one before begins anew.
    pub fn picture(&mut self, time_us: i64, luma: Vec<u8>) {
        if luma.is_empty() {
            return;
        }
        self.n_pictures += 1;
        self.note_black(time_us, &luma);
        let seen = Seen::new(luma);
        let before = self.last.take().filter(|last| last.luma.len() == seen.luma.len());
        if let Some(before) = before {
            self.compare(time_us, before, &seen);
        }
        self.last = Some(seen);
    }

    /// Writes what was found in a film that ends at that time.
    pub fn finish(mut self, end_us: i64, surveyed: &mut Surveyed) {
        self.settle();
        if let Some(since) = self.black_since.take() {
            self.keep_black(since, end_us);
        }
        // The first scene begins where the film does.
        if self.n_pictures > 0 {
            surveyed.scenes_us = std::iter::once(0).chain(self.scenes_us).take(MAX_MARKS).collect();
        }
        surveyed.black_us = self.black_us;
    }

    fn compare(&mut self, time_us: i64, before: Seen, seen: &Seen) {
        if let Some((original, cut_us)) = self.doubted.take() {
            // Back to what it was within a few pictures: a flash, a photographer's or a muzzle's.
            if original.change(seen) < MIN_CHANGE && original.shift(seen) < MIN_SHIFT {
                self.cut_us = self.scenes_us.last().copied();
                return;
            }
            if time_us - cut_us < 120_000 {
                self.doubted = Some((original, cut_us));
            } else {
                self.keep(cut_us);
            }
        }
        let (change, shift) = (before.change(seen), before.shift(seen));
        let is_cut = shift > MIN_SHIFT && change > MIN_CHANGE && change > self.usual * OUTSTANDING;
        let is_early = self.cut_us.unwrap_or(0).saturating_add(MIN_SCENE_US) > time_us;
        if is_cut && !is_early && self.doubted.is_none() {
            self.cut_us = Some(time_us);
            self.doubted = Some((before, time_us));
        } else if !is_cut {
            self.usual += (change - self.usual) * 0.2;
        }
    }

    fn settle(&mut self) {
        if let Some((_, cut_us)) = self.doubted.take() {
            self.keep(cut_us);
        }
    }

    fn keep(&mut self, cut_us: i64) {
        if self.scenes_us.len() < MAX_MARKS {
            self.scenes_us.push(cut_us);
        }
    }

    fn note_black(&mut self, time_us: i64, luma: &[u8]) {
        let n_black = luma.iter().filter(|&&value| value <= BLACK).count();
        if n_black * 100 >= luma.len() * BLACK_SHARE {
            self.black_since.get_or_insert(time_us);
        } else if let Some(since) = self.black_since.take() {
            self.keep_black(since, time_us);
        }
    }

    fn keep_black(&mut self, since: i64, until: i64) {
        if until.saturating_sub(since) >= MIN_BLACK_US && self.black_us.len() < MAX_MARKS {
            self.black_us.push((since, until));
        }
    }
}

impl Seen {
    fn new(luma: Vec<u8>) -> Self {
        let mut histogram = [0; N_BINS];
        for &value in &luma {
            histogram[usize::from(value) * N_BINS / 256] += 1;
        }
        Self { luma, histogram }
    }

    /// The mean difference of pixels, in steps of luma.
    fn change(&self, other: &Self) -> f32 {
        let sum: u64 = self
            .luma
            .iter()
            .zip(&other.luma)
            .map(|(a, b)| u64::from(a.abs_diff(*b)))
            .sum();
        sum as f32 / self.luma.len() as f32
    }

    /// The share of pixels that would have to change their brightness to make one histogram the other.
    fn shift(&self, other: &Self) -> f32 {
        let sum: u32 = self
            .histogram
            .iter()
            .zip(&other.histogram)
            .map(|(a, b)| a.abs_diff(*b))
            .sum();
        sum as f32 / (2 * self.luma.len()) as f32
    }
}

#[cfg(test)]
mod tests {
    use media_proto::survey::Surveyed;

    use super::Scenes;

    /// A picture whose left part of so many columns has one brightness, and the rest another.
    fn picture(split: usize, left: u8, right: u8) -> Vec<u8> {
        (0..40 * 30)
            .map(|at| if at % 40 < split { left } else { right })
            .collect()
    }

    fn watch(pictures: impl Iterator<Item = Vec<u8>>) -> Surveyed {
        let (mut scenes, mut surveyed, mut end_us) = (Scenes::default(), Surveyed::default(), 0);
        for (index, luma) in pictures.enumerate() {
            scenes.picture(index as i64 * 40_000, luma);
            end_us = (index as i64 + 1) * 40_000;
        }
        scenes.finish(end_us, &mut surveyed);
        surveyed
    }

    #[test]
    fn a_cut_is_found_where_it_is() {
        let scene = |n: usize| match n / 25 {
            0 => picture(10, 200, 90),
            1 => picture(30, 40, 130),
            _ => picture(20, 250, 10),
        };
        assert_eq!(watch((0..75).map(scene)).scenes_us, [0, 1_000_000, 2_000_000]);
    }

    #[test]
    fn motion_and_a_fade_are_no_cuts() {
        let wandering = watch((0..40).map(|n| picture(n, 200, 60)));
        assert_eq!(wandering.scenes_us, [0]);
        let fading = watch((0..100).map(|n| picture(20, 255 - n as u8 * 2, 200 - n as u8 * 2)));
        assert_eq!(fading.scenes_us, [0]);
    }

    #[test]
    fn a_flash_is_no_cut() {
        let flash = |n: usize| {
            if n == 30 || n == 31 {
                picture(20, 255, 255)
            } else {
                picture(20, 90, 60)
            }
        };
        assert_eq!(watch((0..60).map(flash)).scenes_us, [0]);
    }

    #[test]
    fn black_stretches_are_found_up_to_the_end() {
        let film = |n: usize| match n {
            0..25 => picture(20, 4, 20),
            25..40 => picture(20, 120, 60),
            // Too short for a stretch.
            40..45 => picture(20, 0, 0),
            45..70 => picture(20, 180, 60),
            _ => picture(20, 0, 24),
        };
        let surveyed = watch((0..100).map(film));
        assert_eq!(surveyed.black_us, [(0, 1_000_000), (2_800_000, 4_000_000)]);
    }
}
