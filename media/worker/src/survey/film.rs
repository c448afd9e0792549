//! A film: pictures and sound from one pass over the file.

use std::os::fd::OwnedFd;

use media_av::encode::{Frame, Packet};
use media_av::input::{Input, Wanted};
use media_av::stream::StreamView;
use media_proto::error::MediaError;
use media_proto::job::Limits;
use media_proto::survey::{Survey, Surveyed};

use crate::open::{self, av_error};
use crate::survey::drawing::{Drawing, Span};
use crate::survey::keys::Keys;
use crate::survey::lens::Lens;
use crate::survey::listen::{self, Track};
use crate::survey::moments;
use crate::survey::phash;
use crate::survey::plan::{Pick, Plan, Use};
use crate::survey::sheet::Sheet;
use crate::survey::walk::Walk;
use crate::survey::{MAX_READ_ERRORS, checkpoint, cover, decoder, known, locked, main_pictures};

/// A file from this size up is not read whole for its pictures alone.
const LONG: i64 = 24 << 20;

/// A file with moving pictures.
pub fn survey(
    input: &mut Input,
    source: &OwnedFd,
    head: &[u8],
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
    let stated_us = view.start_us().or(input.start_us());
    let rate = view.average_frame_rate().or_else(|| view.base_frame_rate());
    let lens = Lens::new(known(view));
    let frame_us = rate.map_or(40_000, |(num, den)| 1_000_000 * i64::from(den) / i64::from(num.max(1)));
    let stated_duration_us = duration_us(input, view, rate);
    let start_us = match stated_us {
        None if !input.is_analyzed() => first_us(input, stream)?,
        stated => stated.unwrap_or(0),
    };
    let duration_us = match stated_duration_us {
        0 => measured_us(input, stream, start_us, frame_us)?,
        stated => stated,
    };
    let span = Span { start_us, duration_us };
    let keys = Keys::of(input, stream, start_us, start_us.saturating_add(duration_us));
    let moments = if survey.phash {
        let extension = survey.extension.as_deref();
        moments::at_thousandths(source, extension, stream, phash::thousandths(), limits)?
    } else {
        None
    };
    let (mut drawing, plan) = Drawing::plan(survey, lens, span, rate, &keys, moments);
    let mut track = listen::start(input, survey, limits, surveyed);
    let walked = decoder(input, stream, limits)
        .and_then(|decoder| Walk::new(plan, decoder, frame_us, survey.scenes, keys))
        .and_then(|mut walk| {
            pass(input, stream, &mut walk, track.as_mut(), &mut drawing, sheet)?;
            second_look(input, stream, &mut walk, survey, duration_us, &mut drawing, sheet)
        });
    if let Some(mut track) = track {
        if walked.is_err() {
            // What cannot be seen may still be heard.
            listen::rest(input, &mut track)?;
        }
        track.sound.finish(surveyed, sheet)?;
    }
    let mut complaint = MediaError::Corrupt {
        reason: "no frame could be decoded".to_owned(),
    };
    match walked {
        Ok(()) => {}
        Err(error @ (MediaError::Corrupt { .. } | MediaError::Unsupported { .. })) => complaint = error,
        Err(error) => return Err(error),
    }
    if drawing.has_gaps() && matches!(complaint, MediaError::Corrupt { .. }) {
        complaint = locked(input, Some(stream), head).unwrap_or(complaint);
    }
    if drawing.lacks_poster() && survey.poster.is_some() {
        // A film that cannot be decoded may still bring its own poster.
        if cover(input, survey, limits, surveyed, sheet)? {
            drawing.forgo_poster();
        }
    }
    drawing.finish(&complaint, duration_us, surveyed, sheet);
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
    if walk.plan.is_empty() && !walk.is_full() && track.is_none() {
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
    let is_quick = is_long || !input.is_analyzed();
    if track.is_none() && !walk.is_full() && is_quick && input.can_seek() {
        return walk.by_seeks(input, stream, checkpoint, &mut draw);
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
    walk.look_for(plan);
    let mut draw = |frame: &Frame, time_us: i64, uses: &[Use]| drawing.draw(frame, time_us, uses, sheet);
    walk.by_seeks(input, stream, checkpoint, &mut draw)
}

/// When the pictures begin by their first packet, for a file that has not been looked into. Seeks must follow.
fn first_us(input: &mut Input, stream: usize) -> Result<i64, MediaError> {
    input.keep_only(stream);
    for _ in 0..MAX_READ_ERRORS {
        checkpoint()?;
        match input.next_packet() {
            Ok(Some(packet)) if packet.stream == stream => {
                // Matroska's index is read by the first seek.
                let at_us = packet.pts_us.or(packet.dts_us).unwrap_or(0);
                input.seek(stream, 0).or_else(|_| input.rewind()).map_err(av_error)?;
                return Ok(at_us);
            }
            Ok(None) => break,
            Ok(Some(_)) | Err(_) => {}
        }
    }
    input.rewind().map_err(av_error)?;
    Ok(0)
}

/// How long the pictures last by their packets, for a file that does not say; it is at its beginning again afterwards.
fn measured_us(input: &mut Input, stream: usize, start_us: i64, frame_us: i64) -> Result<i64, MediaError> {
    if !input.can_seek() {
        return Ok(0);
    }
    let mut end_us = start_us;
    let mut n_errors = 0;
    while n_errors < MAX_READ_ERRORS {
        checkpoint()?;
        match input.next_packet() {
            Ok(Some(packet)) if packet.stream == stream => {
                let shown_us = packet.pts_us.or(packet.dts_us).unwrap_or(end_us);
                end_us = end_us.max(shown_us.saturating_add(packet.duration_us.max(frame_us)));
            }
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(_) => n_errors += 1,
        }
    }
    input.rewind().map_err(av_error)?;
    Ok((end_us - start_us).clamp(0, 1 << 50))
}
