//! The sheet of stills for seeking.

use media_av::encode::Frame;
use media_proto::error::MediaError;
use media_proto::survey::{ArtifactKind, PictureFormat, SpriteLayout, SpriteSheet, Surveyed};

use crate::survey::lens::{Lens, Look};
use crate::survey::picture::Picture;
use crate::survey::raster::{PIXEL, Raster};
use crate::survey::sheet::Sheet;
use crate::survey::write;

/// The most pixels of a sheet.
const MAX_PIXELS: u64 = 64 << 20;

/// A sheet being filled.
pub struct Sprite {
    format: PictureFormat,
    layout: SpriteLayout,
    canvas: Option<Raster>,
    is_filled: Vec<bool>,
}

impl Sprite {
    /// An empty sheet over so many microseconds.
    pub fn new(wanted: &SpriteSheet, duration_us: i64) -> Result<Self, MediaError> {
        let count = wanted.count.clamp(1, 10_000);
        let interval_us = (duration_us / i64::from(count)).max(1);
        let columns = wanted.columns.clamp(1, count);
        if wanted.tile_width == 0 || wanted.tile_width > 1024 {
            return Err(MediaError::Invalid {
                reason: format!("stills {} pixels wide", wanted.tile_width),
            });
        }
        let layout = SpriteLayout {
            count,
            columns,
            rows: count.div_ceil(columns),
            tile_width: wanted.tile_width,
            tile_height: 0,
            interval_us,
        };
        Ok(Self {
            format: wanted.format,
            layout,
            canvas: None,
            is_filled: vec![false; count as usize],
        })
    }

    /// Whether no still was drawn.
    pub fn is_empty(&self) -> bool {
        self.canvas.is_none()
    }

    /// When the stills are, in microseconds from the start: in the middle of the stretch that each stands for.
    pub fn times_us(&self) -> impl Iterator<Item = i64> + use<> {
        let interval_us = self.layout.interval_us;
        (0..i64::from(self.layout.count)).map(move |i| i * interval_us + interval_us / 2)
    }

    /// From one still to the next.
    pub fn interval_us(&self) -> i64 {
        self.layout.interval_us
    }

    /// Draws the n-th stills, all of which this frame is for.
    pub fn draw(&mut self, indexes: &[usize], frame: &Frame, lens: &mut Lens) -> Result<(), MediaError> {
        let layout = &mut self.layout;
        let canvas = match &mut self.canvas {
            Some(canvas) => canvas,
            None => {
                let (full_width, full_height) = lens.display_size(frame);
                let height = (f64::from(layout.tile_width) * full_height / full_width).round();
                // The highest still is twice as high as wide: a strip would make a sheet of nothing but height.
                layout.tile_height = (height as u32).clamp(2, layout.tile_width * 2);
                let width = u64::from(layout.columns * layout.tile_width);
                let height = u64::from(layout.rows * layout.tile_height);
                if width * height > MAX_PIXELS || width.max(height) > write::MAX_SIDE as u64 {
                    return Err(MediaError::TooLarge {
                        limit: format!("a sheet of {width} by {height} pixels"),
                    });
                }
                self.canvas
                    .insert(Raster::filled(width as usize, height as usize, [0, 0, 0, 255]))
            }
        };
        let still = lens.take(frame, (layout.tile_width, layout.tile_height), Look::Stamp)?;
        for &index in indexes {
            let (column, row) = (index % layout.columns as usize, index / layout.columns as usize);
            canvas.paste(&still, column * still.width, row * still.height);
            self.is_filled[index] = true;
        }
        Ok(())
    }

    /// Writes the sheet; false if no still was drawn.
    pub fn finish(mut self, surveyed: &mut Surveyed, sheet: &mut Sheet) -> Result<bool, MediaError> {
        let Some(mut canvas) = self.canvas.take() else {
            return Ok(false);
        };
        self.repeat_missing(&mut canvas);
        let size = (canvas.width as u32, canvas.height as u32);
        let bytes = write::picture(&Picture::Raster(canvas), self.format)?;
        sheet.add(ArtifactKind::Sprite, Some(self.format), size, &bytes)?;
        surveyed.sprite = Some(self.layout);
        Ok(true)
    }

    /// A still that damage took is shown by the one before it, or after it at the start.
    fn repeat_missing(&self, canvas: &mut Raster) {
        let (width, height) = (self.layout.tile_width as usize, self.layout.tile_height as usize);
        let columns = self.layout.columns as usize;
        let place = |index: usize| (index % columns * width, index / columns * height);
        let first = self.is_filled.iter().position(|&is_filled| is_filled).unwrap_or(0);
        let mut last = first;
        for index in 0..self.is_filled.len() {
            if self.is_filled[index] {
                last = index;
                continue;
            }
            let ((from_x, from_y), (to_x, to_y)) = (place(last), place(index));
            for y in 0..height {
                let from = ((from_y + y) * canvas.width + from_x) * PIXEL;
                let to = ((to_y + y) * canvas.width + to_x) * PIXEL;
                canvas.pixels.copy_within(from..from + width * PIXEL, to);
            }
        }
    }
}
