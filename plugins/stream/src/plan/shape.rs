//! From rows to the shape of a source, and from that to the ladder: no file is opened for it.

use entities::{file, stream};
use media_proto::rendition::{Preset, Source, VideoRendition, ladder};
use schema::media::playback::PlaybackCapabilities;

/// The stream of pictures that is played.
pub fn main_video(streams: &[stream::Model]) -> Option<&stream::Model> {
    streams.iter().find(|stream| stream.is_film())
}

/// The streams of sound.
pub fn sounds(streams: &[stream::Model]) -> impl Iterator<Item = &stream::Model> {
    streams.iter().filter(|stream| stream.is_sound())
}

/// What a ladder is built for.
pub fn source(file: &file::Model, video: &stream::Model) -> Source {
    let (width, height) = video.displayed_size();
    let bit_rate = video.bit_rate.or(file.bit_rate);
    Source {
        width,
        height,
        frame_rate: video.frame_rate(),
        bit_rate: bit_rate.and_then(|rate| u64::try_from(rate).ok()),
        is_hdr: video.is_hdr(),
        is_interlaced: video.is_interlaced(),
    }
}

/// The rungs for a file's pictures, best first. Where devices may encode, their segments fit those of software.
pub fn rungs(file: &file::Model, video: &stream::Model, preset: Preset, uses_devices: bool) -> Vec<VideoRendition> {
    let mut rungs = ladder(&source(file, video), preset);
    for rung in &mut rungs {
        rung.is_self_describing = uses_devices;
    }
    rungs
}

/// What of a ladder a player is offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ceiling {
    /// The greatest height in pixels.
    pub max_height: Option<u32>,
    /// The highest bit rate in bits per second.
    pub max_bit_rate: Option<u64>,
}

impl Ceiling {
    /// The ceiling of a player.
    pub fn of(capabilities: &PlaybackCapabilities) -> Self {
        Self {
            max_height: capabilities.max_height.and_then(|height| u32::try_from(height).ok()),
            max_bit_rate: capabilities.max_bit_rate.and_then(|rate| u64::try_from(rate).ok()),
        }
    }

    /// Whether a rung is below it.
    pub fn admits(self, rung: &VideoRendition) -> bool {
        self.max_height.is_none_or(|most| rung.height <= most)
            && self.max_bit_rate.is_none_or(|most| rung.bit_rate <= most)
    }

    /// The rungs below it; the smallest if none is, for a player that gets nothing plays nothing.
    pub fn among<T>(self, rungs: &[T], settings: impl Fn(&T) -> Option<&VideoRendition>) -> &[T] {
        let first = rungs
            .iter()
            .position(|rung| settings(rung).is_some_and(|rung| self.admits(rung)));
        &rungs[first.unwrap_or(rungs.len().saturating_sub(1))..]
    }
}

impl std::fmt::Display for Ceiling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.max_height, self.max_bit_rate) {
            (None, None) => f.write_str("all"),
            (height, rate) => {
                height.map_or(Ok(()), |height| write!(f, "h{height}"))?;
                rate.map_or(Ok(()), |rate| write!(f, "b{rate}"))
            }
        }
    }
}

impl std::str::FromStr for Ceiling {
    type Err = crate::rendition::Malformed;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" {
            return Ok(Self::default());
        }
        let (height, rate) = text
            .split_once('b')
            .map_or((text, None), |(height, rate)| (height, Some(rate)));
        let height = height.strip_prefix('h').or((height.is_empty()).then_some(""));
        let height = height.ok_or(crate::rendition::Malformed)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| crate::rendition::Malformed);
        let parsed = Self {
            max_height: match height {
                "" => None,
                text => Some(u32::try_from(number(text)?).map_err(|_| crate::rendition::Malformed)?),
            },
            max_bit_rate: rate.map(number).transpose()?,
        };
        // One text for each ceiling, so that there is one URL for each.
        (parsed.to_string() == text)
            .then_some(parsed)
            .ok_or(crate::rendition::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_comes_back_from_its_text() {
        for (max_height, max_bit_rate, text) in [
            (None, None, "all"),
            (Some(720), None, "h720"),
            (None, Some(3_000_000), "b3000000"),
            (Some(0), Some(1), "h0b1"),
        ] {
            let ceiling = Ceiling {
                max_height,
                max_bit_rate,
            };
            assert_eq!(ceiling.to_string(), text);
            assert_eq!(text.parse(), Ok(ceiling));
        }
        for bad in ["", "h", "b", "h07", "h7b", "x1", "h-1", "b1h1", "h99999999999"] {
            assert!(bad.parse::<Ceiling>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_ceiling_leaves_at_least_the_smallest_rung() {
        let film = Source {
            width: 1920,
            height: 1080,
            frame_rate: Some((24, 1)),
            bit_rate: None,
            is_hdr: false,
            is_interlaced: false,
        };
        let rungs = ladder(&film, Preset::Veryfast);
        let heights = |ceiling: Ceiling| -> Vec<u32> {
            ceiling
                .among(&rungs, |rung| Some(rung))
                .iter()
                .map(|rung| rung.height)
                .collect()
        };
        assert_eq!(heights(Ceiling::default()), [1080, 720, 480, 360, 240]);
        let height = |most| Ceiling {
            max_height: Some(most),
            max_bit_rate: None,
        };
        assert_eq!(heights(height(720)), [720, 480, 360, 240]);
        assert_eq!(heights(height(100)), [240]);
        let slow = Ceiling {
            max_bit_rate: Some(1_100_000),
            ..Ceiling::default()
        };
        assert_eq!(heights(slow), [480, 360, 240]);
    }
}
