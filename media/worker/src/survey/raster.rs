//! A small picture in memory, on which turning, shrinking and measuring are plain loops.

use media_av::encode::{Frame, PixelFormat};
use media_av::error::AvError;

/// Bytes of a pixel: blue, green, red, alpha.
pub const PIXEL: usize = 4;

/// A picture of blue, green, red and alpha, without gaps between rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// All rows, from the top.
    pub pixels: Vec<u8>,
}

/// How a stored picture must be turned to stand upright: the eight orientations of Exif 2.32, tag 0x0112.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Orientation {
    /// Whether left and right change places before the turn.
    pub is_mirrored: bool,
    /// Quarter turns clockwise.
    pub n_quarters: u8,
}

impl Orientation {
    /// By Exif's number; others leave the picture as it is.
    pub fn from_exif(number: u16) -> Self {
        let (is_mirrored, n_quarters) = match number {
            2 => (true, 0),
            3 => (false, 2),
            4 => (true, 2),
            5 => (true, 3),
            6 => (false, 1),
            7 => (true, 1),
            8 => (false, 3),
            _ => (false, 0),
        };
        Self {
            is_mirrored,
            n_quarters,
        }
    }

    /// By a display matrix of ISO/IEC 14496-12: nine integers, of which the first two of each of two rows turn and mirror.
    pub fn from_matrix(matrix: &[u8]) -> Option<Self> {
        let cell = |i: usize| -> Option<f64> {
            let bytes = matrix.get(i * 4..i * 4 + 4)?;
            Some(f64::from(i32::from_ne_bytes(bytes.try_into().ok()?)))
        };
        let (a, b, c, d) = (cell(0)?, cell(1)?, cell(3)?, cell(4)?);
        let is_mirrored = a * d - b * c < 0.0;
        // A mirrored matrix is the mirror first, which negates its first row, and a turn after.
        let (a, b) = if is_mirrored { (-a, -b) } else { (a, b) };
        let (x, y) = (a.hypot(c), b.hypot(d));
        if x == 0.0 || y == 0.0 {
            return None;
        }
        let clockwise = (b / y).atan2(a / x).to_degrees();
        Some(Self {
            is_mirrored,
            n_quarters: (clockwise / 90.0).round().rem_euclid(4.0) as u8,
        })
    }

    /// Whether width and height change places.
    pub fn is_sideways(self) -> bool {
        self.n_quarters % 2 == 1
    }
}

impl Raster {
    /// A picture of one color: blue, green, red, alpha.
    pub fn filled(width: usize, height: usize, color: [u8; PIXEL]) -> Self {
        Self {
            width,
            height,
            pixels: color.repeat(width * height),
        }
    }

    /// The content of a frame of [`PixelFormat::Bgra`].
    pub fn from_frame(frame: &Frame) -> Self {
        let (width, height) = frame.size();
        let (width, height) = (width as usize, height as usize);
        let mut pixels = Vec::with_capacity(width * height * PIXEL);
        for row in frame.rows(0, height, width * PIXEL) {
            pixels.extend_from_slice(row);
        }
        pixels.resize(width * height * PIXEL, 0);
        Self { width, height, pixels }
    }

    /// A frame with this content.
    pub fn to_frame(&self) -> Result<Frame, AvError> {
        let mut frame = Frame::picture(PixelFormat::Bgra, self.width as u32, self.height as u32)?;
        let (bytes, stride) = frame.plane(0, self.height);
        for (to, from) in bytes.chunks_mut(stride).zip(self.rows()) {
            to[..from.len()].copy_from_slice(from);
        }
        Ok(frame)
    }

    /// Its rows.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.width.max(1) * PIXEL)
    }

    fn pixel(&self, x: usize, y: usize) -> &[u8] {
        let at = (y * self.width + x) * PIXEL;
        &self.pixels[at..at + PIXEL]
    }

    /// The same picture upright.
    pub fn upright(self, orientation: Orientation) -> Self {
        if orientation == Orientation::default() {
            return self;
        }
        let (width, height) = if orientation.is_sideways() {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        };
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for y in 0..height {
            for x in 0..width {
                let (from_x, from_y) = match orientation.n_quarters {
                    0 => (x, y),
                    1 => (y, self.height - 1 - x),
                    2 => (self.width - 1 - x, self.height - 1 - y),
                    _ => (self.width - 1 - y, x),
                };
                let from_x = if orientation.is_mirrored {
                    self.width - 1 - from_x
                } else {
                    from_x
                };
                pixels.extend_from_slice(self.pixel(from_x, from_y));
            }
        }
        Self { width, height, pixels }
    }

    /// The same picture smaller: each pixel is the mean of the area it covers.
    pub fn shrunk(&self, width: usize, height: usize) -> Self {
        if (width * 2, height * 2) == (self.width, self.height) {
            return self.halved();
        }
        let columns = spans(self.width, width);
        let rows = spans(self.height, height);
        let mut narrow = vec![0f32; self.height * width * PIXEL];
        for (from, to) in self.rows().zip(narrow.chunks_exact_mut(width * PIXEL)) {
            for (span, to) in columns.iter().zip(to.chunks_exact_mut(PIXEL)) {
                for (x, weight) in span.parts() {
                    for (sum, &value) in to.iter_mut().zip(&from[x * PIXEL..x * PIXEL + PIXEL]) {
                        *sum += weight * f32::from(value);
                    }
                }
            }
        }
        let mut pixels = Vec::with_capacity(width * height * PIXEL);
        let mut sums = vec![0f32; width * PIXEL];
        for span in &rows {
            sums.fill(0.5);
            for (y, weight) in span.parts() {
                let row = &narrow[y * width * PIXEL..(y + 1) * width * PIXEL];
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += weight * value;
                }
            }
            pixels.extend(sums.iter().map(|&sum| sum as u8));
        }
        Self { width, height, pixels }
    }

    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut pixels = Vec::with_capacity(width * height * PIXEL);
        let stride = self.width * PIXEL;
        for pair in self.pixels.chunks_exact(stride * 2) {
            let (upper, lower) = pair.split_at(stride);
            for (upper, lower) in upper.chunks_exact(PIXEL * 2).zip(lower.chunks_exact(PIXEL * 2)) {
                for i in 0..PIXEL {
                    let sum = u16::from(upper[i]) + u16::from(upper[i + PIXEL]) + u16::from(lower[i]);
                    pixels.push(((sum + u16::from(lower[i + PIXEL]) + 2) / 4) as u8);
                }
            }
        }
        Self { width, height, pixels }
    }

    /// The same picture with its right and lower edge repeated until both sides are multiples of so many pixels.
    pub fn padded(&self, multiple: usize) -> Self {
        let (width, height) = (
            self.width.next_multiple_of(multiple),
            self.height.next_multiple_of(multiple),
        );
        let mut pixels = Vec::with_capacity(width * height * PIXEL);
        for row in self.rows() {
            pixels.extend_from_slice(row);
            let last = &row[row.len() - PIXEL..];
            pixels.extend(last.repeat(width - self.width));
        }
        for _ in self.height..height {
            pixels.extend_from_within(pixels.len() - width * PIXEL..);
        }
        Self { width, height, pixels }
    }

    /// Lays the picture over a ground where it is transparent: a dark one under a bright picture, else a white one.
    pub fn laid_on_ground(mut self) -> Self {
        let (mut luma, mut weight) = (0u64, 0u64);
        let mut is_opaque = true;
        for pixel in self.pixels.chunks_exact(PIXEL) {
            let alpha = u64::from(pixel[3]);
            luma += alpha * u64::from(luma_of(pixel));
            weight += alpha;
            is_opaque &= pixel[3] == 255;
        }
        if is_opaque {
            return self;
        }
        let ground = if weight > 0 && luma / weight > 200 { 32u32 } else { 255 };
        for pixel in self.pixels.chunks_exact_mut(PIXEL) {
            let alpha = u32::from(pixel[3]);
            for value in &mut pixel[..3] {
                *value = ((u32::from(*value) * alpha + ground * (255 - alpha) + 127) / 255) as u8;
            }
            pixel[3] = 255;
        }
        self
    }

    /// Copies a picture into this one; what would reach beyond it is left out.
    pub fn paste(&mut self, picture: &Self, left: usize, top: usize) {
        let width = picture.width.min(self.width.saturating_sub(left));
        for (y, row) in picture.rows().enumerate().take(self.height.saturating_sub(top)) {
            let at = ((top + y) * self.width + left) * PIXEL;
            self.pixels[at..at + width * PIXEL].copy_from_slice(&row[..width * PIXEL]);
        }
    }

    /// Its luma after BT.601, a byte for each pixel.
    pub fn luma(&self) -> Vec<u8> {
        self.pixels.chunks_exact(PIXEL).map(luma_of).collect()
    }
}

/// A pixel's luma after BT.601.
fn luma_of(pixel: &[u8]) -> u8 {
    ((u32::from(pixel[0]) * 29 + u32::from(pixel[1]) * 150 + u32::from(pixel[2]) * 77 + 128) >> 8) as u8
}

/// The stretch of source pixels that one target pixel covers, with how much of each counts.
struct Span {
    start: usize,
    weights: Vec<f32>,
}

impl Span {
    fn parts(&self) -> impl Iterator<Item = (usize, f32)> + '_ {
        self.weights
            .iter()
            .enumerate()
            .map(|(i, &weight)| (self.start + i, weight))
    }
}

fn spans(from: usize, to: usize) -> Vec<Span> {
    let step = from as f64 / to as f64;
    let span = |i: usize| {
        let (left, right) = (i as f64 * step, ((i + 1) as f64 * step).min(from as f64));
        let start = (left as usize).min(from - 1);
        let end = (right.ceil() as usize).clamp(start + 1, from);
        let covered = |x: usize| ((x + 1) as f64).min(right) - (x as f64).max(left);
        let total: f64 = (start..end).map(covered).sum();
        Span {
            start,
            weights: (start..end).map(|x| (covered(x) / total) as f32).collect(),
        }
    };
    (0..to).map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::{Orientation, PIXEL, Raster};

    /// Two by three pixels, numbered in reading order.
    fn numbered() -> Raster {
        Raster {
            width: 2,
            height: 3,
            pixels: (1..=6u8).flat_map(|n| [n; PIXEL]).collect(),
        }
    }

    fn numbers(raster: &Raster) -> Vec<u8> {
        raster.pixels.chunks_exact(PIXEL).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn each_exif_orientation_comes_upright() {
        // What a viewer must show of stored rows 12 34 56, after the table of Exif 2.32.
        let expected: [(u16, &[u8]); 8] = [
            (1, &[1, 2, 3, 4, 5, 6]),
            (2, &[2, 1, 4, 3, 6, 5]),
            (3, &[6, 5, 4, 3, 2, 1]),
            (4, &[5, 6, 3, 4, 1, 2]),
            (5, &[1, 3, 5, 2, 4, 6]),
            (6, &[5, 3, 1, 6, 4, 2]),
            (7, &[6, 4, 2, 5, 3, 1]),
            (8, &[2, 4, 6, 1, 3, 5]),
        ];
        for (number, shown) in expected {
            let upright = numbered().upright(Orientation::from_exif(number));
            assert_eq!(numbers(&upright), shown, "orientation {number}");
            assert_eq!(upright.width, if number < 5 { 2 } else { 3 }, "orientation {number}");
        }
    }

    #[test]
    fn display_matrices_turn_and_mirror() {
        let one = 1 << 16;
        let matrix = |a: i32, b: i32, c: i32, d: i32| -> Vec<u8> {
            [a, b, 0, c, d, 0, 0, 0, 1 << 30]
                .into_iter()
                .flat_map(i32::to_ne_bytes)
                .collect()
        };
        let oriented = |bytes: &[u8]| numbers(&numbered().upright(Orientation::from_matrix(bytes).unwrap_or_default()));
        assert_eq!(oriented(&matrix(one, 0, 0, one)), [1, 2, 3, 4, 5, 6]);
        // x' = -y: the stored top edge becomes the right edge, a quarter clockwise.
        assert_eq!(oriented(&matrix(0, one, -one, 0)), [5, 3, 1, 6, 4, 2]);
        assert_eq!(oriented(&matrix(-one, 0, 0, -one)), [6, 5, 4, 3, 2, 1]);
        assert_eq!(oriented(&matrix(-one, 0, 0, one)), [2, 1, 4, 3, 6, 5]);
        assert_eq!(oriented(&matrix(one, 0, 0, -one)), [5, 6, 3, 4, 1, 2]);
        assert_eq!(oriented(&matrix(0, one, one, 0)), [1, 3, 5, 2, 4, 6]);
        assert_eq!(Orientation::from_matrix(&matrix(0, 0, 0, 0)), None);
    }

    #[test]
    fn shrinking_keeps_the_mean_and_transparency_gets_a_ground() {
        let mut raster = Raster::filled(7, 5, [10, 20, 30, 255]);
        raster.paste(&Raster::filled(3, 5, [250, 240, 230, 255]), 0, 0);
        let small = raster.shrunk(1, 1);
        let mean = |a: u32, b: u32| ((a * 3 + b * 4) as f32 / 7.0).round() as u8;
        assert_eq!(small.pixels, [mean(250, 10), mean(240, 20), mean(230, 30), 255]);
        assert_eq!(
            Raster::filled(4, 2, [8, 9, 10, 255]).shrunk(2, 1).pixels,
            [8, 9, 10, 255, 8, 9, 10, 255]
        );

        let padded = numbered().padded(4);
        assert_eq!(numbers(&padded), [1, 2, 2, 2, 3, 4, 4, 4, 5, 6, 6, 6, 5, 6, 6, 6]);

        assert_eq!(Raster::filled(1, 1, [0, 0, 0, 0]).laid_on_ground().pixels, [255; 4]);
        let mut bright = Raster::filled(2, 1, [255; 4]);
        bright.pixels[7] = 0;
        assert_eq!(bright.laid_on_ground().pixels, [255, 255, 255, 255, 32, 32, 32, 255]);
    }
}
