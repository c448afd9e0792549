//! The survey: everything that is drawn and measured of a file, in one pass over it.

mod color;
mod drawing;
mod image;
mod lens;
mod phash;
mod plan;
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
use media_av::input::{Input, Wanted};
use media_av::stream::{Kind, SideData, StreamView};
use media_proto::error::MediaError;
use media_proto::job::Limits;
use media_proto::probe::MediaKind;
use media_proto::survey::{PosterSource, Survey, Surveyed};

use crate::container;
use crate::control::checkpoint;
use crate::open::{self, Opened, av_error};
use crate::survey::drawing::Drawing;
use crate::survey::lens::{Known, Lens};
use crate::survey::plan::{Pick, Plan, Use};
use crate::survey::poster::Choice;
use crate::survey::raster::Orientation;
use crate::survey::sheet::Sheet;
use crate::survey::sound::Sound;
use crate::survey::walk::Walk;

/// A file from this size up is not read whole for its pictures alone.
const LONG: i64 = 24 << 20;
/// Damaged stretches of a container that are skipped.
const MAX_READ_ERRORS: u32 = 200;

/// Surveys the file behind the descriptor; gives the results and the sealed memory file with the artifacts.
pub fn run(source: OwnedFd, survey: &Survey, limits: &Limits) -> Result<(Surveyed, OwnedFd), MediaError> {
    let mut surveyed = Surveyed::default();
    let mut sheet = Sheet::new(limits);
    let Opened {
        mut input,
        format,
        head,
    } = open::open(source, survey.extension.as_deref(), u64::MAX, limits)?;
    let beginning = input.find_stream_info().map_err(open::explain);
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
    match container::kind(format, name, has(Kind::Video), has(Kind::Audio), subtitles) {
        MediaKind::Image => image::survey(&mut input, &head, survey, limits, &mut surveyed, &mut sheet)?,
        MediaKind::Video => film(&mut input, survey, limits, &mut surveyed, &mut sheet)?,
        MediaKind::Audio => sound(&mut input, survey, limits, &mut surveyed, &mut sheet)?,
        MediaKind::Subtitle | MediaKind::None => {}
    }
    if let Some(error) = open::complaint(&input) {
        return Err(error);
    }
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
    Decoder::open(view, &rules).map_err(|reason| MediaError::Unsupported { reason })
}

/// A file with moving pictures.
fn film(
    input: &mut Input,
    survey: &Survey,
    limits: &Limits,
    surveyed: &mut Surveyed,
    sheet: &mut Sheet,
) -> Result<(), MediaError> {
    let Some(stream) = main_pictures(input) else {
        return Err(MediaError::NoStream);
    };
    let Some(view) = input.streams().nth(stream) else {
        return Err(MediaError::NoStream);
    };
    let start_us = view.start_us().or(input.start_us()).unwrap_or(0);
    let rate = view.average_frame_rate().or_else(|| view.base_frame_rate());
    let duration_us = duration_us(input, view, rate);
    let lens = Lens::new(known(view));
    let (mut drawing, plan) = Drawing::plan(survey, lens, start_us, duration_us, rate);
    let frame_us = rate.map_or(40_000, |(num, den)| 1_000_000 * i64::from(den) / i64::from(num.max(1)));
    let mut track = listen(input, survey, limits, surveyed);
    let walked = decoder(input, stream, limits)
        .and_then(|decoder| Walk::new(plan, decoder, frame_us, false))
        .and_then(|mut walk| {
            pass(input, stream, &mut walk, track.as_mut(), &mut drawing, sheet)?;
            second_look(input, stream, &mut walk, survey, duration_us, &mut drawing, sheet)
        });
    if let Some(mut track) = track {
        if walked.is_err() {
            // What cannot be seen may still be heard.
            hear(input, &mut track)?;
        }
        track.sound.finish(surveyed, sheet)?;
    }
    let mut reason = "no frame could be decoded".to_owned();
    match walked {
        Ok(()) => {}
        Err(MediaError::Corrupt { reason: stated } | MediaError::Unsupported { reason: stated }) => reason = stated,
        Err(error) => return Err(error),
    }
    if drawing.lacks_poster() && survey.poster.is_some() {
        // A film that cannot be decoded may still bring its own poster.
        if cover(input, survey, limits, surveyed, sheet)? {
            drawing.forgo_poster();
        }
    }
    drawing.finish(&reason, surveyed, sheet);
    Ok(())
}

/// How long the pictures last: by their stream, else by the file, else by their number.
fn duration_us(input: &Input, view: StreamView<'_>, rate: Option<(i32, i32)>) -> i64 {
    let counted = || {
        let (num, den) = rate?;
        Some(view.n_frames()? * 1_000_000 * i64::from(den) / i64::from(num))
    };
    let stated = view.duration_us().filter(|&duration| duration > 0);
    let whole = || input.duration_us().filter(|&duration| duration > 0);
    stated.or_else(whole).or_else(counted).unwrap_or(0).clamp(0, 1 << 50)
}

/// The pass itself: in the file's order, or by seeks where little is wanted of much.
fn pass(
    input: &mut Input,
    stream: usize,
    walk: &mut Walk,
    mut track: Option<&mut Track>,
    drawing: &mut Drawing,
    sheet: &mut Sheet,
) -> Result<(), MediaError> {
    if walk.plan.is_empty() && track.is_none() {
        return Ok(());
    }
    let heard = track.as_ref().map(|track| track.stream);
    for other in 0..input.n_streams() {
        if other != stream && Some(other) != heard {
            input.want(other, Wanted::Nothing);
        }
    }
    let mut draw = |frame: &Frame, time_us: i64, uses: &[Use]| drawing.draw(frame, time_us, uses, sheet);
    let is_long = input.n_bytes().is_some_and(|n_bytes| n_bytes >= LONG);
    // Sound has to be read whole, and the pictures lie on the way.
    if track.is_none() && is_long && input.can_seek() {
        return walk.by_seeks(input, stream, checkpoint, &mut draw);
    }
    if walk.plan.is_keyframes_only() {
        input.want(stream, Wanted::Keyframes);
    }
    let mut packet = Packet::empty().map_err(av_error)?;
    let mut n_errors = 0;
    let mut is_seen = false;
    loop {
        if !is_seen && walk.is_done() {
            is_seen = true;
            input.want(stream, Wanted::Nothing);
        }
        if is_seen && !track.as_ref().is_some_and(|track| track.sound.wants_more()) {
            break;
        }
        checkpoint()?;
        match input.read(&mut packet) {
            Ok(true) if packet.stream() == stream && !is_seen => walk.packet(&packet, &mut draw)?,
            Ok(true) => {
                if let Some(track) = track.as_mut().filter(|track| track.stream == packet.stream()) {
                    track.sound.packet(&packet)?;
                }
            }
            Ok(false) => break,
            Err(error) if n_errors >= MAX_READ_ERRORS => {
                return Err(open::complaint(input).unwrap_or_else(|| av_error(error)));
            }
            Err(_) => n_errors += 1,
        }
    }
    walk.finish(&mut draw)
}

/// Looks elsewhere for a poster where all candidates were black or nothing.
fn second_look(
    input: &mut Input,
    stream: usize,
    walk: &mut Walk,
    survey: &Survey,
    duration_us: i64,
    drawing: &mut Drawing,
    sheet: &mut Sheet,
) -> Result<(), MediaError> {
    let times = drawing.rescue(survey, duration_us);
    if times.is_empty() || !input.can_seek() {
        return Ok(());
    }
    input.want(stream, Wanted::All);
    let mut plan = Plan::default();
    for at_us in times {
        plan.add(at_us, Pick::Showing, Use::Candidate);
    }
    walk.plan = plan;
    let mut draw = |frame: &Frame, time_us: i64, uses: &[Use]| drawing.draw(frame, time_us, uses, sheet);
    walk.by_seeks(input, stream, checkpoint, &mut draw)
}

/// A file of sound.
fn sound(
    input: &mut Input,
    survey: &Survey,
    limits: &Limits,
    surveyed: &mut Surveyed,
    sheet: &mut Sheet,
) -> Result<(), MediaError> {
    if survey.poster.is_some() && !cover(input, survey, limits, surveyed, sheet)? {
        let reason = "the file holds no cover".to_owned();
        surveyed.failures.push(("poster".to_owned(), reason));
    }
    let Some(mut track) = listen(input, survey, limits, surveyed) else {
        return Ok(());
    };
    hear(input, &mut track)?;
    track.sound.finish(surveyed, sheet)
}

/// Reads on for the sound alone.
fn hear(input: &mut Input, track: &mut Track) -> Result<(), MediaError> {
    input.keep_only(track.stream);
    let mut packet = Packet::empty().map_err(av_error)?;
    let mut n_errors = 0;
    while track.sound.wants_more() {
        checkpoint()?;
        match input.read(&mut packet) {
            Ok(true) if packet.stream() == track.stream => track.sound.packet(&packet)?,
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if n_errors >= MAX_READ_ERRORS => {
                return Err(open::complaint(input).unwrap_or_else(|| av_error(error)));
            }
            Err(_) => n_errors += 1,
        }
    }
    Ok(())
}

/// The sound that is listened to, and where it is.
struct Track {
    stream: usize,
    sound: Sound,
}

/// Sets up the measuring of sound, if any of it is wanted and there is some.
fn listen(input: &Input, survey: &Survey, limits: &Limits, surveyed: &mut Surveyed) -> Option<Track> {
    let stream = Sound::choose(input).filter(|_| Sound::is_wanted(survey))?;
    let view = input.streams().nth(stream)?;
    match Sound::new(survey, view, input.start_us().unwrap_or(0), limits) {
        Ok(sound) => Some(Track { stream, sound }),
        Err(reason) => {
            surveyed.failures.push(("sound".to_owned(), reason));
            None
        }
    }
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
