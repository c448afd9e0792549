//! What players read before any segment: HLS playlists and DASH manifests, as pure functions of a plan.
//!
//! A caller describes the tracks once; [`hls`] and [`dash`] write them out, so both formats name the same segments.

pub mod dash;
pub mod hls;

/// Everything that can be chosen from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Presentation {
    /// Pictures, best first.
    pub video: Vec<VideoTrack>,
    /// Sound, the default first.
    pub audio: Vec<AudioTrack>,
    /// Subtitles.
    pub text: Vec<TextTrack>,
    /// Keyframes alone, for scrubbing; best first.
    pub keyframes: Vec<VideoTrack>,
    /// A sheet of stills, for scrubbing.
    pub tiles: Option<TileTrack>,
    /// Whether each segment of each video track starts with a frame that needs no other.
    pub is_independent: bool,
    /// How long it plays, in microseconds.
    pub duration_us: i64,
}

/// What the master playlist says of pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoTrack {
    /// Identifies the track among all tracks: letters, digits, `-` and `_`.
    pub id: String,
    /// The URI of its media playlist.
    pub uri: String,
    /// Codec string after RFC 6381.
    pub codecs: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second.
    pub frame_rate: Option<(i32, i32)>,
    /// The peak over any segment, in bits per second.
    pub peak_bit_rate: u64,
    /// The mean, in bits per second.
    pub mean_bit_rate: Option<u64>,
    /// Dynamic range.
    pub range: VideoRange,
    /// Its segments.
    pub segments: Segments,
}

/// Dynamic range as HLS names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VideoRange {
    /// Standard.
    #[default]
    Sdr,
    /// Hybrid log-gamma.
    Hlg,
    /// Perceptual quantizer.
    Pq,
}

/// What the master playlist says of sound.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioTrack {
    /// Identifies the track among all tracks.
    pub id: String,
    /// The URI of its media playlist.
    pub uri: String,
    /// Codec string after RFC 6381.
    pub codecs: String,
    /// What a menu shows.
    pub name: String,
    /// The language after BCP 47.
    pub language: Option<String>,
    /// How many channels.
    pub channels: u32,
    /// Samples per second.
    pub sample_rate: u32,
    /// The peak over any segment, in bits per second.
    pub peak_bit_rate: u64,
    /// Whether players start with it.
    pub is_default: bool,
    /// Its segments.
    pub segments: Segments,
}

/// What the master playlist says of subtitles, which are WebVTT.
#[derive(Debug, Clone, PartialEq)]
pub struct TextTrack {
    /// Identifies the track among all tracks.
    pub id: String,
    /// The URI of its media playlist.
    pub uri: String,
    /// The URI of the whole track as one WebVTT file, for DASH.
    pub whole_uri: String,
    /// What a menu shows.
    pub name: String,
    /// The language after BCP 47.
    pub language: Option<String>,
    /// Whether players show it by default.
    pub is_default: bool,
    /// Whether it shows even when subtitles are off.
    pub is_forced: bool,
    /// Whether it tells of sounds too, for those who do not hear them.
    pub tells_sounds: bool,
    /// Its segments.
    pub segments: Segments,
}

/// A sheet of stills over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileTrack {
    /// The URI of its media playlist.
    pub uri: String,
    /// The URI of the picture that holds them all, row by row.
    pub image_uri: String,
    /// The picture's media type.
    pub mime: &'static str,
    /// Stills in a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// The time from one still to the next, in microseconds.
    pub interval_us: i64,
    /// Width of one still in pixels.
    pub width: u32,
    /// Height of one still in pixels.
    pub height: u32,
    /// The peak, in bits per second.
    pub bit_rate: u64,
}

/// The segments of a track: where they are and how long each is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segments {
    /// The URI of the initialization segment; none for WebVTT.
    pub init: Option<Part>,
    /// The URI of segment n, with `{n}` where its number stands, if each is a resource of its own; [`Entry::range`]s lie
    /// in this resource otherwise.
    pub template: String,
    /// All of them, in order.
    pub entries: Vec<Entry>,
}

/// A resource, or a stretch of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it is.
    pub uri: String,
    /// Offset and length in bytes, if it is not the whole.
    pub range: Option<(u64, u64)>,
}

/// One segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entry {
    /// How long it plays, in microseconds.
    pub length_us: i64,
    /// Offset and length in bytes within the template's resource; none if the segment is a resource.
    pub range: Option<(u64, u64)>,
    /// Whether it cannot be made, so that players skip it.
    pub is_gap: bool,
}

impl Segments {
    /// Segments of these lengths, each a resource.
    pub fn each(init: Option<String>, template: impl Into<String>, lengths_us: impl IntoIterator<Item = i64>) -> Self {
        let entry = |length_us| Entry {
            length_us,
            ..Entry::default()
        };
        Self {
            init: init.map(|uri| Part { uri, range: None }),
            template: template.into(),
            entries: lengths_us.into_iter().map(entry).collect(),
        }
    }

    fn uri(&self, n: usize) -> String {
        self.template.replace("{n}", &n.to_string())
    }

    fn longest_us(&self) -> i64 {
        self.entries.iter().map(|entry| entry.length_us).max().unwrap_or(0)
    }
}

/// Seconds with six decimals.
fn seconds(us: i64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}
