//! A still picture: one frame, upright and in sRGB.

use std::os::fd::{AsFd, OwnedFd};

use media_av::encode::{Frame, Packet};
use media_av::heif::{self, HeifError};
use media_av::input::Input;
use media_proto::error::MediaError;
use media_proto::job::Limits;
use media_proto::survey::{PosterSource, Survey, Surveyed};

use crate::open::{self, av_error};
use crate::survey::lens::{Known, Lens, Look};
use crate::survey::poster::Choice;
use crate::survey::raster::{Orientation, PIXEL, Raster};
use crate::survey::sheet::Sheet;
use crate::survey::{self, phash};
use crate::{container, exif};

/// The width at which an image is hashed: sixteen times what the hash looks at.
const HASHED_WIDTH: u32 = 1024;
/// Packets that are tried for a frame.
const MAX_PACKETS: u32 = 64;
/// The longest file that is read into memory whole, which HEIF needs.
const MAX_WHOLE: u64 = 256 << 20;
/// The share of a picture's pixels, in hundredths, that must be there.
const MIN_PRESENT: usize = 5;

/// Surveys a HEIF file by libheif; false if it is none, or libheif cannot read it and FFmpeg may try.
pub fn survey_heif(
    source: &OwnedFd,
    survey: &Survey,
    limits: &Limits,
    surveyed: &mut Surveyed,
    sheet: &mut Sheet,
) -> Result<Result<(), MediaError>, MediaError> {
    let whole = read_whole(source)?;
    let picture = match heif::decode(&whole, limits.max_pixels) {
        Ok(picture) => picture,
        Err(HeifError::NoMemory) => return Err(MediaError::Memory),
        Err(HeifError::TooLarge(pixels)) => return Err(too_large(pixels, limits)),
        Err(HeifError::Invalid(reason)) => return Ok(Err(MediaError::Corrupt { reason })),
    };
    drop(whole);
    let known = Known {
        icc_profile: picture.icc_profile,
        ..Known::default()
    };
    draw(picture.frame, known, survey, surveyed, sheet).map(Ok)
}

/// Whether libheif is to look at a file that begins so.
pub fn is_heif(source: &OwnedFd) -> bool {
    let mut head = [0; 64];
    let n = rustix::io::pread(source.as_fd(), &mut head, 0).unwrap_or(0);
    container::heif_brand(&head[..n]).is_some()
}

/// Surveys the image that is open.
pub fn survey(
    input: &mut Input,
    source: &OwnedFd,
    head: &[u8],
    survey: &Survey,
    limits: &Limits,
    surveyed: &mut Surveyed,
    sheet: &mut Sheet,
) -> Result<(), MediaError> {
    let Some(stream) = survey::main_pictures(input) else {
        return Err(MediaError::NoStream);
    };
    let Some(view) = input.streams().nth(stream) else {
        return Err(MediaError::NoStream);
    };
    let is_jpeg = view.codec() == "mjpeg";
    let mut known = survey::known(view);
    let read = |at: u64, to: &mut [u8]| rustix::io::pread(source.as_fd(), to, at).unwrap_or(0);
    if let Some(number) = exif::orientation_in(head, read) {
        known.orientation = Orientation::from_exif(number);
    }
    let frame = first_frame(input, stream, limits)?;
    if is_jpeg {
        check_presence(&frame)?;
    }
    draw(frame, known, survey, surveyed, sheet)
}

fn draw(
    frame: Frame,
    known: Known,
    survey: &Survey,
    surveyed: &mut Surveyed,
    sheet: &mut Sheet,
) -> Result<(), MediaError> {
    let mut lens = Lens::new(known);
    if survey.phash {
        let size = lens.fitted(&frame, HASHED_WIDTH);
        surveyed.phash = Some(phash::of(&lens.take(&frame, size, Look::Plain)?));
    }
    if let Some(poster) = &survey.poster {
        let mut choice = Choice::new(poster);
        choice.fix(&frame, PosterSource::Image)?;
        drop(frame);
        choice.finish(&mut lens, surveyed, sheet)?;
    }
    Ok(())
}

/// Refuses a JPEG of which next to nothing is there. What a decoder has not reached is zero in all planes, a green that is
/// too dark and too pure for a photograph.
fn check_presence(frame: &Frame) -> Result<(), MediaError> {
    let mut lens = Lens::new(Known::default());
    let small: Raster = lens.take(frame, lens.fitted(frame, 64), Look::Plain)?;
    let is_lost = |pixel: &[u8]| pixel[0] < 3 && pixel[2] < 3 && (130..=140).contains(&pixel[1]);
    let n = small.pixels.len() / PIXEL;
    let n_lost = small.pixels.chunks_exact(PIXEL).filter(|pixel| is_lost(pixel)).count();
    if (n - n_lost) * 100 < n * MIN_PRESENT {
        return Err(MediaError::Corrupt {
            reason: "the file ends after the first rows of the picture".to_owned(),
        });
    }
    Ok(())
}

/// The first frame without damage, or the first at all.
fn first_frame(input: &mut Input, stream: usize, limits: &Limits) -> Result<Frame, MediaError> {
    let mut decoder = survey::decoder(input, stream, limits)?;
    let mut packet = Packet::empty().map_err(av_error)?;
    let mut damaged = None;
    let mut complaint = MediaError::Corrupt {
        reason: "no picture could be decoded".to_owned(),
    };
    let mut is_at_end = false;
    for _ in 0..MAX_PACKETS {
        match input.read(&mut packet) {
            Ok(true) if packet.stream() != stream => continue,
            Ok(true) => {}
            Ok(false) | Err(_) => is_at_end = true,
        }
        let sent = decoder.send((!is_at_end).then_some(&packet));
        if let Err(error) = sent {
            complaint = av_error(error);
        }
        loop {
            let mut frame = Frame::empty().map_err(av_error)?;
            match decoder.receive(&mut frame) {
                Ok(true) if !frame.is_damaged() => return Ok(frame),
                Ok(true) => damaged = damaged.or(Some(frame)),
                Ok(false) => break,
                Err(error) => {
                    complaint = av_error(error);
                    break;
                }
            }
        }
        if is_at_end {
            break;
        }
    }
    match (damaged, open::complaint(input)) {
        (Some(frame), _) => Ok(frame),
        (None, Some(error)) => Err(error),
        (None, None) => Err(complaint),
    }
}

fn read_whole(source: &OwnedFd) -> Result<Vec<u8>, MediaError> {
    let io_error = |error: rustix::io::Errno| MediaError::Io {
        reason: error.to_string(),
    };
    let len = rustix::fs::fstat(source).map_err(io_error)?.st_size.max(0) as u64;
    if len > MAX_WHOLE {
        return Err(MediaError::TooLarge {
            limit: format!("a picture file of {len} bytes, at most {MAX_WHOLE}"),
        });
    }
    let mut whole = vec![0; len as usize];
    let mut n = 0;
    while n < whole.len() {
        match rustix::io::pread(source.as_fd(), &mut whole[n..], n as u64) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(io_error(error)),
        }
    }
    whole.truncate(n);
    Ok(whole)
}

fn too_large(pixels: u64, limits: &Limits) -> MediaError {
    MediaError::TooLarge {
        limit: format!("{pixels} pixels in a picture, at most {}", limits.max_pixels),
    }
}
