//! Streams as the file has them: which of them go into segments, and where those are cut.

use std::sync::Arc;

use entities::stream;
use media_engine::playlist::VideoRange;
use media_proto::{
    copy::{CopyHead, cuts, lengths_us, video_ticks},
    grid::{SEGMENT_MS, TimeBase},
    keyframes::Keyframes,
};

use crate::rendition::{Copied, FileState, Label, Rendition, Shows};

/// Segments that are longer keep players waiting too long for each.
const LONGEST_SEGMENT_US: i64 = 30_000_000;
/// The least sound that makes a segment: a few packets.
const LEAST_SOUND_US: i64 = 200_000;

/// The pictures of a file that copies are made of.
pub struct Source<'a> {
    /// The file.
    pub file: FileState,
    /// Its name's extension.
    pub extension: Option<&'a str>,
    /// Where it can be cut.
    pub table: &'a Keyframes,
    /// How long the pictures last, in microseconds.
    pub end_us: i64,
    /// Which FFmpeg copies.
    pub ffmpeg: &'a str,
}

/// The codec string of pictures that go into segments; none of others.
pub fn picture_codec(video: &stream::Model) -> Option<String> {
    let told = video.codec_string.clone().filter(|text| text.contains('.'));
    match video.codec.as_str() {
        "h264" | "av1" | "vp9" => told,
        // Parameter sets lie in the header, as segments are written.
        "hevc" => told.map(|text| text.replacen("hev1", "hvc1", 1)),
        _ => None,
    }
}

/// The codec string of sound that goes into segments; none of others.
pub fn sound_codec(sound: &stream::Model) -> Option<String> {
    match sound.codec.as_str() {
        "aac" => sound.codec_string.clone().filter(|text| text.starts_with("mp4a.40.")),
        "opus" => Some("opus".to_owned()),
        "flac" => Some("fLaC".to_owned()),
        _ => None,
    }
}

impl Source<'_> {
    /// The pictures, if they can be cut.
    pub fn pictures(&self, video: &stream::Model, bit_rate: u64, label: Label) -> Option<Arc<Rendition>> {
        let codecs = picture_codec(video)?;
        let cuts = cuts(self.table, SEGMENT_MS)?;
        let end = self.ticks(self.end_us);
        let lengths_us = lengths_us(&cuts, end, self.table.time_base);
        if lengths_us.iter().any(|us| !(1..=LONGEST_SEGMENT_US).contains(us)) {
            return None;
        }
        let head = self.head(video, video_ticks(self.table.time_base), cuts);
        let range = match video.color_transfer.as_deref() {
            Some("smpte2084") => VideoRange::Pq,
            Some("arib-std-b67") => VideoRange::Hlg,
            _ => VideoRange::Sdr,
        };
        let copied = Copied {
            shows: Shows::Pictures(range),
            codecs,
            bit_rate,
            lengths_us,
        };
        Some(Arc::new(Rendition::copy(self.file, head, copied, label, self.ffmpeg)))
    }

    /// A track of sound that ends then, cut where the pictures are.
    pub fn sound(&self, sound: &stream::Model, end_us: i64, label: Label) -> Option<Arc<Rendition>> {
        let codecs = sound_codec(sound)?;
        let sample_rate = sound
            .sample_rate
            .and_then(|rate| u32::try_from(rate).ok())
            .filter(|rate| *rate > 0)?;
        let channels = sound.channels.and_then(|n| u32::try_from(n).ok())?;
        let mut cuts = cuts(self.table, SEGMENT_MS)?;
        let last = self.ticks(end_us - LEAST_SOUND_US);
        cuts.retain(|cut| *cut < last);
        if cuts.is_empty() {
            return None;
        }
        let lengths_us = lengths_us(&cuts, self.ticks(end_us), self.table.time_base);
        let head = self.head(sound, sample_rate, cuts);
        let bit_rate = sound.bit_rate.and_then(|rate| u64::try_from(rate).ok());
        let copied = Copied {
            shows: Shows::Sound { channels, sample_rate },
            codecs,
            bit_rate: bit_rate.unwrap_or(u64::from(channels) * 96_000),
            lengths_us,
        };
        Some(Arc::new(Rendition::copy(self.file, head, copied, label, self.ffmpeg)))
    }

    fn head(&self, stream: &stream::Model, ticks_per_second: u32, cuts: Vec<i64>) -> CopyHead {
        let time_base: TimeBase = (stream.time_base_num, stream.time_base_den);
        CopyHead {
            extension: self.extension.map(str::to_owned),
            stream: stream.index.unsigned_abs(),
            time_base,
            ticks_per_second,
            start: self.table.start_pts,
            cut_base: self.table.time_base,
            cuts,
            first_cut: 0,
            is_whole: true,
            first: 0,
            until: 0,
        }
    }

    fn ticks(&self, us: i64) -> i64 {
        let (num, den) = self.table.time_base;
        let ticks = i128::from(us) * i128::from(den) / (i128::from(num.max(1)) * 1_000_000);
        i64::try_from(ticks).unwrap_or(i64::MAX)
    }
}
