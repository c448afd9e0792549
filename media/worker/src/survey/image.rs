//! A still picture: one frame, upright and in sRGB.

use media_av::encode::{Frame, Packet};
use media_av::input::Input;
use media_proto::error::MediaError;
use media_proto::job::Limits;
use media_proto::survey::{PosterSource, Survey, Surveyed};

use crate::exif;
use crate::open::{self, av_error};
use crate::survey::lens::{Lens, Look};
use crate::survey::poster::Choice;
use crate::survey::raster::Orientation;
use crate::survey::sheet::Sheet;
use crate::survey::{self, phash};

/// The width at which an image is hashed: sixteen times what the hash looks at.
const HASHED_WIDTH: u32 = 1024;
/// Packets that are tried for a frame.
const MAX_PACKETS: u32 = 64;

/// Surveys the image that is open.
pub fn survey(
    input: &mut Input,
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
    let mut known = survey::known(view);
    if let Some(number) = exif::orientation_of(head) {
        known.orientation = Orientation::from_exif(number);
    }
    let mut lens = Lens::new(known);
    let frame = first_frame(input, stream, limits)?;
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
