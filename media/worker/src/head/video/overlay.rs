//! Pieces of subtitles as they lie over pictures of a certain size, in the pictures' own colors: scaled and converted once,
//! drawn many times.

use media_av::encode::Frame;
use media_av::error::AvError;
use media_av::subtitle::Piece;

/// A sample of a plane: its value multiplied by how much it covers, and how much it covers of 255.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    value: u16,
    cover: u8,
}

/// A rectangle of samples, row by row.
#[derive(Debug, Default)]
struct Patch {
    x: usize,
    y: usize,
    width: usize,
    samples: Vec<Sample>,
}

/// Luma and both chromas at half the size.
struct Layer {
    planes: [Patch; 3],
}

/// What lies over a picture.
pub struct Overlay {
    layers: Vec<Layer>,
}

/// Red, green and blue multiplied by alpha, and alpha; each summed over some pixels.
type Color = [u32; 4];

impl Overlay {
    /// Pieces on a canvas, over pictures of that size; what lies outside is left out.
    pub fn new(pieces: &[Piece], canvas: (u32, u32), picture: (u32, u32)) -> Self {
        let layers = pieces
            .iter()
            .filter_map(|piece| layer(piece, canvas, picture))
            .collect();
        Self { layers }
    }

    /// Draws it into a picture of 8 bits and 4:2:0, which must have the size that it was made for.
    pub fn draw(&self, frame: &mut Frame) -> Result<(), AvError> {
        if self.layers.is_empty() {
            return Ok(());
        }
        frame.make_writable()?;
        let height = frame.size().1 as usize;
        for layer in &self.layers {
            for (index, patch) in layer.planes.iter().enumerate() {
                let n_rows = if index == 0 { height } else { height / 2 };
                let (plane, stride) = frame.plane(index, n_rows);
                patch.draw(plane, stride);
            }
        }
        Ok(())
    }
}

impl Patch {
    fn draw(&self, plane: &mut [u8], stride: usize) {
        for (row, samples) in self.samples.chunks_exact(self.width.max(1)).enumerate() {
            let at = (self.y + row) * stride + self.x;
            let Some(line) = plane.get_mut(at..at + samples.len()) else {
                return;
            };
            for (byte, sample) in line.iter_mut().zip(samples).filter(|(_, sample)| sample.cover > 0) {
                let rest = u32::from(*byte) * u32::from(255 - sample.cover);
                *byte = ((rest + u32::from(sample.value) + 127) / 255).min(255) as u8;
            }
        }
    }
}

fn layer(piece: &Piece, canvas: (u32, u32), (width, height): (u32, u32)) -> Option<Layer> {
    let (x, columns) = spread(piece.x, piece.width, canvas.0, width)?;
    let (y, rows) = spread(piece.y, piece.height, canvas.1, height)?;
    let colors: Vec<Color> = rows
        .iter()
        .flat_map(|rows| columns.iter().map(|columns| mean(piece, columns.clone(), rows.clone())))
        .collect();
    let luma = Patch {
        x,
        y,
        width: columns.len(),
        samples: colors.iter().map(|color| sample(luma(*color), color[3])).collect(),
    };
    // Two by two pixels share a chroma sample; the rectangle begins and ends at even places.
    let at = |x: usize, y: usize| colors[y * columns.len() + x];
    let quarter: Vec<Color> = (0..rows.len() / 2)
        .flat_map(|y| (0..columns.len() / 2).map(move |x| (x * 2, y * 2)))
        .map(|(x, y)| {
            let four = [at(x, y), at(x + 1, y), at(x, y + 1), at(x + 1, y + 1)];
            std::array::from_fn(|n| (four.iter().map(|color| color[n]).sum::<u32>() + 2) / 4)
        })
        .collect();
    let chroma = |of: fn(Color) -> f32| Patch {
        x: x / 2,
        y: y / 2,
        width: columns.len() / 2,
        samples: quarter.iter().map(|color| sample(of(*color), color[3])).collect(),
    };
    Some(Layer {
        planes: [luma, chroma(blue_difference), chroma(red_difference)],
    })
}

/// For each pixel of a picture that a stretch of a canvas covers, which of the stretch it shows: from where on, an even place,
/// and an even number of them.
fn spread(at: u32, length: u32, canvas: u32, picture: u32) -> Option<(usize, Vec<std::ops::Range<usize>>)> {
    let (at, length, canvas, picture) = (
        u64::from(at),
        u64::from(length),
        u64::from(canvas.max(1)),
        u64::from(picture),
    );
    let begin = (at * picture / canvas) & !1;
    let end = ((at + length) * picture)
        .div_ceil(canvas)
        .next_multiple_of(2)
        .min(picture & !1);
    let shown = |pixel: u64| {
        // Places on the canvas, and from there in the piece; an empty stretch is beside it.
        let from = pixel * canvas / picture;
        let until = ((pixel + 1) * canvas / picture).max(from + 1);
        let inside = |place: u64| (place.clamp(at, at + length) - at) as usize;
        inside(from)..inside(until)
    };
    (begin < end).then(|| (begin as usize, (begin..end).map(shown).collect()))
}

/// The mean of some pixels of a piece; those beside it cover nothing.
fn mean(piece: &Piece, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> Color {
    let n = (columns.len() * rows.len()) as u32;
    let mut sum = [0; 4];
    for row in rows {
        let line = &piece.pixels[row * piece.width as usize..][columns.clone()];
        for [red, green, blue, alpha] in line.iter().map(|&pixel| piece.palette[usize::from(pixel)]) {
            for (sum, part) in sum.iter_mut().zip([red, green, blue]) {
                *sum += (u32::from(part) * u32::from(alpha) + 127) / 255;
            }
            sum[3] += u32::from(alpha);
        }
    }
    sum.map(|sum| (sum + n / 2).checked_div(n).unwrap_or(0))
}

fn sample(value: f32, cover: u32) -> Sample {
    Sample {
        value: value.round().clamp(0.0, 65_025.0) as u16,
        cover: cover.min(255) as u8,
    }
}

/// BT.709 in limited range, times the cover: offsets are a part of what covers.
fn luma([red, green, blue, cover]: Color) -> f32 {
    let bright = 0.2126 * red as f32 + 0.7152 * green as f32 + 0.0722 * blue as f32;
    bright * 219.0 + cover as f32 * 16.0
}

fn bright([red, green, blue, _]: Color) -> f32 {
    0.2126 * red as f32 + 0.7152 * green as f32 + 0.0722 * blue as f32
}

fn blue_difference(color: Color) -> f32 {
    (color[2] as f32 - bright(color)) / 1.8556 * 224.0 + color[3] as f32 * 128.0
}

fn red_difference(color: Color) -> f32 {
    (color[0] as f32 - bright(color)) / 1.5748 * 224.0 + color[3] as f32 * 128.0
}

#[cfg(test)]
mod tests {
    use media_av::encode::{Frame, PixelFormat};
    use media_av::subtitle::Piece;

    use super::Overlay;

    /// A piece of one color.
    fn piece(x: u32, y: u32, width: u32, height: u32, color: [u8; 4]) -> Piece {
        Piece {
            x,
            y,
            width,
            height,
            pixels: vec![1; (width * height) as usize],
            palette: (0..256).map(|n| if n == 1 { color } else { [0; 4] }).collect(),
        }
    }

    fn drawn(piece: Piece, canvas: (u32, u32), (width, height): (u32, u32)) -> [Vec<u8>; 3] {
        let mut frame = Frame::picture(PixelFormat::Yuv420p, width, height).expect("a frame");
        let sides = |n: usize| {
            if n == 0 {
                (width, height)
            } else {
                (width / 2, height / 2)
            }
        };
        for n in 0..3 {
            let (plane, _) = frame.plane(n, sides(n).1 as usize);
            plane.fill(if n == 0 { 16 } else { 128 });
        }
        Overlay::new(&[piece], canvas, (width, height))
            .draw(&mut frame)
            .expect("drawn");
        std::array::from_fn(|n| {
            let (width, height) = sides(n);
            let (plane, stride) = frame.plane(n, height as usize);
            plane
                .chunks(stride)
                .flat_map(|row| row[..width as usize].to_vec())
                .collect()
        })
    }

    #[test]
    fn what_covers_has_the_colors_of_the_picture_and_what_does_not_leaves_it() {
        let white = piece(4, 2, 4, 2, [255; 4]);
        let [luma, blue, red] = drawn(white, (16, 8), (16, 8));
        for (at, &value) in luma.iter().enumerate() {
            let is_inside = (4..8).contains(&(at % 16)) && (2..4).contains(&(at / 16));
            assert_eq!(value, if is_inside { 235 } else { 16 }, "{at}");
        }
        assert!(blue.iter().chain(&red).all(|&value| value == 128), "{blue:?} {red:?}");
        let [luma, blue, red] = drawn(piece(0, 0, 16, 8, [255, 0, 0, 255]), (16, 8), (16, 8));
        assert_eq!([luma[0], blue[0], red[0]], [63, 102, 240], "red of BT.709");
        let [luma, _, _] = drawn(piece(0, 0, 16, 8, [255, 255, 255, 128]), (16, 8), (16, 8));
        assert!((125..=127).contains(&luma[0]), "half of it: {}", luma[0]);
    }

    #[test]
    fn a_canvas_of_another_size_is_scaled_and_what_lies_outside_is_left_out() {
        let [luma, ..] = drawn(piece(480, 960, 960, 96, [255; 4]), (1920, 1080), (160, 90));
        for (at, &value) in luma.iter().enumerate() {
            let is_inside = (40..120).contains(&(at % 160)) && (80..88).contains(&(at / 160));
            assert_eq!(value, if is_inside { 235 } else { 16 }, "{} {}", at % 160, at / 160);
        }
        let [larger, ..] = drawn(piece(2, 2, 2, 2, [255; 4]), (8, 8), (32, 32));
        assert_eq!(larger.iter().filter(|&&value| value == 235).count(), 64);
        let [outside, ..] = drawn(piece(6, 6, 100, 100, [255; 4]), (8, 8), (8, 8));
        assert_eq!(outside.iter().filter(|&&value| value == 235).count(), 4);
        drawn(piece(100, 100, 4, 4, [255; 4]), (8, 8), (8, 8));
    }
}
