//! What of a range is copied: found by a walk over its packets.

use media_av::encode::Packet;
use media_av::error::AvError;
use media_proto::clip::ClipMode;
use media_proto::error::MediaError;

use super::parameters::{self, Framing};
use super::reader::Clock;
use super::splice::NotSpliced;
use crate::control;
use crate::open::{self, Opened, av_error};

/// How far a seek that landed too late steps back at first, in seconds; twice as far each further time.
const STEP_BACK_S: i64 = 2;
/// Steps back before the file is read from its beginning.
const MAX_STEPS: u32 = 6;
/// No range has more packets.
const MAX_PACKETS: usize = 4_000_000;

/// A range, as frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// When its frames show, in ascending order.
    pub pts: Vec<i64>,
    /// When the last of them ends.
    pub end: i64,
    /// What is copied: the keyframe that it begins with, and the one before which it ends, or the end of the file.
    pub copy: Option<(i64, Option<i64>)>,
    /// How much later frames show than they would in the order in which they are stored, at most.
    pub disorder: i64,
}

impl Plan {
    /// How many frames are encoded anew.
    pub fn n_edge_frames(&self) -> usize {
        let is_copied = |pts: &&i64| match self.copy {
            Some((from, until)) => **pts >= from && until.is_none_or(|until| **pts < until),
            None => false,
        };
        self.pts.len() - self.pts.iter().filter(is_copied).count()
    }
}

/// A packet that was walked over.
#[derive(Debug, Clone, Copy)]
struct Seen {
    pts: i64,
    is_key: bool,
    is_closed: bool,
}

/// Plans a range of ticks of a stream.
pub fn plan(
    opened: &mut Opened,
    stream: usize,
    clock: &Clock,
    (from, to): (i64, i64),
    framing: Option<Framing>,
    mode: ClipMode,
) -> Result<Plan, NotSpliced> {
    let (seen, is_whole) = walk(opened, stream, clock, (from, to), framing)?;
    let (copy_from, copy_to, from, to) = match mode {
        ClipMode::Keyframe => {
            let keys = || seen.iter().filter(|seen| seen.is_key).map(|seen| seen.pts);
            let first = keys().filter(|pts| *pts <= from).max().or_else(|| keys().min());
            let first = first.ok_or_else(|| because("there is no keyframe in the range"))?;
            let until = keys().filter(|pts| *pts >= to && *pts > first).min();
            (Some(first), until, first, until.unwrap_or(i64::MAX))
        }
        ClipMode::Smart | ClipMode::Exact => {
            let cuts = || {
                seen.iter()
                    .filter(|seen| seen.is_key && seen.is_closed)
                    .map(|seen| seen.pts)
            };
            let first = cuts().filter(|pts| *pts >= from).min();
            let is_to_end = is_whole && seen.iter().all(|seen| seen.pts < to);
            let until = cuts().filter(|pts| *pts <= to).max().filter(|_| !is_to_end);
            (
                first.filter(|first| is_to_end || until.is_some_and(|until| until > *first)),
                until,
                from,
                to,
            )
        }
    };
    let mut pts: Vec<i64> = seen
        .iter()
        .map(|seen| seen.pts)
        .filter(|pts| (from..to).contains(pts))
        .collect();
    pts.sort_unstable();
    if pts.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(because("two frames show at the same time"));
    }
    let (Some(first), Some(last)) = (pts.first(), pts.last()) else {
        return Err(NotSpliced::Failed(MediaError::Invalid {
            reason: "no frame begins in the range".to_owned(),
        }));
    };
    let usual = (last - first) / (pts.len() as i64 - 1).max(1);
    let after = seen.iter().map(|seen| seen.pts).filter(|pts| pts > last).min();
    let end = after.unwrap_or(last + usual.max(1));
    let copy = copy_from.map(|from| (from, copy_to));
    // Between two frames of an edge at most one is stored out of its order.
    let widest = pts
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .max()
        .unwrap_or(0)
        .max(end - last);
    let disorder = match copy {
        Some(copy) => disorder(&seen, &pts, copy)?.max(widest),
        None => widest,
    };
    Ok(Plan {
        pts,
        end,
        copy,
        disorder,
    })
}

/// How much later than in storage order the frames of a copy show; an error if it is not whole.
fn disorder(seen: &[Seen], pts: &[i64], (from, until): (i64, Option<i64>)) -> Result<i64, NotSpliced> {
    let sorted: Vec<i64> = pts
        .iter()
        .copied()
        .filter(|pts| *pts >= from && until.is_none_or(|until| *pts < until))
        .collect();
    let begin = seen.iter().position(|seen| seen.is_key && seen.pts == from);
    let stored = seen[begin.unwrap_or(0)..].iter();
    let mut stored = stored.take_while(|seen| !(seen.is_key && until == Some(seen.pts)));
    let mut most = 0;
    for due in &sorted {
        // Pictures that are shown before the first keyframe come after it where groups are open: nobody can decode them.
        let next = stored.by_ref().find(|seen| seen.pts >= from);
        let next = next.ok_or_else(|| because("frames of neighboring groups are mixed"))?;
        most = most.max(due - next.pts);
    }
    Ok(most)
}

/// The packets from the last keyframe at or before the range to the first at or after it; and whether the file ends there.
fn walk(
    opened: &mut Opened,
    stream: usize,
    clock: &Clock,
    (from, to): (i64, i64),
    framing: Option<Framing>,
) -> Result<(Vec<Seen>, bool), NotSpliced> {
    let start = clock.tick(0);
    let second = i64::from(clock.time_base.1 / clock.time_base.0).max(1);
    let (mut target, mut step) = (from, STEP_BACK_S * second);
    for _ in 0..MAX_STEPS {
        if target <= start || opened.input.seek_back_to(stream, target).is_err() {
            break;
        }
        let (seen, is_whole) = read(opened, stream, (from, to), framing)?;
        if seen.first().is_some_and(|seen| seen.pts <= from) {
            return Ok((seen, is_whole));
        }
        target = target.saturating_sub(step);
        step = step.saturating_mul(2);
    }
    opened
        .input
        .rewind()
        .map_err(|error| NotSpliced::Failed(av_error(error)))?;
    read(opened, stream, (from, to), framing)
}

fn read(
    opened: &mut Opened,
    stream: usize,
    (from, to): (i64, i64),
    framing: Option<Framing>,
) -> Result<(Vec<Seen>, bool), NotSpliced> {
    let mut packet = Packet::empty().map_err(|error| NotSpliced::Failed(av_error(error)))?;
    let mut seen: Vec<Seen> = Vec::new();
    let mut last_key = None;
    loop {
        control::checkpoint().map_err(NotSpliced::Failed)?;
        if !next(opened, stream, &mut packet)? {
            return Ok((seen, true));
        }
        let is_key = packet.is_key();
        if seen.is_empty() && !is_key {
            continue;
        }
        let pts = packet
            .pts()
            .ok_or_else(|| because("the file does not say when each frame shows"))?;
        if last_key.is_some_and(|key| !is_key && pts > key) {
            // Pictures after this one are shown after the keyframe that ends the range.
            return Ok((seen, false));
        }
        if is_key && pts >= to {
            if last_key.is_some() {
                return Ok((seen, false));
            }
            last_key = Some(pts);
        }
        if is_key && pts <= from {
            // Decoding can begin here: what was before is not needed.
            seen.clear();
        }
        let is_closed = is_key && framing.is_none_or(|framing| parameters::is_closed(packet.bytes(), framing));
        seen.push(Seen { pts, is_key, is_closed });
        if seen.len() > MAX_PACKETS {
            return Err(because("the range has too many frames"));
        }
    }
}

/// The next packet of a stream; false at the end.
pub fn next(opened: &mut Opened, stream: usize, packet: &mut Packet) -> Result<bool, NotSpliced> {
    loop {
        match opened.input.read(packet) {
            Ok(true) if packet.stream() == stream => return Ok(true),
            Ok(true) => {}
            Ok(false) => {
                return match open::complaint(&opened.input) {
                    Some(error) => Err(NotSpliced::Failed(error)),
                    None => Ok(false),
                };
            }
            Err(AvError::NO_MEMORY) => return Err(NotSpliced::Failed(MediaError::Memory)),
            Err(_) => return Err(because("the file is damaged in the range")),
        }
    }
}

pub fn because(reason: &str) -> NotSpliced {
    NotSpliced::Because(reason.to_owned())
}
