//! What one pass over a file draws and measures: pictures, sprite, preview, peaks, loudness and hashes.
//!
//! A worker opens the file once, reads each packet at most once where it can, and feeds every wanted part from the same
//! decoded frames. All pictures and blobs lie one after the other in a single sealed memory file beside the reply.

use serde::{Deserialize, Serialize};

/// The most artifacts in a reply.
pub const MAX_ARTIFACTS: usize = 512;
/// The most times at which pictures are asked for, and the most scene cuts, black or silent stretches kept.
pub const MAX_MARKS: usize = 4096;
/// The most words of an audio fingerprint: two hours at eight a second.
pub const MAX_FINGERPRINT: usize = 57_600;

/// What is wanted of a file. What does not apply to it, as sound of a silent film, is left out of the reply without an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// The file name's extension, as for a probe.
    pub extension: Option<String>,
    /// Which page of an archive is meant; the first when absent.
    pub page: Option<u32>,
    /// The poster in several widths, and its ThumbHash.
    pub poster: Option<Poster>,
    /// Stills over time in one sheet.
    pub sprite: Option<SpriteSheet>,
    /// A short silent animation.
    pub preview: Option<Preview>,
    /// Pictures at these times, in microseconds from the file's start, as for chapters and markers.
    pub stills: Option<Stills>,
    /// Peaks of the sound: so many pairs of minimum and maximum for each second.
    pub peaks_per_second: Option<u32>,
    /// Loudness after EBU R128.
    pub loudness: bool,
    /// The perceptual hash: of the whole video, or of the image.
    pub phash: bool,
    /// The audio fingerprint after Chromaprint.
    pub fingerprint: bool,
    /// Scene cuts, black and silent stretches.
    pub scenes: bool,
}

/// A poster: chosen away from black, flat and blurred frames, or the embedded cover, upright and in sRGB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poster {
    /// About where to take it, in microseconds from the file's start; none lets the worker choose. A keyframe at most 2.5 s
    /// before serves; where there is none, the frame that shows then.
    pub at_us: Option<i64>,
    /// Widths in pixels, largest first; a picture is never enlarged, so a small source gives fewer.
    pub widths: Vec<u32>,
    /// The formats that each width is written in.
    pub formats: Vec<PictureFormat>,
}

/// A sheet of stills for seeking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpriteSheet {
    /// How many stills, at even distances over the whole file.
    pub count: u32,
    /// How many in a row.
    pub columns: u32,
    /// The width of one, in pixels; the height follows from the picture.
    pub tile_width: u32,
    /// The format of the sheet.
    pub format: PictureFormat,
}

/// A short silent animation of pieces from all over the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// How many pieces.
    pub pieces: u32,
    /// How long each is, in microseconds.
    pub piece_us: i64,
    /// The width in pixels; the height follows.
    pub width: u32,
    /// The formats: [`PictureFormat::Mp4`] and [`PictureFormat::AnimatedWebp`].
    pub formats: Vec<PictureFormat>,
}

/// Pictures at given times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stills {
    /// The times, in microseconds, in any order.
    pub at_us: Vec<i64>,
    /// The width in pixels.
    pub width: u32,
    /// The format of each.
    pub format: PictureFormat,
    /// Whether the very frame is wanted; otherwise the keyframe before it serves.
    pub is_exact: bool,
}

/// How a picture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PictureFormat {
    /// WebP, lossy.
    Webp,
    /// Baseline JPEG.
    Jpeg,
    /// H.264 in mp4, no sound.
    Mp4,
    /// WebP that moves.
    AnimatedWebp,
}

impl PictureFormat {
    /// The file name's extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Webp | Self::AnimatedWebp => "webp",
            Self::Jpeg => "jpg",
            Self::Mp4 => "mp4",
        }
    }

    /// The media type after RFC 6838.
    pub fn mime(self) -> &'static str {
        match self {
            Self::Webp | Self::AnimatedWebp => "image/webp",
            Self::Jpeg => "image/jpeg",
            Self::Mp4 => "video/mp4",
        }
    }
}

/// What an [`Artifact`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ArtifactKind {
    /// The poster in one width.
    Poster,
    /// The sheet of stills.
    Sprite,
    /// The animation.
    Preview,
    /// The picture at the n-th time that was asked for.
    Still(u32),
    /// Peaks: for each window the smallest and the largest sample over all channels, as signed bytes.
    Peaks,
}

/// A stretch of bytes in the memory file that travels with the reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// What it is.
    pub kind: ArtifactKind,
    /// How it is written; none for [`ArtifactKind::Peaks`].
    pub format: Option<PictureFormat>,
    /// Width in pixels; 0 for peaks.
    pub width: u32,
    /// Height in pixels; 0 for peaks.
    pub height: u32,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub len: u64,
}

/// Where a poster came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PosterSource {
    /// A frame at this time, in microseconds.
    Frame(i64),
    /// The embedded cover.
    Cover,
    /// The image itself.
    Image,
}

/// The result of a [`Survey`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Surveyed {
    /// Everything that lies in the memory file.
    pub artifacts: Vec<Artifact>,
    /// Where the poster came from, if there is one.
    pub poster: Option<PosterSource>,
    /// The poster as ThumbHash, 5 to 25 bytes.
    pub thumbhash: Option<Vec<u8>>,
    /// How the sheet is laid out, if there is one.
    pub sprite: Option<SpriteLayout>,
    /// How many windows the peaks have, and how many a second.
    pub peaks: Option<(u32, u32)>,
    /// Loudness of the first audio stream.
    pub loudness: Option<Loudness>,
    /// The perceptual hash.
    pub phash: Option<u64>,
    /// The audio fingerprint: Chromaprint's 32-bit words, about eight a second of the first two minutes.
    pub fingerprint: Vec<u32>,
    /// Where scenes begin, in microseconds.
    pub scenes_us: Vec<i64>,
    /// Black stretches: start and end in microseconds.
    pub black_us: Vec<(i64, i64)>,
    /// Silent stretches: start and end in microseconds.
    pub silence_us: Vec<(i64, i64)>,
    /// Wanted parts that failed while others worked, with the reason.
    pub failures: Vec<(String, String)>,
}

/// How a sheet of stills is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpriteLayout {
    /// How many stills there are.
    pub count: u32,
    /// How many in a row.
    pub columns: u32,
    /// How many rows.
    pub rows: u32,
    /// The width of a still in pixels.
    pub tile_width: u32,
    /// The height of a still in pixels.
    pub tile_height: u32,
    /// From one still to the next, in microseconds.
    pub interval_us: i64,
}

/// Loudness after EBU R128 (ITU-R BS.1770).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Loudness {
    /// Integrated loudness in LUFS.
    pub integrated_lufs: f64,
    /// Loudness range in LU.
    pub range_lu: f64,
    /// True peak in dBTP.
    pub true_peak_dbtp: f64,
}

impl Survey {
    /// Whether it takes a few pictures at given times and nothing else, as a person waits for who marks a scene.
    pub fn is_light(&self) -> bool {
        let wants_all = self.sprite.is_some()
            || self.preview.is_some()
            || self.peaks_per_second.is_some()
            || self.loudness
            || self.phash
            || self.fingerprint
            || self.scenes;
        let chooses = self.poster.as_ref().is_some_and(|poster| poster.at_us.is_none());
        let n_stills = self.stills.as_ref().map_or(0, |stills| stills.at_us.len());
        !wants_all && !chooses && n_stills <= 4
    }
}

impl Surveyed {
    /// Whether everything is within its bounds and within a memory file of this many bytes.
    pub fn check(&self, memory_file: u64) -> Result<(), String> {
        if self.artifacts.len() > MAX_ARTIFACTS {
            return Err(format!("{} artifacts", self.artifacts.len()));
        }
        for artifact in &self.artifacts {
            let end = artifact.offset.checked_add(artifact.len);
            if end.is_none_or(|end| end > memory_file) {
                return Err(format!("{:?} past the end of the memory file", artifact.kind));
            }
            if artifact.width > 65_535 || artifact.height > 65_535 {
                return Err(format!(
                    "{:?} of {}x{} pixels",
                    artifact.kind, artifact.width, artifact.height
                ));
            }
        }
        if self
            .thumbhash
            .as_ref()
            .is_some_and(|hash| !(5..=32).contains(&hash.len()))
        {
            return Err("a thumbhash of a length that none has".to_owned());
        }
        if self.fingerprint.len() > MAX_FINGERPRINT {
            return Err(format!("an audio fingerprint of {} words", self.fingerprint.len()));
        }
        if self.scenes_us.len().max(self.black_us.len()).max(self.silence_us.len()) > MAX_MARKS {
            return Err("more scenes or stretches than are kept".to_owned());
        }
        if self.failures.len() > 32
            || self
                .failures
                .iter()
                .any(|(part, why)| part.len() > 64 || why.len() > 1024)
        {
            return Err("failures without bounds".to_owned());
        }
        let layout_fits = self.sprite.is_none_or(|sprite| {
            sprite.columns > 0 && sprite.interval_us > 0 && sprite.rows == sprite.count.div_ceil(sprite.columns)
        });
        if !layout_fits {
            return Err("a sprite sheet that does not add up".to_owned());
        }
        let loudness = self.loudness.map(|l| [l.integrated_lufs, l.range_lu, l.true_peak_dbtp]);
        if loudness.is_some_and(|values| values.iter().any(|value| !value.is_finite())) {
            return Err("loudness that is no number".to_owned());
        }
        Ok(())
    }
}
