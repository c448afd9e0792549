//! Keyframes alone, for scrubbing: a segment is one picture, that of the last keyframe before its start, and costs what a
//! thumbnail costs. It fits the header of the rendition that has all pictures.

use std::os::fd::OwnedFd;

use media_av::encode::Frame;
use media_av::film::Setup;
use media_av::fragment::{Fragments, Timing};
use media_proto::error::MediaError;
use media_proto::head::{Segment, VIDEO_TICKS, VideoHead};
use media_proto::job::Limits;

use super::painter::Painter;
use super::{OUT, encoder};
use crate::control;
use crate::head::{Give, Made};
use crate::open::av_error;

/// Makes segments from the first wanted one to the last, or until nobody takes them.
pub fn run(source: OwnedFd, head: &VideoHead, limits: &Limits, give: &mut Give<'_>) -> Result<(), MediaError> {
    super::check(head)?;
    // One picture at a time: threads would only delay it.
    let mut reader = super::reader(source, head, limits, 1)?;
    let mut frame = Frame::empty().map_err(av_error)?;
    let mut last = None;
    let mut is_told = false;
    for n in head.first..head.n_segments {
        control::checkpoint()?;
        let boundary = head.start_pts.saturating_add(head.grid.first_tick(n, head.time_base));
        if n > 0 {
            reader.go_before(boundary, boundary, head.start_pts, head.time_base)?;
        }
        last = Some(reader.keyframe(&mut frame, last)?);
        let (header, bytes) = picture(head, n, &frame)?;
        if !is_told && !give(Made::Header(header))? {
            return Ok(());
        }
        is_told = true;
        let (first_pts, end) = (head.grid.first_tick(n, OUT), head.grid.first_tick(n + 1, OUT));
        let segment = Segment {
            index: n,
            first_pts,
            duration: end - first_pts,
        };
        if !give(Made::Segment(segment, bytes))? {
            return Ok(());
        }
    }
    Ok(())
}

/// The header of all, and the segment. An encoder gives its picture only at its end, so each has its own.
fn picture(head: &VideoHead, n: u32, frame: &Frame) -> Result<(Vec<u8>, Vec<u8>), MediaError> {
    let invalid = |reason| MediaError::Invalid { reason };
    let mut painter = Painter::new(head);
    painter.push(Some(frame))?;
    painter.push(None)?;
    let mut painted = Frame::empty().map_err(av_error)?;
    if !painter.pull(&mut painted)? {
        return Err(MediaError::Corrupt {
            reason: "no picture decodes from there on".to_owned(),
        });
    }
    let mut encoder = encoder::software(&head.rendition, 1, Setup::Apart)?;
    let (mut fragments, header) = Fragments::new(&encoder, VIDEO_TICKS, n).map_err(invalid)?;
    let (pts, end) = (head.grid.first_tick(n, OUT), head.grid.first_tick(n + 1, OUT));
    painted.set_pts(pts);
    painted.ask_for_keyframe(true);
    encoder.send(Some(&painted)).map_err(av_error)?;
    encoder.send(None).map_err(av_error)?;
    let Some(packet) = encoder.receive().map_err(av_error)? else {
        return Err(invalid("the encoder gave no picture".to_owned()));
    };
    let timing = Timing {
        pts,
        dts: pts,
        duration: end - pts,
    };
    fragments.write(packet, timing).map_err(av_error)?;
    Ok((header, fragments.cut().map_err(av_error)?))
}
