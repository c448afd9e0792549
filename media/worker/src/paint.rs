//! Moving pictures out of a seed: scenes with a shaded ground and shapes that wander, different for each seed and cut.

use media_av::encode::{Frame, PixelFormat};
use media_proto::synthetic::SyntheticVideo;

/// How long a scene lasts.
const SCENE_US: i64 = 700_000;
const N_SHAPES: u64 = 6;

/// Paints the picture of that time.
pub fn picture(frame: &mut Frame, format: PixelFormat, spec: &SyntheticVideo, time_us: i64) {
    let (width, height) = (spec.width as usize, spec.height as usize);
    let scene = Scene::new(spec.seed, time_us);
    match format {
        PixelFormat::Yuv420p | PixelFormat::Yuvj420p => {
            for (plane, shift) in [(0, 0), (1, 1), (2, 1)] {
                let (rows, columns) = (height >> shift, width >> shift);
                let (bytes, stride) = frame.plane(plane, rows);
                for (y, row) in bytes.chunks_exact_mut(stride).take(rows).enumerate() {
                    scene.row(plane, y, rows, &mut row[..columns]);
                }
            }
        }
        // Nothing is made in these; pictures are only decoded to them.
        PixelFormat::Bgra | PixelFormat::Rgba64 | PixelFormat::Yuv420p10 => {}
        PixelFormat::Rgb24 | PixelFormat::Rgb8 => {
            let mut planes = [vec![0; width], vec![0; width], vec![0; width]];
            let (bytes, stride) = frame.plane(0, height);
            for (y, row) in bytes.chunks_exact_mut(stride).take(height).enumerate() {
                for (plane, values) in planes.iter_mut().enumerate() {
                    scene.row(plane, y, height, values);
                }
                for x in 0..width {
                    let [r, g, b] = rgb(planes[0][x], planes[1][x], planes[2][x]);
                    match format {
                        PixelFormat::Rgb24 => row[x * 3..x * 3 + 3].copy_from_slice(&[r, g, b]),
                        _ => row[x] = r & 0xe0 | g >> 5 << 2 | b >> 6,
                    }
                }
            }
        }
    }
}

/// Paints the picture black.
pub fn black(frame: &mut Frame, format: PixelFormat, spec: &SyntheticVideo) {
    let height = spec.height as usize;
    match format {
        PixelFormat::Yuv420p | PixelFormat::Yuvj420p => {
            let black = if format == PixelFormat::Yuv420p { 16 } else { 0 };
            for (plane, rows, value) in [(0, height, black), (1, height / 2, 128), (2, height / 2, 128)] {
                frame.plane(plane, rows).0.fill(value);
            }
        }
        _ => frame.plane(0, height).0.fill(0),
    }
}

/// What is to be seen at one moment; places and sizes are parts of the picture in 1/65536.
struct Scene {
    ground: [(i64, i64, i64); 3],
    shapes: Vec<Shape>,
}

struct Shape {
    center: (i64, i64),
    radius: (i64, i64),
    color: [u8; 3],
    round: bool,
}

impl Scene {
    fn new(seed: u64, time_us: i64) -> Self {
        let number = (time_us / SCENE_US) as u64;
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03));
        let mut plane = |low: u64, high: u64| {
            let base = (low + random.below(high - low)) as i64;
            (base, random.below(100) as i64 - 50, random.below(100) as i64 - 50)
        };
        let ground = [plane(70, 180), plane(80, 176), plane(80, 176)];
        let within = time_us % SCENE_US;
        let shapes = (0..N_SHAPES).map(|_| {
            let mut part = || random.below(65_536) as i64;
            let start = (part(), part());
            // Up to one picture a second in each direction.
            let speed = (part() * 2 - 65_536, part() * 2 - 65_536);
            let moved = |start: i64, speed: i64| (start + speed * within / 1_000_000).rem_euclid(65_536);
            let center = (moved(start.0, speed.0), moved(start.1, speed.1));
            let radius = (3_000 + part() / 6, 3_000 + part() / 6);
            let bits = random.next();
            let color = [
                30 + (bits % 200) as u8,
                40 + (bits >> 16) as u8 % 176,
                40 + (bits >> 32) as u8 % 176,
            ];
            Shape {
                center,
                radius,
                color,
                round: bits >> 48 & 1 == 0,
            }
        });
        Self {
            ground,
            shapes: shapes.collect(),
        }
    }

    fn row(&self, plane: usize, y: usize, rows: usize, row: &mut [u8]) {
        let columns = row.len() as i64;
        let (base, across, down) = self.ground[plane];
        let left = base * 65_536 + down * 65_536 * y as i64 / rows as i64;
        let step = across * 65_536 / columns;
        for (x, value) in row.iter_mut().enumerate() {
            *value = ((left + step * x as i64) >> 16).clamp(16, 235) as u8;
        }
        let place = y as i64 * 65_536 / rows as i64;
        for shape in &self.shapes {
            let off = (place - shape.center.1).abs();
            if off > shape.radius.1 {
                continue;
            }
            let half = if shape.round {
                let part = off as f32 / shape.radius.1 as f32;
                (shape.radius.0 as f32 * (1.0 - part * part).sqrt()) as i64
            } else {
                shape.radius.0
            };
            let from = (((shape.center.0 - half) * columns) >> 16).clamp(0, columns) as usize;
            let to = (((shape.center.0 + half) * columns) >> 16).clamp(0, columns) as usize;
            row[from..to].fill(shape.color[plane]);
        }
    }
}

/// BT.601, limited range.
fn rgb(y: u8, u: u8, v: u8) -> [u8; 3] {
    let (y, u, v) = ((i32::from(y) - 16) * 298, i32::from(u) - 128, i32::from(v) - 128);
    [y + 409 * v, y - 100 * u - 208 * v, y + 516 * u].map(|value| ((value + 128) >> 8).clamp(0, 255) as u8)
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ value >> 31
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}
