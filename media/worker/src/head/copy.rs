//! The copying head: packets as the file has them, cut at keyframes, with decoding times of our own.

pub mod adts;
mod sound;

use std::os::fd::OwnedFd;

use media_av::encode::Packet;
use media_av::fragment::{Fragments, Timing};
use media_av::input::Wanted;
use media_av::stream::Kind;
use media_proto::copy::CopyHead;
use media_proto::error::MediaError;
use media_proto::grid::TimeBase;
use media_proto::head::Segment;
use media_proto::job::Limits;

use super::{Give, Made};
use crate::control;
use crate::open::{self, Opened, av_error};

/// Formats whose packets have the same times after a seek as on the way.
const FORMATS: [&str; 3] = ["mp4", "matroska", "mpegts"];
/// Codecs that players take in fragmented mp4 and whose setup is known before any packet.
const PICTURES: [&str; 4] = ["h264", "hevc", "av1", "vp9"];
const SOUNDS: [&str; 4] = ["aac", "opus", "flac", "mp3"];
/// How far a seek that landed too late steps back at first, in seconds; twice as far each further time.
const STEP_BACK_S: i64 = 2;
/// Steps back before the file is read from its beginning.
const MAX_STEPS: u32 = 5;
/// Damaged stretches that are stepped over.
const MAX_DAMAGED: u32 = 200;

/// Makes segments from the first wanted one to the last, or until nobody takes them.
pub fn run(source: OwnedFd, head: &CopyHead, limits: &Limits, give: &mut Give<'_>) -> Result<(), MediaError> {
    head.check().map_err(|reason| MediaError::Invalid { reason })?;
    let mut opened = open::open(source, head.extension.as_deref(), u64::MAX, limits)?;
    if !FORMATS.contains(&opened.format.name) {
        return Err(unsupported(format!(
            "packets of `{}` are not copied into segments",
            opened.format.name
        )));
    }
    let stream = head.stream as usize;
    let codec = opened.input.streams().nth(stream).map(|view| view.codec());
    let is_told = matches!(opened.format.name, "mp4" | "matroska")
        && matches!(codec.as_deref(), Some("h264" | "hevc" | "av1"))
        && opened
            .input
            .streams()
            .nth(stream)
            .is_some_and(|view| !view.extradata().is_empty());
    if !is_told {
        opened.input.find_stream_info().map_err(open::explain)?;
    }
    let Some(view) = opened.input.streams().nth(stream) else {
        return Err(invalid("the file has no such stream"));
    };
    if view.time_base() != head.time_base {
        return Err(invalid("the stream's clock is another than the plan's"));
    }
    let (codec, kind) = (view.codec(), view.kind());
    let is_known = match kind {
        Kind::Video => PICTURES.contains(&codec.as_str()) && !view.is_attached_picture(),
        Kind::Audio => SOUNDS.contains(&codec.as_str()),
        _ => false,
    };
    if !is_known {
        return Err(unsupported(format!("`{codec}` is not copied into segments")));
    }
    if view.is_encrypted() {
        return Err(unsupported("its content is encrypted, and there is no key"));
    }
    let frame_ticks = i64::from(view.frame_size());
    for other in 0..opened.input.n_streams() {
        let wanted = if other == stream { Wanted::All } else { Wanted::Nothing };
        opened.input.want(other, wanted);
    }
    let mut source = Source::new(opened, head);
    let setup = source.setup(&codec)?;
    let Some(view) = source.opened.input.streams().nth(stream) else {
        return Err(invalid("the file has no such stream"));
    };
    let (fragments, header) = Fragments::copying(view, setup.as_deref(), head.ticks_per_second, head.first)
        .map_err(|reason| MediaError::Unsupported { reason })?;
    // Only now: what is read changes what libav says of the stream.
    source.go_to(kind)?;
    let goes_on = give(Made::Header(header))?;
    let writer = Writer {
        head,
        fragments,
        give,
        is_over: !goes_on,
    };
    match kind {
        Kind::Video => pictures(source, writer, limits),
        _ => sound::run(source, writer, frame_ticks, limits),
    }
}

/// The packets of the stream.
struct Source<'a> {
    opened: Opened,
    head: &'a CopyHead,
    n_damaged: u32,
    /// Read while looking for the place, and not yet given.
    kept: Option<Packet>,
    /// Whether each packet has a header of its own, which is left out.
    is_adts: bool,
}

impl<'a> Source<'a> {
    fn new(opened: Opened, head: &'a CopyHead) -> Self {
        Self {
            opened,
            head,
            n_damaged: 0,
            kept: None,
            is_adts: false,
        }
    }

    /// The next packet of the stream, none at the end.
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        if let Some(packet) = self.kept.take() {
            return Ok(Some(packet));
        }
        let mut packet = Packet::empty().map_err(av_error)?;
        loop {
            control::checkpoint()?;
            match self.opened.input.read(&mut packet) {
                Ok(true) if packet.stream() == self.head.stream as usize => {
                    return if self.is_adts {
                        adts::without_header(&packet).map(Some)
                    } else {
                        Ok(Some(packet))
                    };
                }
                Ok(true) => {}
                Ok(false) => return open::complaint(&self.opened.input).map_or(Ok(None), Err),
                Err(error) => {
                    self.n_damaged += 1;
                    if self.n_damaged > MAX_DAMAGED {
                        return Err(open::complaint(&self.opened.input).unwrap_or_else(|| av_error(error)));
                    }
                }
            }
        }
    }

    /// The setup bytes where the packets bring them and the stream does not: those of AAC as broadcast.
    fn setup(&mut self, codec: &str) -> Result<Option<Vec<u8>>, MediaError> {
        let stream = self.head.stream as usize;
        let has_own = self
            .opened
            .input
            .streams()
            .nth(stream)
            .is_some_and(|view| !view.extradata().is_empty());
        if codec != "aac" || has_own {
            return Ok(None);
        }
        let packet = self.next()?.ok_or(MediaError::NoStream)?;
        let setup = adts::setup(packet.bytes()).ok_or_else(|| unsupported("sound without its setup"))?;
        self.is_adts = true;
        self.kept = Some(adts::without_header(&packet)?);
        Ok(Some(setup.to_vec()))
    }

    /// A tick of the stream that is at or after where a segment begins.
    fn begin(&self, n: u32) -> Option<i64> {
        let at = self.head.start.checked_add(self.head.cut(n)?)?;
        Some(rescale_up(at, self.head.cut_base, self.head.time_base))
    }

    /// Goes to where the first segment begins: to its keyframe, or to a packet of sound at or before it.
    fn go_to(&mut self, kind: Kind) -> Result<(), MediaError> {
        let Some(begin) = self.begin(self.head.first).filter(|_| self.head.first > 0) else {
            return Ok(());
        };
        let stream = self.head.stream as usize;
        let second = i64::from(self.head.time_base.1 / self.head.time_base.0).max(1);
        let (mut target, mut step) = (begin, STEP_BACK_S * second);
        self.kept = None;
        for _ in 0..MAX_STEPS {
            if self.opened.input.seek_back_to(stream, target).is_err() {
                break;
            }
            // Indexes count in decoding times or are coarse, so what comes first decides.
            while let Some(packet) = self.next()? {
                let Some(pts) = packet.pts() else { continue };
                let is_start = kind == Kind::Audio || packet.is_key();
                if is_start && pts <= begin {
                    self.kept = Some(packet);
                    return Ok(());
                }
                if is_start {
                    break;
                }
            }
            target = target.saturating_sub(step);
            step = step.saturating_mul(2);
        }
        self.opened.input.rewind().map_err(av_error)
    }
}

/// Where segments go.
struct Writer<'a, 'b> {
    head: &'a CopyHead,
    fragments: Fragments,
    give: &'a mut Give<'b>,
    is_over: bool,
}

impl Writer<'_, '_> {
    /// A tick of the stream as ticks of the track, counted from the presentation's start.
    fn ticks(&self, pts: i64) -> i64 {
        let (own, cut, out) = (self.head.time_base, self.head.cut_base, self.head.ticks_per_second);
        let (own, cut) = (own.map(i128::from), cut.map(i128::from));
        // pts · own − start · cut, in ticks, rounded once.
        let dividend =
            (i128::from(pts) * own.0 * cut.1 - i128::from(self.head.start) * cut.0 * own.1) * i128::from(out);
        let divisor = own.1 * cut.1;
        i64::try_from((2 * dividend + divisor).div_euclid(2 * divisor)).unwrap_or(i64::MAX)
    }

    fn cut(&mut self, index: u32, first_pts: i64, end: i64) -> Result<(), MediaError> {
        let bytes = self.fragments.cut().map_err(av_error)?;
        let segment = Segment {
            index,
            first_pts,
            duration: end - first_pts,
        };
        self.is_over = !(self.give)(Made::Segment(segment, bytes))?;
        Ok(())
    }
}

/// Numerator and denominator alike.
trait Both {
    fn map(self, f: impl Fn(i32) -> i128) -> (i128, i128);
}

impl Both for TimeBase {
    fn map(self, f: impl Fn(i32) -> i128) -> (i128, i128) {
        (f(self.0), f(self.1))
    }
}

/// Packets of a segment, in the file's order.
#[derive(Default)]
struct Group {
    packets: Vec<(Packet, i64)>,
    n_bytes: u64,
}

impl Group {
    fn add(&mut self, packet: Packet, pts: i64, limits: &Limits) -> Result<(), MediaError> {
        self.n_bytes += packet.bytes().len() as u64;
        if self.n_bytes > limits.out_bytes / 2 {
            return Err(MediaError::TooLarge {
                limit: format!("a segment of more than {} bytes", limits.out_bytes / 2),
            });
        }
        self.packets.push((packet, pts));
        Ok(())
    }

    fn first_pts(&self) -> Option<i64> {
        self.packets.iter().map(|(_, pts)| *pts).min()
    }
}

fn pictures(mut source: Source<'_>, mut writer: Writer<'_, '_>, limits: &Limits) -> Result<(), MediaError> {
    let mut segment = source.head.first;
    // The first segment begins with the first keyframe there is.
    let mut due = (segment > 0).then(|| source.begin(segment)).flatten();
    let mut is_begun = false;
    let mut group = Group::default();
    // Complete, but for knowing when the next one begins: pictures may follow its keyframe that are shown before it.
    let mut complete: Option<Group> = None;
    let mut key_pts = i64::MIN;
    while !writer.is_over {
        let Some(packet) = source.next()? else { break };
        let Some(pts) = packet.pts() else {
            return Err(unsupported("pictures that do not say when they are shown"));
        };
        if !is_begun {
            if !packet.is_key() || due.is_some_and(|due| pts < due) {
                continue;
            }
            check_cut(due, pts)?;
            is_begun = true;
            due = source.begin(segment + 1);
            key_pts = pts;
        } else if packet.is_key() && due.is_some_and(|due| pts >= due) {
            check_cut(due, pts)?;
            if let Some(before) = complete.take() {
                write_pictures(&mut writer, segment - 1, before, group.first_pts())?;
            }
            complete = Some(std::mem::take(&mut group));
            segment += 1;
            due = source.begin(segment + 1);
            key_pts = pts;
        }
        let is_leading = pts <= key_pts;
        group.add(packet, pts, limits)?;
        if !is_leading && let Some(before) = complete.take() {
            write_pictures(&mut writer, segment - 1, before, group.first_pts())?;
        }
        // Without its end the last segment of a part cannot be made.
        if due.is_none() && !source.head.is_whole && complete.is_none() {
            return Ok(());
        }
    }
    if let Some(before) = complete.take().filter(|_| !writer.is_over) {
        write_pictures(&mut writer, segment - 1, before, group.first_pts())?;
    }
    if !is_begun {
        return Err(corrupt("no keyframe is where the plan has one"));
    }
    if writer.is_over || !source.head.is_whole || due.is_some() {
        return match due {
            Some(_) if !writer.is_over => Err(corrupt("the file ends before the plan does")),
            _ => Ok(()),
        };
    }
    write_pictures(&mut writer, segment, group, None)
}

fn check_cut(due: Option<i64>, pts: i64) -> Result<(), MediaError> {
    match due {
        Some(due) if due != pts => Err(corrupt("no keyframe is where the plan has one")),
        _ => Ok(()),
    }
}

/// Writes a segment that ends where the next one begins. The i-th packet is decoded when the i-th picture in order of time is
/// shown: libav's own times, after a seek, need not even ascend.
fn write_pictures(writer: &mut Writer<'_, '_>, index: u32, group: Group, next: Option<i64>) -> Result<(), MediaError> {
    let mut shown: Vec<i64> = group.packets.iter().map(|(_, pts)| writer.ticks(*pts)).collect();
    let times = shown.clone();
    shown.sort_unstable();
    for i in 1..shown.len() {
        // Two packets of one time, as fields can be.
        shown[i] = shown[i].max(shown[i - 1] + 1);
    }
    let (Some(&first), Some(&last)) = (shown.first(), shown.last()) else {
        return Err(corrupt("a segment without packets"));
    };
    if first < 0 {
        return Err(unsupported("it begins with pictures that are decoded and not shown"));
    }
    let usual = match shown.len() {
        0 | 1 => i64::from(writer.head.ticks_per_second) / 25,
        n => (last - first) / (n as i64 - 1),
    };
    let end = match next {
        Some(next) => writer.ticks(next).max(last + 1),
        None => last + usual.max(1),
    };
    for (i, (packet, _)) in group.packets.into_iter().enumerate() {
        let timing = Timing {
            pts: times[i],
            dts: shown[i],
            duration: shown.get(i + 1).copied().unwrap_or(end) - shown[i],
        };
        writer.fragments.write(packet, timing).map_err(av_error)?;
    }
    writer.cut(index, first, end)
}

fn rescale_up(ticks: i64, from: TimeBase, to: TimeBase) -> i64 {
    let dividend = i128::from(ticks) * i128::from(from.0) * i128::from(to.1);
    let divisor = i128::from(from.1) * i128::from(to.0);
    i64::try_from(-(-dividend).div_euclid(divisor)).unwrap_or(i64::MAX)
}

fn invalid(reason: &str) -> MediaError {
    MediaError::Invalid {
        reason: reason.to_owned(),
    }
}

fn unsupported(reason: impl Into<String>) -> MediaError {
    MediaError::Unsupported { reason: reason.into() }
}

fn corrupt(reason: &str) -> MediaError {
    MediaError::Corrupt {
        reason: reason.to_owned(),
    }
}
