//! The sound of a copying head.

use media_av::encode::Packet;
use media_av::fragment::Timing;
use media_proto::error::MediaError;
use media_proto::grid::TimeBase;
use media_proto::job::Limits;

use super::{Group, Source, Writer, unsupported};
use crate::open::av_error;

/// Copies sound: each packet into the segment in which it begins.
pub fn run(
    mut source: Source<'_>,
    mut writer: Writer<'_, '_>,
    frame_ticks: i64,
    limits: &Limits,
) -> Result<(), MediaError> {
    let mut segment = source.head.first;
    let begin = source.begin(segment).unwrap_or(i64::MIN);
    let mut end = source.begin(segment + 1);
    let mut group = Group::default();
    while !writer.is_over {
        if end.is_none() && !source.head.is_whole {
            return Ok(());
        }
        let Some(packet) = source.next()? else { break };
        let Some(pts) = packet.pts() else { continue };
        // What begins before the start primes the decoder, or belongs to the segment before.
        if pts < begin || writer.ticks(pts) < 0 {
            continue;
        }
        if end.is_some_and(|end| pts >= end) {
            write_sound(&mut writer, segment, std::mem::take(&mut group), Some(pts), frame_ticks)?;
            segment += 1;
            end = source.begin(segment + 1);
            if end.is_some_and(|end| pts >= end) {
                return Err(unsupported("its sound has a gap that is longer than a segment"));
            }
        }
        group.add(packet, pts, limits)?;
    }
    if writer.is_over || group.packets.is_empty() {
        return Ok(());
    }
    write_sound(&mut writer, segment, group, None, frame_ticks)
}

/// Writes a segment of sound. Clocks of milliseconds are too coarse for sound, so a packet that begins as good as where the
/// one before ends begins there.
fn write_sound(
    writer: &mut Writer<'_, '_>,
    index: u32,
    group: Group,
    next: Option<i64>,
    frame_ticks: i64,
) -> Result<(), MediaError> {
    let Some(first) = group.packets.first().map(|(_, pts)| writer.ticks(*pts)) else {
        return Err(unsupported("its sound has a gap that is longer than a segment"));
    };
    let (num, den) = writer.head.time_base;
    let grain = i64::from(writer.head.ticks_per_second) * i64::from(num) / i64::from(den) + 1;
    let is_exact = (i64::from(writer.head.ticks_per_second) * i64::from(num)) % i64::from(den) == 0;
    let lasts = |packet: &Packet| match frame_ticks {
        0 => rescale(
            packet.duration(),
            writer.head.time_base,
            (1, writer.head.ticks_per_second as i32),
        ),
        known => known,
    };
    let mut starts = Vec::with_capacity(group.packets.len());
    let (mut due, mut last_lasts) = (first, 0);
    for (packet, pts) in &group.packets {
        let stated = writer.ticks(*pts);
        let is_near = !is_exact && (stated - due).abs() <= grain;
        let start = if is_near { due } else { stated };
        let start = start.max(starts.last().map_or(first, |last| last + 1));
        starts.push(start);
        last_lasts = lasts(packet).max(1);
        due = start + last_lasts;
    }
    let last = starts.last().copied().unwrap_or(first);
    let end = next.map_or(last + last_lasts, |next| writer.ticks(next)).max(last + 1);
    for (i, (packet, _)) in group.packets.into_iter().enumerate() {
        let timing = Timing {
            pts: starts[i],
            dts: starts[i],
            duration: starts.get(i + 1).copied().unwrap_or(end) - starts[i],
        };
        writer.fragments.write(packet, timing).map_err(av_error)?;
    }
    writer.cut(index, first, end)
}

fn rescale(ticks: i64, from: TimeBase, to: TimeBase) -> i64 {
    let dividend = i128::from(ticks) * i128::from(from.0) * i128::from(to.1);
    let divisor = i128::from(from.1) * i128::from(to.0);
    i64::try_from((2 * dividend + divisor).div_euclid(2 * divisor)).unwrap_or(i64::MAX)
}
