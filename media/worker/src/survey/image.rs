//! A still picture: one frame, upright and in sRGB.

use std::os::fd::OwnedFd;

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
use crate::{exif, heif_file};

/// The width at which an image is hashed: sixteen times what the hash looks at.
const HASHED_WIDTH: u32 = 1024;
/// Packets that are tried for a frame.
const MAX_PACKETS: u32 = 64;
/// The share of a picture's rows, in hundredths, that must be there.
const MIN_PRESENT: usize = 50;

/// Surveys a HEIF file by libheif; gives what it complains of, where it cannot read it and FFmpeg may try.
pub fn survey_heif(
    source: &OwnedFd,
    survey: &Survey,
    limits: &Limits,
    surveyed: &mut Surveyed,
    sheet: &mut Sheet,
) -> Result<Result<(), MediaError>, MediaError> {
    let whole = heif_file::read_whole(source)?;
    let picture = match heif::decode(&whole, limits.max_pixels) {
        Ok(picture) => picture,
        Err(HeifError::NoMemory) => return Err(MediaError::Memory),
        Err(HeifError::TooLarge(pixels)) => return Err(too_large(pixels, limits)),
        Err(complaint) => return Ok(Err(heif_file::error(complaint))),
    };
    drop(whole);
    let known = Known {
        icc_profile: picture.icc_profile,
        ..Known::default()
    };
    draw(picture.frame, known, survey, surveyed, sheet).map(Ok)
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
    let read = |at: u64, to: &mut [u8]| rustix::io::pread(source, to, at).unwrap_or(0);
    if let Some(number) = exif::orientation_in(head, read) {
        known.orientation = Orientation::from_exif(number);
    }
    let mut frame = first_frame(input, stream, limits)?;
    if is_jpeg {
        cut_to_presence(&mut frame)?;
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

/// Cuts a JPEG that ends early to what is there, and refuses one of which most is missing. What a decoder has not reached is
/// zero in all planes, a green that is too dark and too pure for a photograph.
fn cut_to_presence(frame: &mut Frame) -> Result<(), MediaError> {
    let mut lens = Lens::new(Known::default());
    let (width, height) = frame.size();
    // Rows in full, so that the cut is exact; a few columns tell.
    let small: Raster = lens.take(frame, (width.min(16), height), Look::Plain)?;
    let is_lost = |pixel: &[u8]| pixel[0] < 3 && pixel[2] < 3 && (130..=140).contains(&pixel[1]);
    let has_picture = |row: &[u8]| !row.chunks_exact(PIXEL).all(is_lost);
    let n_there = small
        .rows()
        .collect::<Vec<_>>()
        .into_iter()
        .rposition(has_picture)
        .map_or(0, |last| last + 1);
    if n_there * 100 < small.height * MIN_PRESENT {
        let percent = n_there * 100 / small.height.max(1);
        return Err(MediaError::Corrupt {
            reason: format!("the file ends after {percent} % of the picture"),
        });
    }
    // The last rows of blocks are smeared by the filter, and some began before the file ended.
    if n_there + 16 <= small.height {
        frame.crop(width, (n_there.saturating_sub(16).max(2) & !1) as u32);
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

fn too_large(pixels: u64, limits: &Limits) -> MediaError {
    MediaError::TooLarge {
        limit: format!("{pixels} pixels in a picture, at most {}", limits.max_pixels),
    }
}
