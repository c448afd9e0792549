//! The survey: everything that is drawn and measured of a file, in one pass over it.

mod color;
mod drawing;
mod film;
mod image;
mod keys;
pub mod lens;
mod listen;
mod moments;
mod phash;
mod picture;
mod plan;
mod planes;
mod poster;
mod preview;
mod raster;
mod scenes;
mod sheet;
mod sound;
mod sprite;
mod thumbhash;
mod walk;
mod write;

use std::os::fd::OwnedFd;

use media_av::decode::{Decoder, Rules};
use media_av::encode::{Frame, Packet};
use media_av::input::Input;
use media_av::stream::{Kind, SideData, StreamView};
use media_proto::error::MediaError;
use media_proto::job::Limits;
use media_proto::probe::MediaKind;
use media_proto::survey::{PosterSource, Survey, Surveyed};

use crate::archive;
use crate::container::{self, Format};
use crate::control::checkpoint;
use crate::heif_file;
use crate::open::{self, Opened, av_error};
use crate::survey::lens::{Known, Lens};
use crate::survey::poster::Choice;
use crate::survey::raster::Orientation;
use crate::survey::sheet::Sheet;
use crate::survey::sound::Sound;

/// Damaged stretches of a container that are skipped.
const MAX_READ_ERRORS: u32 = 200;

/// Surveys the file behind the descriptor, or a page of the archive that it is; gives the results and the sealed memory file
/// with the artifacts.
pub fn run(source: OwnedFd, survey: &Survey, limits: &Limits) -> Result<(Surveyed, OwnedFd), MediaError> {
    let Some(archive) = archive::open(&source)? else {
        return file(source, survey, limits);
    };
    let (page, extension) = archive.page(survey.page.unwrap_or(0))?;
    let survey = Survey {
        extension: Some(extension),
        ..survey.clone()
    };
    file(page, &survey, limits)
}

fn file(source: OwnedFd, survey: &Survey, limits: &Limits) -> Result<(Surveyed, OwnedFd), MediaError> {
    let mut surveyed = Surveyed::default();
    let mut sheet = Sheet::new(limits);
    let mut heif_complaint = None;
    if heif_file::name(&source).is_some() {
        match image::survey_heif(&source, survey, limits, &mut surveyed, &mut sheet)? {
            Ok(()) => return seal(surveyed, sheet),
            // FFmpeg would only complain that it finds no film.
            Err(error) if !heif_file::holds_film(&source) => return Err(error),
            Err(error) => heif_complaint = Some(error),
        }
    }
    let copy = source.try_clone().map_err(|error| MediaError::Io {
        reason: error.to_string(),
    })?;
    match survey_by_libav(source, &copy, survey, limits, &mut surveyed, &mut sheet) {
        Ok(()) => seal(surveyed, sheet),
        // What libheif said of its own format is more to the point.
        Err(error) => Err(heif_complaint
            .filter(|_| matches!(error, MediaError::Corrupt { .. }))
            .unwrap_or(error)),
    }
}

fn survey_by_libav(
    source: OwnedFd,
    copy: &OwnedFd,
    survey: &Survey,
    limits: &Limits,
    surveyed: &mut Surveyed,
    sheet: &mut Sheet,
) -> Result<(), MediaError> {
    let Opened {
        mut input,
        format,
        head,
    } = open::open(source, survey.extension.as_deref(), u64::MAX, limits)?;
    let beginning = if survey_is_brief(survey) && header_suffices(&input, format) {
        Ok(())
    } else {
        input.find_stream_info().map_err(open::explain)
    };
    if let Some(error) = open::complaint(&input) {
        return Err(error);
    }
    match beginning {
        // The header was readable; what can be drawn of the rest shows when it is decoded.
        Ok(()) | Err(MediaError::Corrupt { .. }) => {}
        Err(error) => return Err(error),
    }
    check_sizes(&input, limits)?;
    let has = |kind: Kind| input.streams().any(|s| s.kind() == kind && !s.is_attached_picture());
    let name = container::name(format, &input.tags(64), &head);
    let subtitles = has(Kind::Subtitle);
    let done = match container::kind(format, name, has(Kind::Video), has(Kind::Audio), subtitles) {
        MediaKind::Image => image::survey(&mut input, copy, &head, survey, limits, surveyed, sheet),
        MediaKind::Video => film::survey(&mut input, copy, &head, survey, limits, surveyed, sheet),
        MediaKind::Audio => sound(&mut input, survey, limits, surveyed, sheet),
        MediaKind::Subtitle | MediaKind::None => Ok(()),
    };
    match done {
        Err(error @ MediaError::Corrupt { .. }) => Err(locked(&mut input, None, &head).unwrap_or(error)),
        done => done.and_then(|()| open::complaint(&input).map_or(Ok(()), Err)),
    }
}

/// Packets that are looked at for whether they are encrypted.
const MAX_LOCKED: u32 = 32;

/// Whether what does not decode is encrypted, of a stream or of any: asked when it is too late, for those that decode pay
/// nothing then.
fn locked(input: &mut Input, stream: Option<usize>, head: &[u8]) -> Option<MediaError> {
    let error = || MediaError::Unsupported {
        reason: "its content is encrypted, and there is no key".to_owned(),
    };
    let is_meant = |index: usize| stream.is_none_or(|stream| stream == index);
    let is_said = input
        .streams()
        .enumerate()
        .any(|(i, view)| is_meant(i) && view.is_encrypted());
    // A content encoding of type 1, encryption (RFC 9559, 5.1.4.1.31.4), which libav passes over where it names no key.
    let is_said_in_matroska =
        input.demuxer().starts_with("matroska") && head.windows(4).any(|part| part == [0x50, 0x33, 0x81, 1]);
    if is_said || is_said_in_matroska {
        return Some(error());
    }
    let mut packet = Packet::empty().ok()?;
    input.rewind().ok()?;
    for _ in 0..MAX_LOCKED {
        if !input.read(&mut packet).ok()? {
            break;
        }
        if is_meant(packet.stream()) && packet.is_encrypted() {
            return Some(error());
        }
    }
    None
}

/// Whether so little is wanted that looking into the beginning would be the larger part of the work.
fn survey_is_brief(survey: &Survey) -> bool {
    let is_heard = Sound::is_wanted(survey);
    let is_watched = survey.phash || survey.scenes || survey.preview.is_some();
    (survey.poster.is_some() || survey.sprite.is_some() || survey.stills.is_some()) && !is_heard && !is_watched
}

/// Whether the header says all that decoding a frame here and there needs, so that nothing has to be decoded to find it out.
fn header_suffices(input: &Input, format: &Format) -> bool {
    let mut pictures = input
        .streams()
        .filter(|view| view.kind() == Kind::Video && !view.is_attached_picture())
        .peekable();
    matches!(format.name, "mp4" | "matroska")
        && pictures.peek().is_some()
        && pictures.all(|view| {
            let lasts = |duration: Option<i64>| duration.is_some_and(|duration| duration > 0);
            // The others learn from their frames in which order they show.
            matches!(view.codec().as_str(), "h264" | "hevc" | "vp8" | "vp9" | "av1")
                && view.size().is_some()
                && (lasts(view.duration_us()) || lasts(input.duration_us()))
        })
}

fn seal(mut surveyed: Surveyed, sheet: Sheet) -> Result<(Surveyed, OwnedFd), MediaError> {
    let (artifacts, file) = sheet.seal()?;
    surveyed.artifacts = artifacts;
    surveyed.failures.truncate(32);
    for (_, reason) in &mut surveyed.failures {
        *reason = media_proto::error::display_text(reason);
    }
    Ok((surveyed, file))
}

/// No picture is decoded that is larger than the limit, whichever stream it is in.
fn check_sizes(input: &Input, limits: &Limits) -> Result<(), MediaError> {
    for (width, height) in input.streams().filter_map(|stream| stream.size()) {
        let pixels = u64::from(width) * u64::from(height);
        if pixels > limits.max_pixels {
            let limit = format!("{pixels} pixels in a picture, at most {}", limits.max_pixels);
            return Err(MediaError::TooLarge { limit });
        }
    }
    Ok(())
}

/// The stream of moving pictures: the default one, else the first that says its size, else the first.
fn main_pictures(input: &Input) -> Option<usize> {
    let pictures = || {
        let all = input.streams().enumerate();
        all.filter(|(_, stream)| stream.kind() == Kind::Video && !stream.is_attached_picture())
    };
    let default = pictures().find(|(_, stream)| stream.is_default() && stream.size().is_some());
    default
        .or_else(|| pictures().find(|(_, stream)| stream.size().is_some()))
        .or_else(|| pictures().next())
        .map(|(index, _)| index)
}

fn known(stream: StreamView<'_>) -> Known {
    let matrix = stream.side_data(SideData::DisplayMatrix);
    Known {
        orientation: matrix.and_then(Orientation::from_matrix).unwrap_or_default(),
        sample_aspect_ratio: stream.sample_aspect_ratio(),
        icc_profile: stream.side_data(SideData::IccProfile).map(<[u8]>::to_vec),
    }
}

fn decoder(input: &Input, stream: usize, limits: &Limits) -> Result<Decoder, MediaError> {
    let Some(view) = input.streams().nth(stream) else {
        return Err(MediaError::NoStream);
    };
    let rules = Rules {
        codecs: container::DECODERS,
        max_pixels: limits.max_pixels,
        // Few frames of many are decoded, which threads would only delay; other files keep other processors busy.
        n_threads: 1,
    };
    let mut decoder = Decoder::open(view, &rules).map_err(|reason| MediaError::Unsupported { reason })?;
    if !input.is_analyzed() {
        decoder.expect_disorder();
    }
    Ok(decoder)
}

/// A file of sound.
fn sound(
    input: &mut Input,
    survey: &Survey,
    limits: &Limits,
    surveyed: &mut Surveyed,
    sheet: &mut Sheet,
) -> Result<(), MediaError> {
    if survey.poster.is_some() {
        // Most sound has no cover, and lacks nothing.
        cover(input, survey, limits, surveyed, sheet)?;
    }
    let Some(mut track) = listen::start(input, survey, limits, surveyed) else {
        return Ok(());
    };
    listen::rest(input, &mut track)?;
    track.sound.finish(surveyed, sheet)
}

/// Draws the poster from the embedded cover; false if there is none that decodes.
fn cover(
    input: &Input,
    survey: &Survey,
    limits: &Limits,
    surveyed: &mut Surveyed,
    sheet: &mut Sheet,
) -> Result<bool, MediaError> {
    let Some(poster) = &survey.poster else { return Ok(false) };
    for stream in 0..input.n_streams() {
        let Some(packet) = input.attached_picture(stream) else {
            continue;
        };
        let Some(view) = input.streams().nth(stream) else {
            continue;
        };
        let mut lens = Lens::new(known(view));
        let Ok(mut decoder) = decoder(input, stream, limits) else {
            continue;
        };
        let mut frame = Frame::empty().map_err(av_error)?;
        let decoded = decoder.send(Some(&packet)).and_then(|()| decoder.send(None));
        if decoded.is_err() || !matches!(decoder.receive(&mut frame), Ok(true)) {
            continue;
        }
        let mut choice = Choice::new(poster);
        choice.fix(&frame, PosterSource::Cover)?;
        return choice.finish(&mut lens, surveyed, sheet);
    }
    Ok(false)
}
