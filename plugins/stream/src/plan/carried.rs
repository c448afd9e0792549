//! Sound that goes into the ladder as the file has it: AAC as players want it, cut on the grid of the encoded pictures, so
//! that nothing is decoded and encoded once more.

use std::sync::Arc;

use entities::stream;
use media_proto::{
    copy::{CopyHead, lengths_us},
    grid::{Grid, TimeBase, to_ticks},
    head::AAC_FRAME,
};

use crate::rendition::{Copied, FileState, Label, Rendition, Shows};

/// Containers whose packets have true times.
const CONTAINERS: [&str; 4] = ["mp4", "mov", "matroska", "webm"];
/// How much later than the pictures it may begin, and how much earlier end: players bear that much.
const MARGIN_US: i64 = 100_000;
/// The least sound that makes a segment: a few packets.
const LEAST_US: i64 = 200_000;
/// How many frames of the whole may be there that its length does not tell of: those that prime the decoder, and the last.
const SPARE_FRAMES: i64 = 8;

/// Where sound has its place.
pub struct Place<'a> {
    /// The file.
    pub file: FileState,
    /// What the file is.
    pub container: Option<&'a str>,
    /// Its name's extension.
    pub extension: Option<&'a str>,
    /// Which FFmpeg copies.
    pub ffmpeg: &'a str,
    /// Where segments begin.
    pub grid: Grid,
    /// Where the presentation begins, and the unit of that time.
    pub start: (i64, TimeBase),
    /// How long the sound is from there on, in microseconds.
    pub end_us: i64,
    /// How much of it lies before the first of it, in microseconds.
    pub late_us: i64,
    /// How long the pictures are.
    pub film_us: i64,
}

impl Place<'_> {
    /// The sound as it is, if players take it and nothing of it is missing.
    pub fn carry(&self, sound: &stream::Model, label: Label) -> Option<Arc<Rendition>> {
        let is_ours = self.container.is_some_and(|container| CONTAINERS.contains(&container));
        let sample_rate = sound
            .sample_rate
            .filter(|rate| matches!(rate, 44_100 | 48_000))?
            .unsigned_abs();
        let channels = sound.channels.filter(|n| (1..=2).contains(n))?.unsigned_abs();
        // High efficiency doubles the rate behind players' backs.
        let codecs = sound.codec_string.clone().filter(|codecs| codecs == "mp4a.40.2")?;
        let is_whole = self.late_us <= MARGIN_US && self.end_us >= self.film_us - MARGIN_US;
        if !is_ours || sound.codec != "aac" || !is_whole || has_holes(sound, sample_rate) {
            return None;
        }
        let (start, base) = self.start;
        let last = to_ticks(self.end_us - LEAST_US, base);
        let cuts = (0..)
            .map(|n| self.grid.first_tick(n, base))
            .take_while(|cut| *cut < last.max(1));
        let cuts: Vec<i64> = cuts.collect();
        let lengths_us = lengths_us(&cuts, to_ticks(self.end_us, base), base);
        let head = CopyHead {
            extension: self.extension.map(str::to_owned),
            stream: sound.index.unsigned_abs(),
            time_base: (sound.time_base_num, sound.time_base_den),
            ticks_per_second: sample_rate,
            start,
            cut_base: base,
            cuts,
            first_cut: 0,
            is_whole: true,
            first: 0,
            until: 0,
        };
        let bit_rate = sound.bit_rate.and_then(|rate| u64::try_from(rate).ok());
        let copied = Copied {
            shows: Shows::Sound { channels, sample_rate },
            codecs,
            bit_rate: bit_rate.unwrap_or(u64::from(channels) * 96_000),
            lengths_us,
        };
        Some(Arc::new(Rendition::copy(self.file, head, copied, label, self.ffmpeg)))
    }
}

/// Whether the sound has another number of frames than its length needs, or nobody knows how many: what is missing is
/// silence only where it is encoded.
fn has_holes(sound: &stream::Model, sample_rate: u32) -> bool {
    let (Some(n_frames), Some(duration_us)) = (n_frames(sound), sound.duration_us) else {
        return true;
    };
    let samples = i128::from(duration_us) * i128::from(sample_rate) / 1_000_000;
    let needed = i64::try_from(samples / i128::from(AAC_FRAME)).unwrap_or(i64::MAX);
    !(needed - 1..=needed.saturating_add(SPARE_FRAMES)).contains(&n_frames)
}

/// How many packets it has, by the container or by the statistics that muxers of Matroska write.
fn n_frames(sound: &stream::Model) -> Option<i64> {
    let by_tag = || {
        let tags: Vec<(String, String)> = serde_json::from_str(&sound.tags).ok()?;
        let (_, n) = tags.iter().find(|(name, _)| name.starts_with("NUMBER_OF_FRAMES"))?;
        n.parse().ok()
    };
    sound.n_frames.filter(|n| *n > 0).or_else(by_tag)
}
