//! Which frames of a film go into its hash: the n-th that it shows, by the packets of its stream alone.
//!
//! Times would not do: a file's duration counts its sound, starts and clocks are rounded otherwise in each container, and
//! every frame that a rounding turns into its neighbor may turn bits of the hash over. A film that is only copied into
//! another container has the same packets in the same order.

use std::os::fd::OwnedFd;

use media_av::encode::Packet;
use media_av::input::Input;
use media_proto::error::MediaError;
use media_proto::job::Limits;

use crate::keyframes;
use crate::open::{self, av_error};
use crate::survey::{MAX_READ_ERRORS, checkpoint};

/// A file up to this size is walked over for the times of its packets where its container has no table of them. Of a
/// larger one the beginning and the end are read.
const MAX_WALKED: i64 = 256 << 20;
/// Packets by which the rate of a film is told: enough for 30 from 29.97 in a second on a clock of milliseconds.
const N_BEGINNING: usize = 240;
/// Packets of a film, at most: three days at 60 a second.
const MAX_PACKETS: usize = 16 << 20;
/// How far before the stated end the last packets are sought, in microseconds.
const BEFORE_END: [i64; 3] = [0, 10_000_000, 60_000_000];
/// A second in microseconds.
const SECOND: i64 = 1_000_000;

/// When frames are shown that lie at the given thousandths of a film, in microseconds on the file's own clock; none where
/// packets have no times, or nothing can be sought. A frame may also be as much as half a frame later than its time here.
pub fn at_thousandths(
    source: &OwnedFd,
    extension: Option<&str>,
    stream: usize,
    parts: impl Iterator<Item = usize>,
    limits: &Limits,
) -> Result<Option<Vec<i64>>, MediaError> {
    let again = source.try_clone().map_err(|error| MediaError::Io {
        reason: error.to_string(),
    })?;
    let opened = open::open(again, extension, u64::MAX, limits)?;
    let mut input = opened.input;
    // These name all streams in their headers; of others it takes a look to have them in the same order.
    let is_named = matches!(opened.format.name, "mp4" | "matroska");
    if !is_named && input.find_stream_info().is_err() || stream >= input.n_streams() || !input.can_seek() {
        return Ok(None);
    }
    let is_table = opened.format.name == "mp4" && keyframes::has_all_fragments(&input, source);
    if is_table {
        input.skip_payloads();
    }
    let is_small = input.n_bytes().is_some_and(|n_bytes| n_bytes <= MAX_WALKED);
    let shown = if is_table || is_small {
        Shown::of_walk(&mut input, stream)?
    } else {
        Shown::of_ends(&mut input, stream)?
    };
    Ok(shown.map(|shown| parts.map(|part| shown.at(part)).collect()))
}

/// When a film's frames are shown.
enum Shown {
    /// Each of them, in order.
    Each(Vec<i64>),
    /// So many, evenly from the first to the last.
    Evenly {
        n_frames: usize,
        first_us: i64,
        last_us: i64,
    },
}

impl Shown {
    /// By all packets.
    fn of_walk(input: &mut Input, stream: usize) -> Result<Option<Self>, MediaError> {
        let Some(mut times_us) = read(input, stream, MAX_PACKETS)? else {
            return Ok(None);
        };
        times_us.sort_unstable();
        Ok((!times_us.is_empty()).then_some(Self::Each(times_us)))
    }

    /// By the first packets and the last ones.
    fn of_ends(input: &mut Input, stream: usize) -> Result<Option<Self>, MediaError> {
        let view = input.streams().nth(stream);
        let stated = view.and_then(|view| Some((view.time_base(), view.duration_us()?)));
        let stated = stated.filter(|&(_, duration_us)| duration_us > 0);
        let whole_us = input.duration_us();
        let Some(mut beginning_us) = read(input, stream, N_BEGINNING)?.filter(|times_us| times_us.len() > 1) else {
            return Ok(None);
        };
        // What is shown before the last of them may not have come yet.
        let newest_us = beginning_us.last().copied().unwrap_or(0);
        beginning_us.sort_unstable();
        beginning_us.retain(|&time_us| time_us <= newest_us);
        let (Some(&first_us), Some(&until_us)) = (beginning_us.first(), beginning_us.last()) else {
            return Ok(None);
        };
        let Some(frame_us) = frame_us(until_us - first_us, beginning_us.len() - 1) else {
            return Ok(None);
        };
        let Some(duration_us) = stated.map(|(_, duration_us)| duration_us).or(whole_us) else {
            return Ok(None);
        };
        for before_us in BEFORE_END {
            let at_us = first_us.saturating_add(duration_us).saturating_sub(before_us);
            if input.seek_us(stream, at_us).is_err() {
                continue;
            }
            let last_us = read(input, stream, MAX_PACKETS)?.and_then(|times_us| times_us.into_iter().max());
            if let Some(last_us) = last_us.filter(|&last_us| last_us > until_us) {
                let n_frames = ((last_us - first_us) as f64 / frame_us).round() as usize + 1;
                return Ok(Some(Self::Evenly {
                    n_frames,
                    first_us,
                    last_us,
                }));
            }
        }
        Ok(None)
    }

    /// When the frame is shown that lies at so many thousandths of all: the first that does not begin before.
    fn at(&self, part: usize) -> i64 {
        let index = |n_frames: usize| (n_frames * part).div_ceil(1000).min(n_frames - 1);
        match self {
            Self::Each(times_us) => times_us[index(times_us.len())],
            &Self::Evenly {
                n_frames,
                first_us,
                last_us,
            } => {
                let frame_us = (last_us - first_us) as f64 / (n_frames - 1).max(1) as f64;
                // Half a frame early, as the clock's ticks may be coarse.
                first_us + (frame_us * (index(n_frames) as f64 - 0.5)) as i64
            }
        }
    }
}

/// When the next pictures of a stream show, in microseconds, in the order of the file and from its first keyframe on, if
/// there is any: nothing is made of what comes before it. None if a packet has no time.
fn read(input: &mut Input, stream: usize, max: usize) -> Result<Option<Vec<i64>>, MediaError> {
    input.keep_only(stream);
    let Some((base, codec)) = input.streams().nth(stream).map(|view| (view.time_base(), view.codec())) else {
        return Ok(None);
    };
    // Only these two keep unseen pictures apart, and only there is the content read.
    let codec = if input.demuxer().starts_with("matroska") {
        codec
    } else {
        String::new()
    };
    let micro = |ticks: i64| {
        let (num, den) = (i128::from(base.0), i128::from(base.1.max(1)));
        i64::try_from(i128::from(ticks) * num * i128::from(SECOND) / den).ok()
    };
    let mut packet = Packet::empty().map_err(av_error)?;
    let (mut times_us, mut n_errors, mut has_begun) = (Vec::new(), 0, false);
    while times_us.len() < max {
        checkpoint()?;
        match input.read(&mut packet) {
            Ok(true) if packet.stream() == stream && !is_unseen(&codec, packet.bytes()) => {
                let Some(time_us) = packet.pts().or(packet.dts()).and_then(micro) else {
                    return Ok(None);
                };
                if packet.is_key() && !has_begun {
                    has_begun = true;
                    times_us.clear();
                }
                times_us.push(time_us);
            }
            Ok(true) => {}
            Ok(false) => break,
            Err(_) if n_errors < MAX_READ_ERRORS => n_errors += 1,
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(times_us))
}

/// Whether a packet is only there for others to be made from. WebM keeps such pictures in packets of their own, mp4 in one
/// packet with the next (VP8: RFC 6386, 9.1; VP9: bitstream specification, 7.2 and annex B).
fn is_unseen(codec: &str, packet: &[u8]) -> bool {
    let (Some(&first), Some(&last)) = (packet.first(), packet.last()) else {
        return false;
    };
    match codec {
        "vp8" => first & 0x10 == 0,
        "vp9" => {
            let has_several = last & 0xe0 == 0xc0;
            let is_profile_3 = first & 0x30 == 0x30;
            // The bits for "shows one that is there" and for "is shown", with the kind of frame between them.
            let bits = if is_profile_3 { 0b101 } else { 0b1010 };
            !has_several && first & bits == 0
        }
        _ => false,
    }
}

/// How long each of so many frames is that last so long together, in microseconds: by the usual rate that is as near as the
/// coarsest clock can tell, or as it is.
fn frame_us(duration_us: i64, n_frames: usize) -> Option<f64> {
    if duration_us <= 0 || n_frames == 0 {
        return None;
    }
    let mean_us = duration_us as f64 / n_frames as f64;
    let slack_us = 1_500.0 / n_frames as f64;
    let second = SECOND as f64;
    let whole = (1..=240).map(|rate| second / f64::from(rate));
    let ntsc = [24, 30, 48, 60, 120].map(|rate| second * 1.001 / f64::from(rate));
    let halves = [7.5, 12.5].map(|rate| second / rate);
    let usual = whole.chain(ntsc).chain(halves);
    let nearest = usual.min_by(|a, b| (a - mean_us).abs().total_cmp(&(b - mean_us).abs()))?;
    Some(if (nearest - mean_us).abs() <= slack_us {
        nearest
    } else {
        mean_us
    })
}

#[cfg(test)]
mod tests {
    use super::{Shown, frame_us, is_unseen};

    #[test]
    fn pictures_that_are_never_shown_are_told_from_the_others() {
        // VP8: the fifth bit; VP9 of profile 0: shown, hidden, one repeated; of profile 3: shown, hidden.
        assert!(!is_unseen("vp8", &[0x10, 0]) && is_unseen("vp8", &[0x00, 0]));
        assert!(!is_unseen("vp9", &[0x82, 0]) && is_unseen("vp9", &[0x84, 0]) && !is_unseen("vp9", &[0x88]));
        assert!(!is_unseen("vp9", &[0xb1, 0]) && is_unseen("vp9", &[0xb2, 0]));
        assert!(!is_unseen("vp9", &[0x84, 0xc9]), "a superframe holds one that is shown");
        assert!(!is_unseen("h264", &[0, 0]) && !is_unseen("vp9", &[]));
    }

    #[test]
    fn a_rate_is_told_from_rounded_times() {
        for (num, den) in [
            (25, 1),
            (30, 1),
            (30_000, 1001),
            (24_000, 1001),
            (60_000, 1001),
            (50, 1),
        ] {
            let exact_us = 1_000_000.0 * f64::from(den) / f64::from(num);
            for n_frames in [60, 239] {
                let duration_us = (exact_us * n_frames as f64 / 1000.0).round() as i64 * 1000;
                let found = frame_us(duration_us, n_frames).expect("a rate");
                let n_drifted = (found - exact_us).abs() / exact_us * 7_200.0 * f64::from(num) / f64::from(den);
                assert!(
                    n_frames < 239 || n_drifted < 0.5,
                    "{num}/{den}: {n_drifted} frames in two hours"
                );
            }
        }
        assert_eq!(frame_us(0, 5), None);
    }

    #[test]
    fn a_table_and_its_ends_name_the_same_frames() {
        for n_frames in [1usize, 2, 7, 25, 26, 299, 7200] {
            // On a clock of milliseconds.
            let times_us: Vec<i64> = (0..n_frames as i64).map(|i| 1_400_000 + i * 1001 / 30 * 1000).collect();
            let evenly = Shown::Evenly {
                n_frames,
                first_us: times_us[0],
                last_us: *times_us.last().expect("a frame"),
            };
            let each = Shown::Each(times_us.clone());
            for part in (0..25).map(|i| 50 + 36 * i) {
                let next = times_us.iter().copied().find(|&time_us| time_us >= evenly.at(part));
                assert_eq!(next, Some(each.at(part)), "{part} of {n_frames}");
            }
        }
    }
}
