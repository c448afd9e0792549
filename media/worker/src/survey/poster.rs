//! The poster: the best of the frames that are shown to it, in several sizes.

use media_av::encode::Frame;
use media_proto::error::MediaError;
use media_proto::survey::{ArtifactKind, Poster, PosterSource, Surveyed};

use crate::open::av_error;
use crate::survey::lens::{Lens, Look};
use crate::survey::raster::Raster;
use crate::survey::sheet::Sheet;
use crate::survey::{thumbhash, write};

/// The width at which frames are judged.
const JUDGED_WIDTH: u32 = 192;
/// A frame of a lower score is black, white, flat or a blur.
const GOOD: f32 = 0.2;

/// The choice so far.
pub struct Choice {
    poster: Poster,
    best: Option<(f32, PosterSource, Frame)>,
}

impl Choice {
    /// Nothing chosen yet.
    pub fn new(poster: &Poster) -> Self {
        Self {
            poster: poster.clone(),
            best: None,
        }
    }

    /// Shows it a frame; it is kept if none before was better.
    pub fn candidate(&mut self, frame: &Frame, time_us: i64, lens: &mut Lens) -> Result<(), MediaError> {
        let small = lens.take(frame, lens.fitted(frame, JUDGED_WIDTH), Look::Stamp)?;
        let mut score = score(&small);
        if frame.is_damaged() {
            score *= 0.5;
        }
        if self.best.as_ref().is_none_or(|best| score > best.0) {
            self.best = Some((score, PosterSource::Frame(time_us), frame.share().map_err(av_error)?));
        }
        Ok(())
    }

    /// Takes this very picture.
    pub fn fix(&mut self, frame: &Frame, source: PosterSource) -> Result<(), MediaError> {
        self.best = Some((f32::MAX, source, frame.share().map_err(av_error)?));
        Ok(())
    }

    /// Whether there is a picture that one would want to see.
    pub fn is_good(&self) -> bool {
        self.best.as_ref().is_some_and(|best| best.0 >= GOOD)
    }

    /// Whether there is any picture.
    pub fn is_made(&self) -> bool {
        self.best.is_some()
    }

    /// Writes the chosen picture in all sizes, and its hash; false if there is none.
    pub fn finish(self, lens: &mut Lens, surveyed: &mut Surveyed, sheet: &mut Sheet) -> Result<bool, MediaError> {
        let Some((_, source, frame)) = self.best else {
            return Ok(false);
        };
        let mut widths = self.poster.widths.clone();
        widths.sort_unstable_by(|a, b| b.cmp(a));
        let Some(&widest) = widths.first().filter(|&&width| width > 0) else {
            return Err(MediaError::Invalid {
                reason: "a poster without a width".to_owned(),
            });
        };
        let mut picture = lens.picture(&frame, lens.fitted(&frame, widest))?;
        drop(frame);
        let full = picture.size();
        for (i, &width) in widths.iter().enumerate() {
            // A size that the picture does not reach is left out, unless it is the first: that is the picture's own.
            let is_reached = width as usize <= full.0;
            if !is_reached && i > 0 {
                continue;
            }
            if is_reached && picture.size().0 > width as usize {
                let width = width as usize;
                let height = (full.1 as f64 * width as f64 / full.0 as f64).round().max(1.0) as usize;
                picture = picture.shrunk(width, height)?;
            } else if i > 0 {
                // The picture's own size, which is written already.
                continue;
            }
            let (width, height) = picture.size();
            let size = (width as u32, height as u32);
            for &format in &self.poster.formats {
                let bytes = write::picture(&picture, format)?;
                sheet.add(ArtifactKind::Poster, Some(format), size, &bytes)?;
            }
        }
        surveyed.thumbhash = Some(thumbhash::of(&picture.into_raster()?));
        surveyed.poster = Some(source);
        Ok(true)
    }
}

/// From 0 for a black frame to about 1 for a bright, rich and sharp one.
fn score(raster: &Raster) -> f32 {
    let luma = raster.luma();
    let n = luma.len().max(1) as f32;
    let mean = luma.iter().map(|&value| f32::from(value)).sum::<f32>() / n;
    let variance = luma.iter().map(|&value| (f32::from(value) - mean).powi(2)).sum::<f32>() / n;
    let sharpness = sharpness(&luma, raster.width);
    let exposure = 1.0 - (mean - 118.0).abs() / 137.0;
    let contrast = (variance.sqrt() / 55.0).min(1.0);
    let detail = (sharpness / 14.0).min(1.0);
    let score = 0.2 * exposure + 0.4 * contrast + 0.4 * detail;
    // A title on black has contrast and detail, and still is no picture of the film.
    let is_flat = variance.sqrt() < 10.0;
    let is_extreme = !(22.0..=238.0).contains(&mean);
    match (is_flat, is_extreme) {
        (false, false) => score,
        (true, true) => score * 0.1,
        _ => score * 0.4,
    }
}

/// The mean of how much each pixel differs from those around it.
fn sharpness(luma: &[u8], width: usize) -> f32 {
    if width < 3 || luma.len() < width * 3 {
        return 0.0;
    }
    let (mut sum, mut n) = (0u64, 0u64);
    for rows in luma.chunks_exact(width).collect::<Vec<_>>().windows(3) {
        for x in 1..width - 1 {
            let around = [rows[0][x], rows[2][x], rows[1][x - 1], rows[1][x + 1]];
            let around: i32 = around.into_iter().map(i32::from).sum();
            sum += u64::from((4 * i32::from(rows[1][x]) - around).unsigned_abs());
            n += 1;
        }
    }
    sum as f32 / n as f32
}

#[cfg(test)]
mod tests {
    use super::{GOOD, score};
    use crate::survey::raster::Raster;

    #[test]
    fn black_white_and_flat_score_below_a_picture() {
        let flat = |value: u8| score(&Raster::filled(64, 48, [value, value, value, 255]));
        assert!(flat(0) < GOOD && flat(255) < GOOD && flat(118) < GOOD);
        let mut scene = Raster::filled(64, 48, [90, 120, 60, 255]);
        for i in 0..6 {
            let shade = 30 + 35 * i as u8;
            scene.paste(&Raster::filled(9, 9, [shade, 200, shade, 255]), i * 10, i * 6);
        }
        assert!(score(&scene) > GOOD, "{}", score(&scene));
        assert!(score(&scene) > 3.0 * flat(0));
    }
}
