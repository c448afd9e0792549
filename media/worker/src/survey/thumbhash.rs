//! ThumbHash: a picture in some twenty bytes, shown until the real one is there.
//!
//! The format is Evan Wallace's: averages in 24 bits of header, two bytes of header more, then cosine factors of luma, two
//! color differences and, where there is one, alpha, in four bits each. We have laid pictures on a ground by then, so
//! there never is an alpha.

use std::f32::consts::PI;

use crate::survey::raster::{PIXEL, Raster};

/// The longest side that the hash is made of.
const SIDE: usize = 100;

/// The hash of an opaque picture.
pub fn of(raster: &Raster) -> Vec<u8> {
    let longest = raster.width.max(raster.height);
    if longest > SIDE {
        let scaled = |side: usize| (side * SIDE / longest).max(1);
        return of(&raster.shrunk(scaled(raster.width), scaled(raster.height)));
    }
    let n = raster.width * raster.height;
    let (mut luma, mut yellow, mut red) = (Vec::with_capacity(n), Vec::with_capacity(n), Vec::with_capacity(n));
    for pixel in raster.pixels.chunks_exact(PIXEL) {
        let [b, g, r] = [pixel[0], pixel[1], pixel[2]].map(|value| f32::from(value) / 255.0);
        luma.push((r + g + b) / 3.0);
        yellow.push((r + g) / 2.0 - b);
        red.push(r - g);
    }
    let (width, height) = (raster.width as f32, raster.height as f32);
    let longest = width.max(height);
    let n_across = ((7.0 * width / longest).round() as usize).max(1);
    let n_down = ((7.0 * height / longest).round() as usize).max(1);
    let luma = Channel::of(&luma, raster, n_across.max(3), n_down.max(3));
    let yellow = Channel::of(&yellow, raster, 3, 3);
    let red = Channel::of(&red, raster, 3, 3);

    let part = |value: f32, most: f32| (most * value).round() as u32;
    let header = part(luma.mean, 63.0)
        | part(0.5 + 0.5 * yellow.mean, 63.0) << 6
        | part(0.5 + 0.5 * red.mean, 63.0) << 12
        | part(luma.scale, 31.0) << 18;
    let is_landscape = width > height;
    let shorter = if is_landscape { n_down } else { n_across };
    let rest =
        shorter as u32 | part(yellow.scale, 63.0) << 3 | part(red.scale, 63.0) << 9 | u32::from(is_landscape) << 15;
    let mut hash = header.to_le_bytes()[..3].to_vec();
    hash.extend(&rest.to_le_bytes()[..2]);
    let factors: Vec<f32> = [luma.factors, yellow.factors, red.factors].concat();
    for pair in factors.chunks(2) {
        let high = pair.get(1).map_or(0, |&factor| part(factor, 15.0));
        hash.push((part(pair[0], 15.0) | high << 4) as u8);
    }
    hash
}

/// One channel's mean, its largest factor, and its factors from 0 to 1.
struct Channel {
    mean: f32,
    scale: f32,
    factors: Vec<f32>,
}

impl Channel {
    fn of(values: &[f32], raster: &Raster, n_across: usize, n_down: usize) -> Self {
        let wave = |n: usize, len: usize| -> Vec<Vec<f32>> {
            let at = |k: usize, x: usize| (PI / len as f32 * k as f32 * (x as f32 + 0.5)).cos();
            (0..n).map(|k| (0..len).map(|x| at(k, x)).collect()).collect()
        };
        let (across, down) = (wave(n_across, raster.width), wave(n_down, raster.height));
        let mut mean = 0.0;
        let mut factors = Vec::new();
        for (cy, down) in down.iter().enumerate() {
            let mut cx = 0;
            // Below the diagonal: the finer a wave, the less it shows.
            while cx * n_down < n_across * (n_down - cy) {
                let mut factor = 0.0;
                for (row, &weight) in values.chunks_exact(raster.width).zip(down) {
                    let sum: f32 = row.iter().zip(&across[cx]).map(|(value, wave)| value * wave).sum();
                    factor += sum * weight;
                }
                factor /= values.len() as f32;
                if cx > 0 || cy > 0 {
                    factors.push(factor);
                } else {
                    mean = factor;
                }
                cx += 1;
            }
        }
        let scale = factors.iter().fold(0f32, |most, factor| most.max(factor.abs()));
        if scale > 0.0 {
            factors
                .iter_mut()
                .for_each(|factor| *factor = 0.5 + 0.5 / scale * *factor);
        }
        Self { mean, scale, factors }
    }
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::survey::raster::Raster;

    #[test]
    fn mean_color_and_shape_are_in_the_header() {
        let hash = of(&Raster::filled(200, 100, [0, 0, 255, 255]));
        let header = u32::from_le_bytes([hash[0], hash[1], hash[2], 0]);
        // Red: luma a third, yellow a half, red one.
        assert_eq!((header & 63, header >> 6 & 63, header >> 12 & 63), (21, 47, 63));
        let rest = u16::from_le_bytes([hash[3], hash[4]]);
        assert_eq!((rest & 7, rest >> 15), (4, 1), "a landscape of four by seven");
        assert!((5..=25).contains(&hash.len()), "{} bytes", hash.len());
    }
}
