//! Perceptual hashes that compare with those of existing tools.
//!
//! A video's is made as `videohashes` and its kin make it: 25 frames, 160 pixels wide, five by five, from 5 % on in steps
//! of 3.6 % of the duration; then the hash of that montage. An image's is the hash of the picture itself. The hash is that
//! of `goimagehash` 1.1 (PHash): 64 by 64 pixels, luma, cosine transform, one bit for each of the 64 lowest waves that
//! is above the median. Bits turn over easily where a step differs, so each step below rounds as the original does.

use crate::survey::raster::{PIXEL, Raster};

/// How many frames go into a video's hash.
pub const N_FRAMES: usize = 25;
/// How many of them in a row.
const COLUMNS: usize = 5;
/// How wide each is.
pub const FRAME_WIDTH: usize = 160;
/// The side of the square that is transformed.
const SIDE: usize = 64;
/// The side of the square of waves that are kept.
const KEPT: usize = 8;

/// Where the frames of a video's hash are, in thousandths of all its frames.
pub fn thousandths() -> impl Iterator<Item = usize> {
    (0..N_FRAMES).map(|i| 50 + i * 900 / N_FRAMES)
}

/// When they are in a video whose frames cannot be counted, in microseconds from its start.
pub fn times_us(duration_us: i64) -> impl Iterator<Item = i64> {
    thousandths().map(move |part| (i128::from(duration_us) * part as i128 / 1000) as i64)
}

/// The hash of a video by its frames, in order; none while one is missing.
pub fn of_frames(frames: &[Option<Raster>]) -> Option<u64> {
    let frames: Vec<&Raster> = frames.iter().flatten().collect();
    let first = frames.first().filter(|_| frames.len() == N_FRAMES)?;
    let (width, height) = (first.width, first.height);
    let mut montage = Raster::filled(width * COLUMNS, height * COLUMNS, [0; PIXEL]);
    for (i, frame) in frames.iter().enumerate() {
        montage.paste(frame, width * (i % COLUMNS), height * (i / COLUMNS));
    }
    Some(of(&montage))
}

/// The hash of a picture.
pub fn of(raster: &Raster) -> u64 {
    let small = squeezed(raster);
    // Whole numbers of each color are mixed, unrounded.
    let luma = small
        .iter()
        .map(|&[b, g, r]| 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b));
    let waves = lowest_waves(&luma.collect::<Vec<_>>());
    let median = median(waves);
    waves.iter().fold(0, |bits, &wave| bits << 1 | u64::from(wave > median))
}

/// The picture at 64 by 64 by a triangle of twice the step, first along rows, then along columns, cut to whole numbers
/// after each: what the Go package `resize` does for `Bilinear`.
fn squeezed(raster: &Raster) -> Vec<[u8; 3]> {
    let across = Taps::new(raster.width);
    let down = Taps::new(raster.height);
    // Column by column, so that the second pass runs along memory too.
    let mut narrow = vec![[0u8; 3]; SIDE * raster.height];
    for (y, row) in raster.rows().enumerate() {
        for x in 0..SIDE {
            let pixel = |i: usize| [row[i * PIXEL], row[i * PIXEL + 1], row[i * PIXEL + 2]];
            narrow[x * raster.height + y] = across.apply(x, raster.width, pixel);
        }
    }
    let mut small = vec![[0u8; 3]; SIDE * SIDE];
    for (x, column) in narrow.chunks_exact(raster.height.max(1)).enumerate() {
        for y in 0..SIDE {
            small[y * SIDE + x] = down.apply(y, raster.height, |i| column[i]);
        }
    }
    small
}

/// The weights of one pass, in 1/256.
struct Taps {
    n_taps: usize,
    starts: Vec<i64>,
    weights: Vec<i32>,
}

impl Taps {
    fn new(from: usize) -> Self {
        let step = from as f64 / SIDE as f64;
        let n_taps = 2 * (step.ceil().max(1.0) as usize);
        let narrowing = (1.0 / step).min(1.0);
        let (mut starts, mut weights) = (Vec::with_capacity(SIDE), Vec::with_capacity(SIDE * n_taps));
        for i in 0..SIDE {
            let center = step * (i as f64 + 0.5);
            let start = center as i64 - n_taps as i64 / 2 + 1;
            starts.push(start);
            for tap in 0..n_taps as i64 {
                let distance = ((center - start as f64 - tap as f64) * narrowing).abs();
                weights.push(if distance <= 1.0 {
                    ((1.0 - distance) * 256.0) as i32
                } else {
                    0
                });
            }
        }
        Self {
            n_taps,
            starts,
            weights,
        }
    }

    fn apply(&self, i: usize, len: usize, pixel: impl Fn(usize) -> [u8; 3]) -> [u8; 3] {
        let mut sums = [0i32; 3];
        let mut total = 0;
        let weights = &self.weights[i * self.n_taps..(i + 1) * self.n_taps];
        for (tap, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0) {
            // Beyond an edge its last pixel counts.
            let at = (self.starts[i] + tap as i64).clamp(0, len as i64 - 1) as usize;
            for (sum, value) in sums.iter_mut().zip(pixel(at)) {
                *sum += weight * i32::from(value);
            }
            total += weight;
        }
        sums.map(|sum| (sum / total.max(1)).clamp(0, 255) as u8)
    }
}

/// The 8 by 8 lowest waves of a two-dimensional DCT-II without scaling, row by row.
fn lowest_waves(values: &[f64]) -> [f64; KEPT * KEPT] {
    let wave = |k: usize, x: usize| (std::f64::consts::PI / SIDE as f64 * (x as f64 + 0.5) * k as f64).cos();
    let mut table = [[0f64; SIDE]; KEPT];
    for (k, row) in table.iter_mut().enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            *value = wave(k, x);
        }
    }
    let mut waves = [0f64; KEPT * KEPT];
    for (y, row) in values.chunks_exact(SIDE).enumerate() {
        for (k, across) in table.iter().enumerate() {
            let sum: f64 = row.iter().zip(across).map(|(value, wave)| value * wave).sum();
            for (j, down) in table.iter().enumerate() {
                waves[j * KEPT + k] += sum * down[y];
            }
        }
    }
    waves
}

/// The threshold of the original: the mean of the 33rd smallest wave and of whatever its quickselect has put before it,
/// which need not be the 32nd. Reproduced step by step, as it decides on bits.
fn median(mut waves: [f64; KEPT * KEPT]) -> f64 {
    let middle = waves.len() / 2;
    let (mut low, mut high) = (0, waves.len() - 1);
    while low < high {
        let pivot = low / 2 + high / 2;
        let value = waves[pivot];
        waves.swap(pivot, high);
        let mut store = low;
        for i in low..high {
            if waves[i] < value {
                waves.swap(store, i);
                store += 1;
            }
        }
        waves.swap(high, store);
        if middle <= store {
            high = store;
        } else {
            low = store + 1;
        }
    }
    waves[middle - 1] / 2.0 + waves[middle] / 2.0
}
