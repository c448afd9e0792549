//! What a source is turned into for a player: settings that, with the source and the grid, decide every byte of the header.

use serde::{Deserialize, Serialize};

/// A video rendition: 8 bits, 4:2:0, progressive, upright, square pixels, BT.709.
///
/// Its settings never change once a segment was handed out: they are hashed into its address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VideoRendition {
    /// How pictures are encoded.
    pub codec: VideoCodec,
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Frames per second that the encoder is told; frames keep their own times.
    pub frame_rate: (i32, i32),
    /// The bit rate that is aimed at, in bits per second.
    pub bit_rate: u64,
    /// The highest bit rate over [`buffer_bits`](Self::buffer_bits).
    pub max_bit_rate: u64,
    /// The decoder's buffer, in bits.
    pub buffer_bits: u64,
    /// How much work goes into it.
    pub preset: Preset,
    /// H.264's level, times ten: 31 for 3.1. Nothing to other codecs.
    pub level: u8,
    /// Whether high dynamic range is mapped to standard.
    pub is_tone_mapped: bool,
    /// Whether interlaced pictures are made progressive.
    pub is_deinterlaced: bool,
    /// Whether every keyframe brings the parameter sets that it needs, so that segments of any encoder fit one header.
    #[serde(default)]
    pub is_self_describing: bool,
}

/// How pictures are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum VideoCodec {
    /// What everything plays.
    H264,
    /// Half the size, for many times the work: for whole files only.
    Av1,
}

/// How much work goes into compression, by x264's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Preset {
    /// For drafts.
    Ultrafast,
    /// For proxies.
    Superfast,
    /// For playback.
    Veryfast,
    /// For what is kept.
    Medium,
}

impl Preset {
    /// x264's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ultrafast => "ultrafast",
            Self::Superfast => "superfast",
            Self::Veryfast => "veryfast",
            Self::Medium => "medium",
        }
    }

    /// SVT-AV1's number.
    pub fn of_av1(self) -> u8 {
        match self {
            Self::Ultrafast => 12,
            Self::Superfast => 10,
            Self::Veryfast => 8,
            Self::Medium => 6,
        }
    }
}

/// An audio rendition: AAC-LC.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AudioRendition {
    /// The stream's position in the file.
    pub stream: u32,
    /// How many channels.
    pub channels: u32,
    /// Samples per second, 44,100 or 48,000.
    pub sample_rate: u32,
    /// Bits per second.
    pub bit_rate: u64,
}

impl AudioRendition {
    /// How a stream is encoded, by its channels and samples a second: as what every player has speakers for.
    pub fn of(stream: u32, channels: Option<i32>, sample_rate: Option<i32>) -> Self {
        let channels = channels.map_or(2, |n| if n == 1 { 1 } else { 2 });
        let is_of_44 = |rate: i32| rate > 0 && 44_100 % rate == 0 || rate == 88_200 || rate == 176_400;
        Self {
            stream,
            channels,
            sample_rate: if sample_rate.is_some_and(is_of_44) {
                44_100
            } else {
                48_000
            },
            bit_rate: if channels == 1 { 96_000 } else { 160_000 },
        }
    }
}

/// What a ladder is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Width in pixels as displayed: turned upright, pixels made square.
    pub width: u32,
    /// Height in pixels as displayed.
    pub height: u32,
    /// Frames per second, if known and constant.
    pub frame_rate: Option<(i32, i32)>,
    /// Bits per second, if known.
    pub bit_rate: Option<u64>,
    /// Whether it is of high dynamic range.
    pub is_hdr: bool,
    /// Whether it is interlaced.
    pub is_interlaced: bool,
}

/// Lines of the shorter side, and the bit rate at 30 frames a second.
const RUNGS: [(u32, u64); 7] = [
    (2160, 16_000_000),
    (1440, 9_000_000),
    (1080, 5_000_000),
    (720, 2_800_000),
    (480, 1_200_000),
    (360, 700_000),
    (240, 350_000),
];

/// The rate that is assumed where none is known.
const USUAL_RATE: (i32, i32) = (30, 1);

/// The rungs for a source, best first: its own size, then each smaller standard size, at least one. None is larger than
/// the source, and none has a higher bit rate.
pub fn ladder(source: &Source, preset: Preset) -> Vec<VideoRendition> {
    let shorter = source.width.min(source.height).max(2);
    let own = usual_bit_rate(shorter);
    let mut rungs = vec![(shorter.min(RUNGS[0].0), own)];
    // A rung hardly smaller than the source helps nobody.
    rungs.extend(
        RUNGS
            .iter()
            .filter(|(lines, _)| lines * 10 <= shorter.min(RUNGS[0].0) * 9),
    );
    rungs
        .into_iter()
        .map(|(lines, rate)| rung(source, preset, lines, rate))
        .collect()
}

/// The bit rate at 30 frames a second that pictures of so many lines get when nothing else is asked for.
pub fn usual_bit_rate(lines: u32) -> u64 {
    let enough = RUNGS.iter().rev().find(|(most, _)| *most >= lines);
    enough.map_or(RUNGS[0].1, |(_, rate)| *rate)
}

/// One rung of so many lines on its shorter side.
pub fn rung(source: &Source, preset: Preset, lines: u32, rate_at_30: u64) -> VideoRendition {
    let frame_rate = source
        .frame_rate
        .filter(|&(num, den)| num > 0 && den > 0)
        .unwrap_or(USUAL_RATE);
    let (width, height) = fit(source, lines);
    let frames_per_second = frame_rate.0 as f64 / frame_rate.1 as f64;
    // Twice the frames are more alike, so they need less than twice the bits.
    let factor = (frames_per_second / 30.0).clamp(0.5, 4.0).powf(0.6);
    let mut bit_rate = (rate_at_30 as f64 * factor) as u64;
    if let Some(of_source) = source.bit_rate.filter(|&rate| rate > 100_000) {
        // H.264 needs up to half more than newer codecs for the same picture; more than that is waste.
        bit_rate = bit_rate.min(of_source + of_source / 2);
    }
    let max_bit_rate = bit_rate + bit_rate / 2;
    VideoRendition {
        codec: VideoCodec::H264,
        width,
        height,
        frame_rate,
        bit_rate,
        max_bit_rate,
        buffer_bits: bit_rate * 2,
        preset,
        level: level(width, height, frames_per_second, max_bit_rate),
        is_tone_mapped: source.is_hdr,
        is_deinterlaced: source.is_interlaced,
        is_self_describing: false,
    }
}

/// The source's shape with so many lines on the shorter side, in even numbers, never enlarged.
fn fit(source: &Source, lines: u32) -> (u32, u32) {
    let (width, height) = (source.width.max(2), source.height.max(2));
    let shorter = width.min(height);
    let lines = lines.min(shorter);
    let even = |side: u32| {
        let scaled = (u64::from(side) * u64::from(lines) * 2 + u64::from(shorter)) / (u64::from(shorter) * 2);
        ((scaled as u32) & !1).max(2)
    };
    (even(width), even(height))
}

/// Levels of H.264 (table A-1): number, macroblocks per second, per frame, and bit rate of the High profile.
const LEVELS: [(u8, u64, u64, u64); 14] = [
    (11, 3_000, 396, 240_000),
    (12, 6_000, 396, 480_000),
    (13, 11_880, 396, 960_000),
    (20, 11_880, 396, 2_500_000),
    (21, 19_800, 792, 5_000_000),
    (22, 20_250, 1_620, 5_000_000),
    (30, 40_500, 1_620, 12_500_000),
    (31, 108_000, 3_600, 17_500_000),
    (32, 216_000, 5_120, 25_000_000),
    (40, 245_760, 8_192, 25_000_000),
    (42, 522_240, 8_704, 62_500_000),
    (50, 589_824, 22_080, 168_750_000),
    (51, 983_040, 36_864, 300_000_000),
    (52, 2_073_600, 36_864, 300_000_000),
];

/// The lowest level of H.264 that allows this.
fn level(width: u32, height: u32, frames_per_second: f64, max_bit_rate: u64) -> u8 {
    let blocks = u64::from(width.div_ceil(16)) * u64::from(height.div_ceil(16));
    let per_second = (blocks as f64 * frames_per_second).ceil() as u64;
    let fits = |&&(_, most_per_second, most, rate): &&(u8, u64, u64, u64)| {
        // No side may be longer than the square root of eight times the macroblocks of a frame.
        let longest = u64::from(width.max(height).div_ceil(16));
        per_second <= most_per_second && blocks <= most && longest * longest <= most * 8 && max_bit_rate <= rate
    };
    LEVELS.iter().find(fits).map_or(62, |(level, ..)| *level)
}

#[cfg(test)]
mod tests {
    use super::{Preset, Source, ladder};

    fn source(width: u32, height: u32, frame_rate: (i32, i32)) -> Source {
        Source {
            width,
            height,
            frame_rate: Some(frame_rate),
            bit_rate: None,
            is_hdr: false,
            is_interlaced: false,
        }
    }

    fn sizes(source: &Source) -> Vec<(u32, u32)> {
        let rungs = ladder(source, Preset::Veryfast);
        rungs.iter().map(|rung| (rung.width, rung.height)).collect()
    }

    #[test]
    fn rungs_keep_the_shape_and_are_never_larger_than_the_source() {
        assert_eq!(
            sizes(&source(1920, 1080, (24, 1))),
            [(1920, 1080), (1280, 720), (852, 480), (640, 360), (426, 240)]
        );
        assert_eq!(sizes(&source(1080, 1920, (30, 1)))[..2], [(1080, 1920), (720, 1280)]);
        assert_eq!(sizes(&source(1920, 800, (24, 1)))[..2], [(1920, 800), (1728, 720)]);
        assert_eq!(sizes(&source(7680, 4320, (60, 1)))[0], (3840, 2160));
        assert_eq!(sizes(&source(321, 181, (30, 1))), [(320, 180)]);
        assert_eq!(sizes(&source(1, 1, (1, 1))), [(2, 2)]);
    }

    #[test]
    fn bit_rates_fall_with_the_size_and_stay_near_the_source() {
        let mut film = source(1920, 1080, (24_000, 1001));
        let rates = |source: &Source| -> Vec<u64> {
            ladder(source, Preset::Veryfast)
                .iter()
                .map(|rung| rung.bit_rate)
                .collect()
        };
        assert!(rates(&film).windows(2).all(|pair| pair[0] > pair[1]));
        film.bit_rate = Some(600_000);
        assert!(rates(&film).iter().all(|&rate| rate <= 900_000));
    }

    #[test]
    fn levels_are_those_of_the_standard() {
        let level = |width, height, rate| ladder(&source(width, height, rate), Preset::Veryfast)[0].level;
        assert_eq!(level(1280, 720, (30, 1)), 31);
        assert_eq!(level(1280, 720, (60, 1)), 32);
        assert_eq!(level(1920, 1080, (30, 1)), 40);
        assert_eq!(level(1920, 1080, (60, 1)), 42);
        assert_eq!(level(3840, 2160, (30, 1)), 51);
        assert_eq!(level(3840, 2160, (60, 1)), 52);
        assert_eq!(level(720, 576, (25, 1)), 30);
    }
}
