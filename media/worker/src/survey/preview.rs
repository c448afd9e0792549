//! The short silent animation: pieces from all over the file, as H.264 in mp4 and as WebP that moves.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

use media_av::encode::{Encoder, Frame, PixelFormat, Shape};
use media_av::error::AvError;
use media_av::mux::Muxer;
use media_av::scale::{Filter, Mix, Scaler};
use media_proto::error::MediaError;
use media_proto::survey::{ArtifactKind, PictureFormat, Preview};

use crate::open::av_error;
use crate::serve;
use crate::survey::lens::{Lens, Look};
use crate::survey::raster::Raster;
use crate::survey::sheet::Sheet;
use crate::survey::write::failed;

/// The most frames a second.
const MAX_RATE: f64 = 30.0;
/// Frames a second of the animated WebP, whose every frame is a picture of its own.
const WEBP_RATE: i64 = 10;
/// The animated WebP is at most so wide, for the same reason.
const WEBP_WIDTH: usize = 320;
/// The largest preview in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// When the pieces are: (start, end) in microseconds from the file's start. A short file gets fewer, a very short one itself.
pub fn pieces(wanted: &Preview, duration_us: i64) -> Vec<(i64, i64)> {
    let piece_us = wanted.piece_us.clamp(100_000, 10_000_000);
    let most = duration_us / (piece_us * 3 / 2);
    let n = i64::from(wanted.pieces.clamp(1, 60)).min(most);
    if n <= 1 {
        // At least a frame, however short the file says it is.
        let length = duration_us.clamp(100_000, piece_us * 2);
        let start = (duration_us - length).max(0) / 2;
        return vec![(start, start + length)];
    }
    // Five hundredths at each end are left out: logos and credits.
    let (from, span) = (duration_us / 20, duration_us - duration_us / 10);
    (0..n)
        .map(|i| from + (span * (2 * i + 1) / (2 * n)) - piece_us / 2)
        .map(|start| (start, start + piece_us))
        .collect()
}

/// A preview being made.
pub struct Animation {
    formats: Vec<PictureFormat>,
    width: u32,
    /// Frames per second of what is made, as the source's, halved until it is few enough.
    rate: (i32, i32),
    pieces: Vec<(i64, i64)>,
    film: Option<Film>,
    moving: Option<Moving>,
    next_index: i64,
}

impl Animation {
    /// Of pieces of a stream with so many frames a second.
    pub fn new(wanted: &Preview, pieces: Vec<(i64, i64)>, rate: Option<(i32, i32)>) -> Self {
        let (num, den) = rate
            .filter(|&(num, den)| (1.0..=1000.0).contains(&(f64::from(num) / f64::from(den))))
            .unwrap_or((25, 1));
        let divisor = (f64::from(num) / f64::from(den) / MAX_RATE - 0.01).ceil().max(1.0) as i32;
        Self {
            formats: wanted.formats.clone(),
            width: wanted.width.clamp(64, 1280),
            rate: (num, den.saturating_mul(divisor)),
            pieces,
            film: None,
            moving: None,
            next_index: 0,
        }
    }

    /// Adds a frame of the n-th piece, which shows so many microseconds after the piece's start.
    pub fn draw(&mut self, piece: usize, into_us: i64, frame: &Frame, lens: &mut Lens) -> Result<(), MediaError> {
        let before_us: i64 = self.pieces[..piece].iter().map(|(start, end)| end - start).sum();
        let at_us = before_us + into_us.max(0);
        let ticks = |us: i64, (num, den): (i32, i32)| {
            let scaled = i128::from(us) * i128::from(num) / i128::from(den);
            ((scaled + 500_000) / 1_000_000) as i64
        };
        let index = ticks(at_us, self.rate);
        if index < self.next_index {
            return Ok(());
        }
        self.next_index = index + 1;
        let (width, height) = lens.fitted(frame, self.width);
        let (width, height) = ((width & !1).max(16), (height & !1).max(16));
        let is_wanted = |format| self.formats.contains(&format);
        if is_wanted(PictureFormat::Mp4) {
            let film = match &mut self.film {
                Some(film) => film,
                None => self.film.insert(Film::new(width, height, self.rate)?),
            };
            film.draw(index, frame, lens)?;
        }
        if is_wanted(PictureFormat::AnimatedWebp) {
            let moving = match &mut self.moving {
                Some(moving) => moving,
                None => {
                    let width = (width as usize).min(WEBP_WIDTH) as u32;
                    self.moving.insert(Moving::new(lens.fitted(frame, width))?)
                }
            };
            moving.draw(ticks(at_us, (WEBP_RATE as i32, 1)), frame, lens)?;
        }
        Ok(())
    }

    /// Writes what was made; false if no frame came.
    pub fn finish(self, sheet: &mut Sheet) -> Result<bool, MediaError> {
        let is_made = self.film.is_some() || self.moving.is_some();
        if let Some(film) = self.film {
            let (size, bytes) = film.finish()?;
            sheet.add(ArtifactKind::Preview, Some(PictureFormat::Mp4), size, &bytes)?;
        }
        if let Some(moving) = self.moving {
            let (size, bytes) = moving.finish()?;
            sheet.add(ArtifactKind::Preview, Some(PictureFormat::AnimatedWebp), size, &bytes)?;
        }
        Ok(is_made)
    }
}

/// The mp4.
struct Film {
    encoder: Encoder,
    muxer: Muxer,
    file: OwnedFd,
    scaler: Scaler,
    size: (u32, u32),
}

impl Film {
    fn new(width: u32, height: u32, rate: (i32, i32)) -> Result<Self, MediaError> {
        let file = serve::memory_file().map_err(io_error)?;
        let copy = file.try_clone().map_err(io_error)?;
        let mut muxer = Muxer::new(copy, "mp4", MAX_BYTES).map_err(av_error)?;
        let shape = Shape::Video {
            format: PixelFormat::Yuv420p,
            width,
            height,
            frame_rate: rate,
        };
        let options = [
            ("preset", "veryfast"),
            ("crf", "24"),
            ("profile", "high"),
            ("colorspace", "bt709"),
            ("color_primaries", "bt709"),
            ("color_trc", "bt709"),
            ("color_range", "tv"),
        ];
        let encoder = Encoder::open("libx264", shape, 0, muxer.wants_global_header(), &options).map_err(failed)?;
        muxer.add_stream(&encoder, 0).map_err(av_error)?;
        // Space for the index before the pictures, so that playing starts with the first bytes; 600 frames need 20 KiB.
        muxer.begin(&[("moov_size", "49152")]).map_err(failed)?;
        Ok(Self {
            encoder,
            muxer,
            file,
            scaler: Scaler::new(Filter::Bicubic),
            size: (width, height),
        })
    }

    fn draw(&mut self, index: i64, frame: &Frame, lens: &mut Lens) -> Result<(), MediaError> {
        let raster = lens.take(frame, self.size, Look::Stamp)?;
        let from = raster.to_frame().map_err(av_error)?;
        let mut to = Frame::picture(PixelFormat::Yuv420p, self.size.0, self.size.1).map_err(av_error)?;
        self.scaler
            .scale(&from, Mix::JPEG, &mut to, Mix::BT709)
            .map_err(av_error)?;
        to.set_pts(index);
        self.encoder.send(Some(&to)).map_err(complain)?;
        self.drain()
    }

    fn drain(&mut self) -> Result<(), MediaError> {
        while let Some(mut packet) = self.encoder.receive().map_err(complain)? {
            packet.set_default_duration(1);
            self.muxer.write(0, packet).map_err(av_error)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<((u32, u32), Vec<u8>), MediaError> {
        self.encoder.send(None).map_err(complain)?;
        self.drain()?;
        self.muxer.finish().map_err(av_error)?;
        let mut file = File::from(self.file);
        let mut bytes = Vec::new();
        std::io::Seek::rewind(&mut file).map_err(io_error)?;
        file.read_to_end(&mut bytes).map_err(io_error)?;
        Ok((self.size, bytes))
    }
}

/// The animated WebP.
struct Moving {
    encoder: Encoder,
    size: (u32, u32),
    next_index: i64,
}

impl Moving {
    fn new((width, height): (u32, u32)) -> Result<Self, MediaError> {
        let shape = Shape::Video {
            format: PixelFormat::Bgra,
            width,
            height,
            frame_rate: (WEBP_RATE as i32, 1),
        };
        let options = [("quality", "60"), ("compression_level", "1")];
        Ok(Self {
            encoder: Encoder::open("libwebp_anim", shape, 0, false, &options).map_err(failed)?,
            size: (width, height),
            next_index: 0,
        })
    }

    fn draw(&mut self, index: i64, frame: &Frame, lens: &mut Lens) -> Result<(), MediaError> {
        if index < self.next_index {
            return Ok(());
        }
        self.next_index = index + 1;
        let raster: Raster = lens.take(frame, self.size, Look::Stamp)?;
        let mut frame = raster.to_frame().map_err(av_error)?;
        frame.set_pts(index);
        self.encoder.send(Some(&frame)).map_err(complain)
    }

    fn finish(mut self) -> Result<((u32, u32), Vec<u8>), MediaError> {
        self.encoder.send(None).map_err(complain)?;
        match self.encoder.receive().map_err(complain)? {
            Some(packet) => Ok((self.size, packet.bytes().to_vec())),
            None => Err(failed("the encoder gave no animation")),
        }
    }
}

fn complain(error: AvError) -> MediaError {
    if error == AvError::NO_MEMORY {
        MediaError::Memory
    } else {
        failed(format!("encoding the preview: {error}"))
    }
}

fn io_error(error: std::io::Error) -> MediaError {
    MediaError::Io {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use media_proto::survey::Preview;

    use super::pieces;

    #[test]
    fn short_files_get_fewer_pieces_and_all_lie_within() {
        let wanted = Preview {
            pieces: 12,
            piece_us: 750_000,
            width: 640,
            formats: Vec::new(),
        };
        for (duration_us, n) in [
            (40_000, 1),
            (1_000_000, 1),
            (4_000_000, 3),
            (20_000_000, 12),
            (7_200_000_000, 12),
        ] {
            let pieces = pieces(&wanted, duration_us);
            assert_eq!(pieces.len(), n, "{duration_us}");
            assert!(
                pieces
                    .iter()
                    .all(|&(start, end)| start >= 0 && start < end && end <= duration_us.max(100_000))
            );
            assert!(
                pieces.windows(2).all(|pair| pair[0].1 <= pair[1].0),
                "{duration_us} overlaps: {pieces:?}"
            );
        }
    }
}
