//! From a decoded frame to a small upright picture in sRGB: size, shape of pixels, colors and orientation.

use media_av::encode::{Frame, PixelFormat};
use media_av::picture::Colors;
use media_av::scale::{Filter, Mix, Scaler};
use media_proto::error::MediaError;

use crate::open::av_error;
use crate::survey::color::{Profile, Tone};
use crate::survey::picture::Picture;
use crate::survey::planes::Planes;
use crate::survey::raster::{Orientation, Raster};

/// No picture is higher than so many times its width: a long strip becomes narrow instead.
const MAX_RATIO: f64 = 4.0;

/// What is known of a stream's pictures besides the frames themselves.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// How to turn them.
    pub orientation: Orientation,
    /// The shape of their pixels, where the frame does not say.
    pub sample_aspect_ratio: Option<(i32, i32)>,
    /// Their color profile, where the frame does not carry one.
    pub icc_profile: Option<Vec<u8>>,
}

/// Makes small pictures of the frames of one stream.
pub struct Lens {
    known: Known,
    /// One for each size in use, the latest last.
    scalers: Vec<(u32, u32, Filter, Scaler)>,
    tone: Option<Tone>,
    profile: Option<Profile>,
}

/// How a picture is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// For people: fine filter, colors of sRGB.
    Fine,
    /// For people, at the size of a stamp.
    Stamp,
    /// For a hash that must equal that of other tools: their filter, pixels taken for square, brightness as stored.
    Plain,
}

/// Places that a glance takes in, across and down.
const GLANCE: (usize, usize) = (32, 18);

/// How many sizes are kept set up: poster, stills, stamp, score, hash, preview.
const MAX_SCALERS: usize = 8;

impl Lens {
    /// For a stream of which this is known.
    pub fn new(known: Known) -> Self {
        Self {
            known,
            scalers: Vec::new(),
            tone: None,
            profile: None,
        }
    }

    /// How the stored pictures must be turned.
    pub fn orientation(&self) -> Orientation {
        self.known.orientation
    }

    /// The size in which a frame is shown: upright and with square pixels.
    pub fn display_size(&self, frame: &Frame) -> (f64, f64) {
        let (width, height) = frame.size();
        let (mut width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
        let ratio = frame.sample_aspect_ratio().or(self.known.sample_aspect_ratio);
        // Nonsense is met in the wild; a real pixel is at most a few times as wide as high.
        if let Some(ratio) = ratio.map(|(num, den)| f64::from(num) / f64::from(den))
            && (0.1..=10.0).contains(&ratio)
        {
            width = (width * ratio).round().max(1.0);
        }
        if self.known.orientation.is_sideways() {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// The upright size that a frame gets when it shall be so wide, or as wide as it is.
    pub fn fitted(&self, frame: &Frame, width: u32) -> (u32, u32) {
        let (full_width, full_height) = self.display_size(frame);
        let ratio = full_height / full_width;
        let widest = f64::from(width).min(full_width);
        let highest = f64::from(width) * MAX_RATIO;
        let width = if widest * ratio > highest {
            highest / ratio
        } else {
            widest
        };
        (width.round().max(1.0) as u32, (width * ratio).round().max(1.0) as u32)
    }

    /// The frame as a picture of that upright size.
    pub fn take(&mut self, frame: &Frame, size: (u32, u32), look: Look) -> Result<Raster, MediaError> {
        let orientation = self.known.orientation;
        let (width, height) = if orientation.is_sideways() {
            (size.1, size.0)
        } else {
            size
        };
        let colors = frame.colors();
        let mix = source_mix(frame, look);
        let is_hdr = look != Look::Plain && Tone::is_needed(colors);
        let format = if is_hdr { PixelFormat::Rgba64 } else { PixelFormat::Bgra };
        let mut scaled = Frame::picture(format, width, height).map_err(av_error)?;
        let is_halved = frame.layout().is_some_and(|layout| !layout.is_rgb && layout.depth == 8);
        let filter = match look {
            // What is stored with half the chroma, or written so at the end, loses nothing.
            Look::Fine if is_halved => Filter::Even,
            Look::Fine => Filter::Fine,
            Look::Stamp => Filter::Bilinear,
            Look::Plain => Filter::Bicubic,
        };
        self.scaler(width, height, filter)
            .scale(frame, mix, &mut scaled, Mix::JPEG)
            .map_err(av_error)?;
        let mut raster = if is_hdr {
            let tone = match self.tone.take() {
                Some(tone) if tone.is_for(colors) => tone,
                _ => Tone::new(colors),
            };
            self.tone.insert(tone).map(&scaled)
        } else {
            let mut raster = Raster::from_frame(&scaled);
            if look != Look::Plain {
                self.profile(frame, colors).apply(&mut raster);
            }
            raster
        };
        if frame.layout().is_some_and(|layout| layout.has_alpha) {
            raster = raster.laid_on_ground();
        }
        Ok(raster.upright(orientation))
    }

    /// The frame as a picture of that upright size for people, in the planes that it came in where nothing else is to be done
    /// to it.
    pub fn picture(&mut self, frame: &Frame, size: (u32, u32)) -> Result<Picture, MediaError> {
        let colors = frame.colors();
        let mix = source_mix(frame, Look::Fine);
        let is_planes = frame
            .layout()
            .is_some_and(|layout| !layout.is_rgb && !layout.is_gray && !layout.has_alpha && layout.is_planar);
        let is_as_shown = self.known.orientation == Orientation::default() && !Tone::is_needed(colors);
        if !is_planes || !is_as_shown || !Planes::know(mix) || !self.profile(frame, colors).is_plain() {
            return self.take(frame, size, Look::Fine).map(Picture::Raster);
        }
        let mut scaled = Frame::picture(PixelFormat::Yuv420p, size.0, size.1).map_err(av_error)?;
        self.scaler(size.0, size.1, Filter::Even)
            .scale(frame, mix, &mut scaled, mix)
            .map_err(av_error)?;
        Ok(Picture::Planes(Planes::new(scaled, mix)))
    }

    /// A glance at a frame: the luma of a few hundred places, in full range, as stored. Cheap enough for every frame.
    pub fn glance(&mut self, frame: &Frame) -> Result<Vec<u8>, MediaError> {
        let (width, height) = frame.size();
        let (width, height) = (width as usize, height as usize);
        let is_simple = frame
            .layout()
            .is_some_and(|layout| layout.depth == 8 && !layout.is_rgb && layout.is_planar);
        let (across, down) = GLANCE;
        if !is_simple || width < across * 4 || height < down * 4 {
            let size = (across as u32, down as u32);
            return Ok(self.take(frame, size, Look::Plain)?.luma());
        }
        let rows: Vec<&[u8]> = frame.rows(0, height, width).collect();
        let full = |value: u32| ((value.saturating_sub(16)) * 255 / 219).min(255) as u8;
        let is_full_range = frame.colors().is_full_range == Some(true);
        let mut luma = Vec::with_capacity(across * down);
        for y in 0..down {
            for x in 0..across {
                let (left, top) = (x * width / across, y * height / down);
                let (step_x, step_y) = (width / across / 4, height / down / 4);
                let places = (0..16).map(|i| {
                    rows.get(top + i / 4 * step_y)
                        .map_or(0, |row| u32::from(row[left + i % 4 * step_x]))
                });
                let mean = places.sum::<u32>() / 16;
                luma.push(if is_full_range { mean as u8 } else { full(mean) });
            }
        }
        Ok(luma)
    }

    /// What brings stated colors to sRGB: the profile, or the primaries where they are wide.
    fn profile(&mut self, frame: &Frame, colors: Colors) -> &Profile {
        let stated = frame.icc_profile().or(self.known.icc_profile.as_deref());
        let current = self.profile.take().filter(|profile| profile.is_for(stated, colors));
        let profile = current.unwrap_or_else(|| Profile::new(stated, colors));
        self.profile.insert(profile)
    }

    fn scaler(&mut self, width: u32, height: u32, filter: Filter) -> &mut Scaler {
        let at = self
            .scalers
            .iter()
            .position(|kept| (kept.0, kept.1, kept.2) == (width, height, filter));
        let kept = match at {
            Some(at) => self.scalers.remove(at),
            None => {
                if self.scalers.len() >= MAX_SCALERS {
                    self.scalers.remove(0);
                }
                (width, height, filter, Scaler::new(filter))
            }
        };
        self.scalers.push(kept);
        let last = self.scalers.len() - 1;
        &mut self.scalers[last].3
    }
}

/// How a frame's luma and chroma were mixed. Where it is not said, big pictures count as BT.709 and small ones as BT.601,
/// as in players; the tools whose hashes we match take BT.601 for all.
pub fn source_mix(frame: &Frame, look: Look) -> Mix {
    let colors = frame.colors();
    let (width, height) = frame.size();
    let is_big = look != Look::Plain && (width >= 1280 || height > 576);
    let stated = colors.matrix.filter(|&matrix| matrix != 0);
    let by_primaries = || match colors.primaries {
        Some(1) if look != Look::Plain => Some(1),
        Some(9) if look != Look::Plain => Some(9),
        _ => None,
    };
    Mix {
        matrix: stated.or_else(by_primaries).unwrap_or(if is_big { 1 } else { 6 }),
        is_full_range: colors.is_full_range.unwrap_or(false),
    }
}
