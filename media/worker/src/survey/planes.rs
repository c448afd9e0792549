//! A small picture in planes of luma and chroma, as films store it and encoders want it: the way over red, green and blue
//! and back would cost more than the scaling.

use media_av::encode::{Frame, PixelFormat};
use media_av::scale::{Filter, Mix, Scaler};
use media_proto::error::MediaError;

use crate::open::av_error;
use crate::survey::raster::Raster;

/// Fixed point of the sums: 16 bits after the point.
const POINT: i32 = 16;

/// A picture of luma and chroma, chroma at half the width and half the height.
pub struct Planes {
    frame: Frame,
    mix: Mix,
}

impl Planes {
    /// Takes a frame of [`PixelFormat::Yuv420p`] that was mixed so.
    pub fn new(frame: Frame, mix: Mix) -> Self {
        Self { frame, mix }
    }

    /// Whether luma and chroma of such a mix can be told from another's by a matrix that is known here.
    pub fn know(mix: Mix) -> bool {
        weights(mix.matrix).is_some()
    }

    /// Width and height.
    pub fn size(&self) -> (usize, usize) {
        let (width, height) = self.frame.size();
        (width as usize, height as usize)
    }

    /// The same picture smaller.
    pub fn shrunk(&self, width: usize, height: usize) -> Result<Self, MediaError> {
        let (full_width, full_height) = self.size();
        let mut smaller = Frame::picture(PixelFormat::Yuv420p, width as u32, height as u32).map_err(av_error)?;
        if (width * 2, height * 2) == (full_width, full_height) {
            for plane in 0..3 {
                let (from_width, from_height) = plane_size((full_width, full_height), plane);
                let rows: Vec<&[u8]> = self.frame.rows(plane, from_height, from_width).collect();
                let (to_width, to_height) = plane_size((width, height), plane);
                halve(&rows, &mut smaller, plane, to_width, to_height);
            }
        } else {
            Scaler::new(Filter::Even)
                .scale(&self.frame, self.mix, &mut smaller, self.mix)
                .map_err(av_error)?;
        }
        Ok(Self::new(smaller, self.mix))
    }

    /// The picture as JPEG wants it, right and lower edge repeated to whole blocks and cut off again: what lies there would
    /// cost bytes and show at the edge.
    pub fn to_jpeg(&self) -> Result<Frame, MediaError> {
        self.mixed(PixelFormat::Yuvj420p, Mix::JPEG, 16)
    }

    /// The picture as WebP wants it (RFC 6386, section 9.2: BT.601, limited range).
    pub fn to_webp(&self) -> Result<Frame, MediaError> {
        let mix = Mix {
            matrix: 6,
            is_full_range: false,
        };
        self.mixed(PixelFormat::Yuv420p, mix, 2)
    }

    /// The picture in red, green and blue.
    pub fn to_raster(&self) -> Result<Raster, MediaError> {
        let (width, height) = self.frame.size();
        let mut colored = Frame::picture(PixelFormat::Bgra, width, height).map_err(av_error)?;
        Scaler::new(Filter::Even)
            .scale(&self.frame, self.mix, &mut colored, Mix::JPEG)
            .map_err(av_error)?;
        Ok(Raster::from_frame(&colored))
    }

    /// The picture in another mix, in a frame whose sides are multiples of so many pixels before they are cut.
    fn mixed(&self, format: PixelFormat, to: Mix, multiple: usize) -> Result<Frame, MediaError> {
        let (width, height) = self.size();
        let (wide, high) = (width.next_multiple_of(multiple), height.next_multiple_of(multiple));
        let change = Change::between(self.mix, to);
        let (half_width, half_height) = plane_size((width, height), 1);
        let mut frame = Frame::picture(format, wide as u32, high as u32).map_err(av_error)?;
        let lumas: Vec<&[u8]> = self.frame.rows(0, height, width).collect();
        let blues: Vec<&[u8]> = self.frame.rows(1, half_height, half_width).collect();
        let reds: Vec<&[u8]> = self.frame.rows(2, half_height, half_width).collect();
        if lumas.len() < height || blues.len() < half_height || reds.len() < half_height {
            return Err(MediaError::Memory);
        }
        let mut tints = vec![0i32; half_width];
        let (luma, stride) = frame.plane(0, high);
        for (y, to) in luma.chunks_mut(stride).take(high).enumerate() {
            let y = y.min(height - 1);
            let (blue, red) = (blues[y / 2], reds[y / 2]);
            for ((tint, &blue), &red) in tints.iter_mut().zip(blue).zip(red) {
                *tint = change.tint(blue, red);
            }
            for (x, (to, from)) in to.chunks_mut(2).zip(lumas[y].chunks(2)).enumerate() {
                for (to, &from) in to.iter_mut().zip(from) {
                    *to = byte(change.luma * i32::from(from) + tints[x]);
                }
            }
            repeat_edge(to, width, wide);
        }
        for plane in 1..3 {
            let (chroma, stride) = frame.plane(plane, high / 2);
            for (y, to) in chroma.chunks_mut(stride).take(high / 2).enumerate() {
                let y = y.min(half_height - 1);
                for ((to, &blue), &red) in to.iter_mut().zip(blues[y]).zip(reds[y]) {
                    *to = change.chroma(plane, blue, red);
                }
                repeat_edge(to, half_width, wide / 2);
            }
        }
        frame.crop(width as u32, height as u32);
        Ok(frame)
    }
}

fn plane_size((width, height): (usize, usize), plane: usize) -> (usize, usize) {
    match plane {
        0 => (width, height),
        _ => (width.div_ceil(2), height.div_ceil(2)),
    }
}

/// Writes a plane whose values are the means of two by two.
fn halve(rows: &[&[u8]], to: &mut Frame, plane: usize, width: usize, height: usize) {
    let (bytes, stride) = to.plane(plane, height);
    for (y, to) in bytes.chunks_mut(stride).take(height).enumerate() {
        let (Some(&upper), Some(&lower)) = (rows.get(y * 2), rows.get(y * 2 + 1).or(rows.last())) else {
            return;
        };
        for ((to, upper), lower) in to[..width].iter_mut().zip(upper.chunks(2)).zip(lower.chunks(2)) {
            let sum = |pair: &[u8]| u16::from(pair[0]) + u16::from(pair[pair.len() - 1]);
            *to = ((sum(upper) + sum(lower) + 2) / 4) as u8;
        }
    }
}

fn repeat_edge(row: &mut [u8], width: usize, wide: usize) {
    if width < wide && width > 0 {
        let last = row[width - 1];
        row[width..wide].fill(last);
    }
}

fn byte(sum: i32) -> u8 {
    (sum >> POINT).clamp(0, 255) as u8
}

/// What red and blue weigh in luma, by the numbers of ISO/IEC 23091-2.
fn weights(matrix: u8) -> Option<(f64, f64)> {
    match matrix {
        1 => Some((0.2126, 0.0722)),
        4 => Some((0.30, 0.11)),
        5 | 6 => Some((0.299, 0.114)),
        7 => Some((0.212, 0.087)),
        9 => Some((0.2627, 0.0593)),
        _ => None,
    }
}

/// From one mix to another: luma by a factor and a tint that follows from chroma, chroma by a matrix of two by two.
struct Change {
    luma: i32,
    offset: i32,
    tint: [i32; 2],
    chroma: [[i32; 2]; 2],
}

impl Change {
    fn between(from: Mix, to: Mix) -> Self {
        let [(from_red, from_blue), (to_red, to_blue)] =
            [from, to].map(|mix| weights(mix.matrix).unwrap_or((0.299, 0.114)));
        // What a difference of blue or of red, without any luma, is in the other mix: luma, blue, red.
        let moved = |blue: f64, red: f64| {
            let (r, b) = (2.0 * (1.0 - from_red) * red, 2.0 * (1.0 - from_blue) * blue);
            let g = -(from_red * r + from_blue * b) / (1.0 - from_red - from_blue);
            let luma = to_red * r + (1.0 - to_red - to_blue) * g + to_blue * b;
            let (blue, red) = (
                (b - luma) / (2.0 * (1.0 - to_blue)),
                (r - luma) / (2.0 * (1.0 - to_red)),
            );
            [luma, blue, red]
        };
        let steps = |mix: Mix| {
            if mix.is_full_range {
                (255.0, 255.0, 0.0)
            } else {
                (219.0, 224.0, 16.0)
            }
        };
        let ((from_luma, from_chroma, from_black), (to_luma, to_chroma, to_black)) = (steps(from), steps(to));
        let fixed = |value: f64| (value * f64::from(1 << POINT)).round() as i32;
        let (by_blue, by_red) = (moved(1.0 / from_chroma, 0.0), moved(0.0, 1.0 / from_chroma));
        let luma = to_luma / from_luma;
        Self {
            luma: fixed(luma),
            offset: fixed(to_black - from_black * luma + 0.5),
            tint: [fixed(by_blue[0] * to_luma), fixed(by_red[0] * to_luma)],
            chroma: [1, 2].map(|i| [fixed(by_blue[i] * to_chroma), fixed(by_red[i] * to_chroma)]),
        }
    }

    fn tint(&self, blue: u8, red: u8) -> i32 {
        self.tint[0] * (i32::from(blue) - 128) + self.tint[1] * (i32::from(red) - 128) + self.offset
    }

    fn chroma(&self, plane: usize, blue: u8, red: u8) -> u8 {
        let [by_blue, by_red] = self.chroma[plane - 1];
        let half = (128 << POINT) + (1 << (POINT - 1));
        byte(by_blue * (i32::from(blue) - 128) + by_red * (i32::from(red) - 128) + half)
    }
}

#[cfg(test)]
mod tests {
    use media_av::encode::{Frame, PixelFormat};
    use media_av::scale::{Filter, Mix, Scaler};

    use super::Planes;
    use crate::survey::raster::Raster;

    /// Patches of many colors with soft borders, in a mix.
    fn painted(size: (usize, usize), mix: Mix) -> Planes {
        let (width, height) = size;
        let mut raster = Raster::filled(width, height, [128, 128, 128, 255]);
        for (i, pixel) in raster.pixels.chunks_exact_mut(4).enumerate() {
            let (x, y) = ((i % width) as f32 / width as f32, (i / width) as f32 / height as f32);
            let wave = |phase: f32| (127.0 + 90.0 * (x * 6.0 + y * 4.0 + phase).sin()) as u8;
            pixel[..3].copy_from_slice(&[wave(0.0), wave(2.0), wave(4.5)]);
        }
        let from = raster.to_frame().expect("a frame");
        let mut frame = Frame::picture(PixelFormat::Yuv420p, width as u32, height as u32).expect("a frame");
        let scaled = Scaler::new(Filter::Even).scale(&from, Mix::JPEG, &mut frame, mix);
        scaled.expect("a conversion");
        Planes::new(frame, mix)
    }

    fn mean_difference(a: &Raster, b: &Raster) -> f64 {
        assert_eq!((a.width, a.height), (b.width, b.height));
        let sum: u64 = a
            .pixels
            .iter()
            .zip(&b.pixels)
            .map(|(a, b)| u64::from(a.abs_diff(*b)))
            .sum();
        sum as f64 / a.pixels.len() as f64
    }

    #[test]
    fn a_change_of_mix_keeps_the_colors() {
        for matrix in [1, 4, 6, 7, 9] {
            for is_full_range in [false, true] {
                // Odd sides, so that the last row and column have chroma of their own.
                let planes = painted((101, 75), Mix { matrix, is_full_range });
                let original = planes.to_raster().expect("a raster");
                let limited = Mix {
                    matrix: 6,
                    is_full_range: false,
                };
                for (frame, mix) in [
                    (planes.to_jpeg().expect("a frame"), Mix::JPEG),
                    (planes.to_webp().expect("a frame"), limited),
                ] {
                    let changed = Planes::new(frame, mix).to_raster().expect("a raster");
                    // libswscale knows no matrix 4 and 7 other than by its own tables, which are those of the standard.
                    let difference = mean_difference(&original, &changed);
                    assert!(difference < 1.2, "matrix {matrix}, full {is_full_range}: {difference}");
                }
            }
        }
    }

    #[test]
    fn a_picture_shrinks_by_half_and_by_any_other_share() {
        let mix = Mix::BT709;
        let planes = painted((400, 226), mix);
        for (width, height) in [(200, 113), (133, 75)] {
            let small = planes.shrunk(width, height).expect("a picture");
            let expected = planes.to_raster().expect("a raster").shrunk(width, height);
            let difference = mean_difference(&small.to_raster().expect("a raster"), &expected);
            assert!(difference < 2.0, "{width}: {difference}");
        }
    }
}
