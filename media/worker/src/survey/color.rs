//! Colors brought to sRGB: high dynamic range by curve and tone map, wide primaries and ICC profiles by transformation.

use media_av::encode::Frame;
use media_av::picture::Colors;
use moxcms::{ColorProfile, Layout, TransformExecutor, TransformOptions};
use std::sync::Arc;

use crate::survey::raster::{PIXEL, Raster};

/// Numbers of ISO/IEC 23091-2: SMPTE ST 2084, "perceptual quantizer".
const PQ: u8 = 16;
/// ARIB STD-B67, "hybrid log-gamma".
const HLG: u8 = 18;
/// Primaries of BT.2020.
const BT2020: u8 = 9;
/// Primaries of DCI-P3 with D65's white, as phones and screens have them.
const P3: u8 = 12;

/// The light that becomes white in cd/m² (BT.2408: reference white of HDR).
const WHITE: f32 = 203.0;
/// The light that still differs from white; brighter is cut.
const PEAK: f32 = 1000.0;

/// Maps pictures of high dynamic range to sRGB.
pub struct Tone {
    colors: Colors,
    /// Light in units of white for each 16-bit value, at a sixteenth of them.
    light: Vec<f32>,
}

/// Entries of the table of light.
const STEPS: usize = 4096;

impl Tone {
    /// Whether a frame of these colors is too bright for a plain conversion.
    pub fn is_needed(colors: Colors) -> bool {
        matches!(colors.transfer, Some(PQ | HLG))
    }

    /// For frames of these colors.
    pub fn new(colors: Colors) -> Self {
        let curve = if colors.transfer == Some(HLG) {
            hlg_light
        } else {
            pq_light
        };
        let light = (0..STEPS).map(|i| curve(i as f32 / (STEPS - 1) as f32) / WHITE);
        Self {
            colors,
            light: light.collect(),
        }
    }

    /// Whether it is for these colors.
    pub fn is_for(&self, colors: Colors) -> bool {
        self.colors == colors
    }

    /// The picture of a frame of 16-bit red, green, blue and alpha.
    pub fn map(&self, frame: &Frame) -> Raster {
        let (width, height) = frame.size();
        let (width, height) = (width as usize, height as usize);
        let mut pixels = Vec::with_capacity(width * height * PIXEL);
        let encode = gamma_table();
        let gamut = if self.colors.primaries == Some(P3) {
            P3_TO_709
        } else {
            BT2020_TO_709
        };
        for row in frame.rows(0, height, width * 8) {
            for pixel in row.chunks_exact(8) {
                let value = |i: usize| u16::from_le_bytes([pixel[i * 2], pixel[i * 2 + 1]]);
                let light = [0, 1, 2].map(|i| self.light[usize::from(value(i)) * (STEPS - 1) / 65_535]);
                let mapped = compress(light);
                let narrow = gamut.map(|row| row[0] * mapped[0] + row[1] * mapped[1] + row[2] * mapped[2]);
                let [red, green, blue] =
                    fit(narrow).map(|light| encode[(light.clamp(0.0, 1.0) * (STEPS - 1) as f32) as usize]);
                pixels.extend([blue, green, red, (value(3) >> 8) as u8]);
            }
        }
        pixels.resize(width * height * PIXEL, 0);
        Raster { width, height, pixels }
    }
}

/// Dims what is brighter than most of white along a curve that ends at the peak, with one factor for all three colors so
/// that hues stay (Reinhard's, extended by a white point; *checked* on HLG and PQ clips against their SDR look).
fn compress(light: [f32; 3]) -> [f32; 3] {
    let brightest = light[0].max(light[1]).max(light[2]);
    let knee = 0.6;
    if brightest <= knee {
        return light;
    }
    let peak = (PEAK / WHITE - knee) / (1.0 - knee);
    let over = (brightest - knee) / (1.0 - knee);
    let dimmed = over * (1.0 + over / (peak * peak)) / (1.0 + over);
    let factor = (knee + (1.0 - knee) * dimmed.min(1.0)) / brightest;
    light.map(|light| light * factor)
}

/// A color that sRGB does not have, paler until it does: cut color by color, skin would turn red and the sky cyan.
fn fit(light: [f32; 3]) -> [f32; 3] {
    let (least, most) = (
        light[0].min(light[1]).min(light[2]),
        light[0].max(light[1]).max(light[2]),
    );
    if least >= 0.0 && most <= 1.0 {
        return light;
    }
    let luma = (0.212_6 * light[0] + 0.715_2 * light[1] + 0.072_2 * light[2]).clamp(0.0, 1.0);
    let mut share = 1.0f32;
    if least < 0.0 {
        share = share.min(luma / (luma - least));
    }
    if most > 1.0 {
        share = share.min((1.0 - luma) / (most - luma));
    }
    light.map(|light| luma + share * (light - luma))
}

/// Light in cd/m² of a signal from 0 to 1 (SMPTE ST 2084).
fn pq_light(signal: f32) -> f32 {
    let (m1, m2) = (0.159_301_76, 78.843_75);
    let (c1, c2, c3) = (0.835_937_5, 18.851_563, 18.6875);
    let power = signal.powf(1.0 / m2);
    10_000.0 * ((power - c1).max(0.0) / (c2 - c3 * power)).powf(1.0 / m1)
}

/// Light in cd/m² of a signal from 0 to 1 on a screen of 1000 cd/m² (BT.2100). The system's gamma of 1.2 belongs to luma;
/// here each color gets it, which *measured* cannot be told apart at this size.
fn hlg_light(signal: f32) -> f32 {
    let (a, b, c) = (0.178_832_77, 0.284_668_92, 0.559_910_7);
    let scene = if signal <= 0.5 {
        signal * signal / 3.0
    } else {
        (((signal - c) / a).exp() + b) / 12.0
    };
    PEAK * scene.powf(1.2)
}

/// BT.2087, annex 2, inverted.
const BT2020_TO_709: [[f32; 3]; 3] = [
    [1.660_491, -0.587_641_1, -0.072_849_9],
    [-0.124_550_5, 1.132_899_9, -0.008_349_4],
    [-0.018_150_8, -0.100_578_9, 1.118_729_7],
];

/// From the primaries of SMPTE EG 432-1 with D65's white.
const P3_TO_709: [[f32; 3]; 3] = [
    [1.224_940_2, -0.224_940_4, 0.0],
    [-0.042_056_9, 1.042_057_1, 0.0],
    [-0.019_637_6, -0.078_636_1, 1.098_273_5],
];

/// sRGB's curve (IEC 61966-2-1), from light to bytes.
fn gamma_table() -> &'static [u8; STEPS] {
    static TABLE: std::sync::OnceLock<[u8; STEPS]> = std::sync::OnceLock::new();
    TABLE.get_or_init(|| {
        std::array::from_fn(|i| {
            let light = i as f32 / (STEPS - 1) as f32;
            let signal = if light <= 0.003_130_8 {
                light * 12.92
            } else {
                1.055 * light.powf(1.0 / 2.4) - 0.055
            };
            (signal * 255.0 + 0.5) as u8
        })
    })
}

/// A transformation of what a profile or wide primaries mean to sRGB, for pictures of ordinary range.
pub struct Profile {
    stated: Option<Vec<u8>>,
    colors: Colors,
    transform: Option<Arc<dyn TransformExecutor<u8> + Send + Sync>>,
}

impl Profile {
    /// For pictures with this ICC profile, or these colors where there is none. One that cannot be read, or is not for red,
    /// green and blue, changes nothing: most that say anything say sRGB.
    pub fn new(stated: Option<&[u8]>, colors: Colors) -> Self {
        let source = match stated {
            Some(bytes) => ColorProfile::new_from_slice(bytes).ok(),
            None => match colors.primaries {
                Some(P3) => Some(ColorProfile::new_display_p3()),
                Some(BT2020) => Some(ColorProfile::new_bt2020()),
                _ => None,
            },
        };
        let transform = source.and_then(|source| {
            let target = ColorProfile::new_srgb();
            let options = TransformOptions::default();
            source
                .create_transform_8bit(Layout::Rgba, &target, Layout::Rgba, options)
                .ok()
        });
        Self {
            stated: stated.map(<[u8]>::to_vec),
            colors,
            transform,
        }
    }

    /// Whether it is for pictures like these.
    pub fn is_for(&self, stated: Option<&[u8]>, colors: Colors) -> bool {
        self.stated.as_deref() == stated && self.colors == colors
    }

    /// Whether the pictures are in sRGB's colors already.
    pub fn is_plain(&self) -> bool {
        self.transform.is_none()
    }

    /// Brings the picture to sRGB.
    pub fn apply(&self, raster: &mut Raster) {
        let Some(transform) = &self.transform else { return };
        raster.pixels.chunks_exact_mut(PIXEL).for_each(|pixel| pixel.swap(0, 2));
        let mut target = vec![0; raster.pixels.len()];
        if transform.transform(&raster.pixels, &mut target).is_ok() {
            raster.pixels = target;
        }
        raster.pixels.chunks_exact_mut(PIXEL).for_each(|pixel| pixel.swap(0, 2));
    }
}

#[cfg(test)]
mod tests {
    use super::{BT2020_TO_709, compress, fit};

    #[test]
    fn what_srgb_does_not_have_turns_paler_and_keeps_its_luma() {
        let luma = |light: [f32; 3]| 0.212_6 * light[0] + 0.715_2 * light[1] + 0.072_2 * light[2];
        for wide in [
            [0.9, 0.05, 0.02],
            [0.0, 0.4, 1.0],
            [0.05, 0.9, 0.0],
            [3.0, 0.2, 0.1],
            [0.2, 0.2, 0.2],
        ] {
            let mapped = compress(wide);
            let narrow = BT2020_TO_709.map(|row| row[0] * mapped[0] + row[1] * mapped[1] + row[2] * mapped[2]);
            let fitted = fit(narrow);
            assert!(
                fitted.iter().all(|light| (-1e-4..=1.0001).contains(light)),
                "{fitted:?}"
            );
            assert!(
                (luma(fitted) - luma(narrow)).abs() < 1e-3,
                "{narrow:?} became {fitted:?}"
            );
            let order = |a: usize, b: usize| (narrow[a] - narrow[b]) * (fitted[a] - fitted[b]) >= -1e-4;
            assert!(
                order(0, 1) && order(1, 2) && order(0, 2),
                "{narrow:?} became {fitted:?}"
            );
        }
        assert_eq!(fit([0.1, 0.5, 1.0]), [0.1, 0.5, 1.0]);
    }
}
