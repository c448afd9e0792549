//! Everything a container says about itself: the result of a probe.
//!
//! Times are microseconds, rates bits per second. All texts come from the file: they are display text, never paths or
//! options, and [`Probe::check`] bounds them before the server keeps any.

use serde::{Deserialize, Serialize};

/// The longest text of a probe, in bytes; lyrics and descriptions are longer than names.
pub const MAX_TEXT: usize = 16 * 1024;
/// The most streams in a reply.
pub const MAX_STREAMS: usize = 512;
/// The most chapters in a reply.
pub const MAX_CHAPTERS: usize = 4096;
/// The most pages of an archive.
pub const MAX_PAGES: usize = 10_000;
/// The most tags of a file, a stream or a chapter.
pub const MAX_TAGS: usize = 256;

/// What a file is and holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// The canonical short name: `mp4`, `mov`, `matroska`, `webm`, `mpegts`, `ogg`, `flac`, `mp3`, `jpeg`, ..
    pub container: String,
    /// libav's name of the demuxer, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub demuxer: String,
    /// What the file is for its viewer.
    pub kind: MediaKind,
    /// How long it plays; none for stills and where nobody knows.
    pub duration_us: Option<i64>,
    /// The first timestamp.
    pub start_us: Option<i64>,
    /// Bits per second over the whole file.
    pub bit_rate: Option<i64>,
    /// All streams in the file's order.
    pub streams: Vec<Stream>,
    /// All chapters in the file's order.
    pub chapters: Vec<Chapter>,
    /// The container's tags in the file's order.
    pub tags: Vec<(String, String)>,
    /// What was odd about the file, as sentences.
    pub warnings: Vec<String>,
    /// Of an archive of pictures, its pages in their order; then the streams are those of the first.
    pub pages: Vec<Page>,
}

/// A picture in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// What the archive calls it.
    pub name: String,
    /// How long it is, in bytes, as the archive says.
    pub n_bytes: u64,
}

/// What a file is for its viewer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MediaKind {
    /// Has moving pictures.
    Video,
    /// Has sound and no moving pictures; a cover does not count.
    Audio,
    /// Is one picture, or a short animation such as a GIF.
    Image,
    /// Holds subtitles only.
    Subtitle,
    /// Holds none of these.
    #[default]
    None,
}

/// What a stream carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StreamKind {
    /// Moving pictures, a still or a cover.
    Video,
    /// Sound.
    Audio,
    /// Text or bitmap subtitles.
    Subtitle,
    /// A font or another attached file.
    Attachment,
    /// Anything else: timed metadata, time codes.
    #[default]
    Data,
}

/// High dynamic range, as signaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Hdr {
    /// PQ transfer with static metadata or none.
    Hdr10,
    /// PQ transfer with dynamic metadata after SMPTE 2094-40.
    Hdr10Plus,
    /// Hybrid log-gamma.
    Hlg,
    /// Dolby Vision.
    DolbyVision {
        /// Its profile, such as 5 or 8.
        profile: u8,
    },
}

/// One stream. Fields of other kinds than its own are none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    /// Position in the file, from 0.
    pub index: u32,
    /// What it carries.
    pub kind: StreamKind,
    /// libav's codec name, such as `h264`; `unknown` if it has none.
    pub codec: String,
    /// The codec after RFC 6381, such as `avc1.64001f`, where the file tells enough.
    pub codec_string: Option<String>,
    /// The container's own four characters, if printable.
    pub codec_tag: Option<String>,
    /// The codec's profile by name.
    pub profile: Option<String>,
    /// The codec's level as the codec numbers it (H.264: 31 for 3.1).
    pub level: Option<i32>,
    /// The language as the file spells it, `und` left out.
    pub language: Option<String>,
    /// The stream's title.
    pub title: Option<String>,
    /// Whether players pick it by default.
    pub is_default: bool,
    /// Whether it shows even when its kind is turned off.
    pub is_forced: bool,
    /// Whether it is a cover rather than moving pictures.
    pub is_attached_picture: bool,
    /// For subtitles: whether they are text rather than bitmaps.
    pub is_text: bool,
    /// Bits per second.
    pub bit_rate: Option<i64>,
    /// How long it plays.
    pub duration_us: Option<i64>,
    /// Its first timestamp.
    pub start_us: Option<i64>,
    /// Seconds per tick of its timestamps, as numerator and denominator.
    pub time_base: (i32, i32),
    /// How many frames the container lists.
    pub n_frames: Option<i64>,
    /// Width in pixels as coded for display, before rotation.
    pub width: Option<u32>,
    /// Height in pixels as coded for display, before rotation.
    pub height: Option<u32>,
    /// The shape of a pixel, when not square or when stated.
    pub sample_aspect_ratio: Option<(i32, i32)>,
    /// Frames per second.
    pub frame_rate: Option<(i32, i32)>,
    /// libav's pixel format, such as `yuv420p`.
    pub pixel_format: Option<String>,
    /// Bits per color component.
    pub bit_depth: Option<u8>,
    /// Degrees to turn the picture clockwise for display: 0, 90, 180 or 270.
    pub rotation: u16,
    /// High dynamic range, if signaled.
    pub hdr: Option<Hdr>,
    /// Matrix coefficients, such as `bt709`.
    pub color_space: Option<String>,
    /// Color primaries.
    pub color_primaries: Option<String>,
    /// Transfer characteristics.
    pub color_transfer: Option<String>,
    /// `tv` (limited) or `pc` (full).
    pub color_range: Option<String>,
    /// `progressive`, `tt`, `bb`, `tb` or `bt`.
    pub field_order: Option<String>,
    /// Number of channels.
    pub channels: Option<u32>,
    /// Their layout, such as `5.1(side)`.
    pub channel_layout: Option<String>,
    /// Samples per second.
    pub sample_rate: Option<u32>,
    /// libav's sample format, such as `fltp`.
    pub sample_format: Option<String>,
    /// Bits per sample, where the codec has such a thing.
    pub bits_per_sample: Option<u32>,
    /// The stream's tags in the file's order.
    pub tags: Vec<(String, String)>,
}

/// One chapter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Chapter {
    /// Position in the file, from 0.
    pub index: u32,
    /// Its title.
    pub title: Option<String>,
    /// Where it starts.
    pub start_us: i64,
    /// Where it ends.
    pub end_us: i64,
    /// Its other tags.
    pub tags: Vec<(String, String)>,
}

impl Probe {
    /// Says what is wrong with a probe that came from a worker, which an honest worker's never is.
    pub fn check(&self) -> Result<(), String> {
        at_most("streams", self.streams.len(), MAX_STREAMS)?;
        at_most("chapters", self.chapters.len(), MAX_CHAPTERS)?;
        at_most("warnings", self.warnings.len(), MAX_TAGS)?;
        at_most("pages", self.pages.len(), MAX_PAGES)?;
        check_texts(self.pages.iter().map(|page| &page.name))?;
        check_texts([&self.container, &self.demuxer].into_iter().chain(&self.warnings))?;
        check_tags(&self.tags)?;
        check_time("duration", self.duration_us)?;
        for (position, stream) in self.streams.iter().enumerate() {
            if stream.index as usize != position {
                return Err(format!("stream {position} says that it is stream {}", stream.index));
            }
            stream
                .check()
                .map_err(|reason| format!("stream {position}: {reason}"))?;
        }
        for chapter in &self.chapters {
            check_texts(chapter.title.iter())?;
            check_tags(&chapter.tags)?;
        }
        Ok(())
    }
}

impl Stream {
    fn check(&self) -> Result<(), String> {
        let optional = [
            &self.codec_string,
            &self.codec_tag,
            &self.profile,
            &self.language,
            &self.title,
            &self.pixel_format,
            &self.color_space,
            &self.color_primaries,
            &self.color_transfer,
            &self.color_range,
            &self.field_order,
            &self.channel_layout,
            &self.sample_format,
        ];
        check_texts(optional.into_iter().flatten().chain([&self.codec]))?;
        check_tags(&self.tags)?;
        check_time("duration", self.duration_us)?;
        if !matches!(self.rotation, 0 | 90 | 180 | 270) {
            return Err(format!("rotation of {} degrees", self.rotation));
        }
        if self.frame_rate.is_some_and(|(num, den)| num <= 0 || den <= 0) {
            return Err("frame rate that is not positive".to_owned());
        }
        Ok(())
    }
}

fn at_most(what: &str, n: usize, max: usize) -> Result<(), String> {
    if n > max {
        Err(format!("{n} {what}, more than {max}"))
    } else {
        Ok(())
    }
}

fn check_texts<'a>(mut texts: impl Iterator<Item = &'a String>) -> Result<(), String> {
    texts.try_for_each(|text| at_most("bytes of text", text.len(), MAX_TEXT))
}

fn check_tags(tags: &[(String, String)]) -> Result<(), String> {
    at_most("tags", tags.len(), MAX_TAGS)?;
    check_texts(tags.iter().flat_map(|(name, value)| [name, value]))
}

fn check_time(what: &str, time_us: Option<i64>) -> Result<(), String> {
    match time_us {
        Some(time_us) if time_us < 0 => Err(format!("negative {what}")),
        _ => Ok(()),
    }
}
