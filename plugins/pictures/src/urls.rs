//! The URLs of pictures: signed, the same for hours, and named after the bytes behind them, so that what a browser has
//! kept under one is right for ever.

use std::{fmt, str::FromStr, time::Duration};

use entities::{file, id::FileId};
use kernel::{objects::ObjectKey, signing::Signer};
use media_proto::survey::SpriteLayout;

/// Where [`crate::routes::router`] is mounted.
const PREFIX: &str = "/p/pictures";

/// Makes URLs of pictures.
#[derive(Clone)]
pub struct Urls {
    signer: Signer,
    valid: Duration,
}

impl Urls {
    /// Signs with these keys for this long.
    pub fn new(signer: Signer, valid: Duration) -> Self {
        Self { signer, valid }
    }

    /// A poster, in whichever of its formats the client accepts.
    pub fn poster(&self, formats: Formats) -> String {
        self.sign(&format!("poster/{formats}"))
    }

    /// A sheet of stills.
    pub fn sprite(&self, key: ObjectKey) -> String {
        self.sign(&format!("sprite/{key}.webp"))
    }

    /// The WebVTT of a sheet.
    pub fn vtt(&self, key: ObjectKey, layout: SpriteLayout) -> String {
        self.sign(&format!("vtt/{key}/{}.vtt", Layout(layout)))
    }

    /// A short animation.
    pub fn preview(&self, key: ObjectKey) -> String {
        self.sign(&format!("preview/{key}.mp4"))
    }

    /// A short animation as a picture.
    pub fn preview_image(&self, key: ObjectKey) -> String {
        self.sign(&format!("preview/{key}.webp"))
    }

    /// Peaks as JSON.
    pub fn waveform(&self, key: ObjectKey, per_second: i32) -> String {
        self.sign(&format!("waveform/{key}/{per_second}.json"))
    }

    /// Peaks in a binary form.
    pub fn waveform_data(&self, key: ObjectKey, per_second: i32) -> String {
        self.sign(&format!("waveform/{key}/{per_second}.dat"))
    }

    /// A picture of a file at a time, made when it is first asked for.
    pub fn still(&self, file: &file::Model, at_us: i64, width: u32) -> String {
        let stamp = Stamp::of(file.size, file.mtime_ns);
        self.sign(&format!("at/{}/{stamp}/{}/{width}", file.id, at_us.max(0)))
    }

    /// A page of an archive, drawn when it is first asked for.
    pub fn page(&self, file: &file::Model, position: i32, width: u32) -> String {
        let stamp = Stamp::of(file.size, file.mtime_ns);
        self.sign(&format!("page/{}/{stamp}/{}/{width}", file.id, position.max(0)))
    }

    fn sign(&self, path: &str) -> String {
        self.signer.sign(&format!("{PREFIX}/{path}"), self.valid)
    }
}

/// The same picture in several formats: `<webp>-<jpeg>`, either of which may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formats {
    /// The WebP.
    pub webp: Option<ObjectKey>,
    /// The JPEG.
    pub jpeg: Option<ObjectKey>,
}

impl fmt::Display for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |key: Option<ObjectKey>| key.map_or(String::new(), |key| key.to_string());
        write!(f, "{}-{}", text(self.webp), text(self.jpeg))
    }
}

/// A part of a path is not what our own URLs have there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl FromStr for Formats {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let key = |text: &str| match text {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| Malformed),
        };
        let (webp, jpeg) = text.split_once('-').ok_or(Malformed)?;
        let (webp, jpeg) = (key(webp)?, key(jpeg)?);
        Ok(Self { webp, jpeg })
    }
}

/// A layout as one segment: `<count>-<columns>-<tile width>-<tile height>-<interval in microseconds>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout(pub SpriteLayout);

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SpriteLayout {
            count,
            columns,
            tile_width,
            tile_height,
            interval_us,
            ..
        } = self.0;
        write!(f, "{count}-{columns}-{tile_width}-{tile_height}-{interval_us}")
    }
}

impl FromStr for Layout {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let numbers: Vec<u32> = text
            .split('-')
            .map(|number| number.parse().ok().filter(|number| *number > 0).ok_or(Malformed))
            .collect::<Result<_, _>>()?;
        let [count, columns, tile_width, tile_height, interval_us] = numbers[..] else {
            return Err(Malformed);
        };
        Ok(Self(SpriteLayout {
            count,
            columns,
            rows: count.div_ceil(columns),
            tile_width,
            tile_height,
            interval_us: interval_us.into(),
        }))
    }
}

/// What tells one state of a file from another, so that a picture of it can be kept for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(u64);

impl Stamp {
    /// The stamp of a file of this size and modification time.
    pub fn of(size: i64, mtime_ns: i64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&size.to_le_bytes());
        hasher.update(&mtime_ns.to_le_bytes());
        let mut stamp = [0; 8];
        hasher.finalize_xof().fill(&mut stamp);
        Self(u64::from_le_bytes(stamp))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Which picture at a time, or which page of an archive, is meant: the four segments of a path behind `at` or `page`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StillPath {
    /// The file.
    pub file: FileId,
    /// The state of the file.
    pub stamp: u64,
    /// Microseconds from the beginning; the place of a page.
    pub at_us: i64,
    /// Pixels.
    pub width: u32,
}

impl StillPath {
    /// Reads the segments.
    pub fn parse(file: &str, stamp: &str, at_us: &str, width: &str) -> Result<Self, Malformed> {
        let at_us: i64 = at_us.parse().map_err(|_| Malformed)?;
        let width: u32 = width.parse().map_err(|_| Malformed)?;
        Ok(Self {
            file: file.parse().map_err(|_| Malformed)?,
            stamp: u64::from_str_radix(stamp, 16).map_err(|_| Malformed)?,
            at_us: (at_us >= 0).then_some(at_us).ok_or(Malformed)?,
            width: (1..=4096).contains(&width).then_some(width).ok_or(Malformed)?,
        })
    }

    /// Whether a file is in the state that is meant.
    pub fn is_of(&self, size: i64, mtime_ns: i64) -> bool {
        Stamp::of(size, mtime_ns).0 == self.stamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_into_a_path_comes_out_of_it() {
        let (webp, jpeg) = (ObjectKey::of(b"webp"), ObjectKey::of(b"jpeg"));
        for formats in [(Some(webp), Some(jpeg)), (Some(webp), None), (None, Some(jpeg))] {
            let formats = Formats {
                webp: formats.0,
                jpeg: formats.1,
            };
            assert_eq!(formats.to_string().parse(), Ok(formats));
        }
        for bad in ["", "abc", "x-y", "-.."] {
            assert_eq!(bad.parse::<Formats>(), Err(Malformed), "{bad}");
        }
        let layout: Layout = "31-10-160-90-2000000".parse().expect("a layout");
        assert_eq!((layout.0.rows, layout.0.interval_us), (4, 2_000_000));
        assert_eq!(layout.to_string(), "31-10-160-90-2000000");
        for bad in ["", "1-2-3-4", "0-1-1-1-1", "1-0-1-1-1", "1-1-1-1-1-1", "-1-1-1-1-1"] {
            assert_eq!(bad.parse::<Layout>(), Err(Malformed), "{bad}");
        }
        let stamp = Stamp::of(5, 6);
        let file = FileId::new();
        let still = StillPath::parse(&file.to_string(), &stamp.to_string(), "1500000", "320").expect("a path");
        assert!(still.is_of(5, 6) && !still.is_of(5, 7) && still.file == file && still.at_us == 1_500_000);
        assert!(StillPath::parse(&file.to_string(), &stamp.to_string(), "-1", "320").is_err());
        assert!(StillPath::parse(&file.to_string(), &stamp.to_string(), "1", "99999").is_err());
    }
}
