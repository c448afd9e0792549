//! Where a video stream can be cut: from the container's index where it tells the truth, otherwise from its packets.
//!
//! The times are those that a walk over all packets gives. An index that is known to differ is no index: a player would
//! cut where no keyframe is.

use std::os::fd::OwnedFd;

use media_av::error::AvError;
use media_av::input::Input;
use media_av::packets::PacketTime;
use media_av::stream::Kind;
use media_proto::error::MediaError;
use media_proto::job::Limits;
use media_proto::keyframes::{KeyframeMode, Keyframes, MAX_KEYFRAMES};

use crate::control;
use crate::open::{self, Opened};

/// How much of a Matroska file's beginning is compared with its index: packets, and bytes. A probe has just read as much.
const N_LOOK: usize = 2000;
const LOOK_BYTES: usize = 4 << 20;
/// Damaged stretches that a walk steps over before it gives up.
const MAX_DAMAGE: u32 = 1000;
/// H.264 and HEVC allow no more frames than this to wait for their turn.
const MAX_REORDER: usize = 16;

/// The table of one video stream; none where there is nothing to trust.
pub fn run(
    source: OwnedFd,
    extension: Option<&str>,
    stream: Option<u32>,
    mode: KeyframeMode,
    limits: &Limits,
) -> Result<Option<Keyframes>, MediaError> {
    let again = source.try_clone().map_err(io_error)?;
    let mut opened = open::open(source, extension, limits.probe_bytes, limits)?;
    match (mode, opened.format.name) {
        (KeyframeMode::Index, "mp4" | "matroska") => {}
        (KeyframeMode::Scan, _) | (KeyframeMode::Index, "avi") => {
            let whole = again.try_clone().map_err(io_error)?;
            opened = open::open(whole, extension, budget(&opened), limits)?;
            if let Err(error) = opened.input.find_stream_info() {
                return Err(open::complaint(&opened.input).unwrap_or_else(|| open::explain(error)));
            }
        }
        (KeyframeMode::Index, _) => return Ok(None),
    }
    let stream = choose(&opened.input, stream)?;
    let table = match (mode, opened.format.name) {
        (KeyframeMode::Scan, _) => scan(&mut opened.input, stream)?,
        (KeyframeMode::Index, "mp4") => from_samples(&mut opened.input, stream, &again),
        (KeyframeMode::Index, "matroska") => {
            let mut untouched = open::open(again, extension, limits.probe_bytes, limits)?;
            from_cues(&mut opened.input, &mut untouched.input, stream)
        }
        (KeyframeMode::Index, "avi") => from_chunks(&opened.input, stream),
        (KeyframeMode::Index, _) => None,
    };
    control::checkpoint()?;
    if let Some(error) = open::complaint(&opened.input) {
        return Err(error);
    }
    match table {
        Some(table) if table.deltas.len() > MAX_KEYFRAMES => Err(MediaError::TooLarge {
            limit: format!("{} keyframes, at most {MAX_KEYFRAMES}", table.deltas.len()),
        }),
        // A clock that jumps back leaves no order to cut by.
        table => Ok(table.filter(|table| !table.deltas.is_empty() && table.check().is_ok())),
    }
}

/// All of the file, its header twice.
fn budget(opened: &Opened) -> u64 {
    let size = opened.input.n_bytes().and_then(|size| u64::try_from(size).ok());
    size.map_or(u64::MAX, |size| size.saturating_mul(3).saturating_add(64 << 20))
}

fn choose(input: &Input, wanted: Option<u32>) -> Result<usize, MediaError> {
    let is_moving = |index: usize| {
        let view = input.streams().nth(index);
        view.is_some_and(|view| view.kind() == Kind::Video && !view.is_attached_picture())
    };
    match wanted {
        Some(index) if is_moving(index as usize) => Ok(index as usize),
        Some(index) => Err(MediaError::Invalid {
            reason: format!("stream {index} holds no moving pictures"),
        }),
        None => (0..input.n_streams())
            .find(|&index| is_moving(index))
            .ok_or(MediaError::NoStream),
    }
}

/// mp4 and mov: the sample tables know where every packet is and when it shows, so libav can walk over all of them
/// without reading one. Its index alone holds times of decoding, without what edit lists and composition offsets do.
fn from_samples(input: &mut Input, stream: usize, source: &OwnedFd) -> Option<Keyframes> {
    let n_expected = input.index(stream).filter(|entry| entry.is_keyframe).count();
    if n_expected == 0 || n_expected > MAX_KEYFRAMES || !has_all_fragments(input, source) {
        return None;
    }
    // A file that was cut off still has its index in front.
    let n_bytes = input.n_bytes()?;
    if input.index(stream).any(|entry| entry.end > n_bytes) {
        return None;
    }
    let mut found = Found::default();
    input.skip_payloads();
    input.keep_only(stream);
    while let Some(packet) = input.next_time().ok()? {
        // Nothing is read, so nothing else asks.
        control::checkpoint().ok()?;
        found.add(packet);
    }
    if found.keyframes.len() != n_expected || !found.is_complete {
        return None;
    }
    let end = found.end;
    found.table(input, stream, end, true)
}

/// Whether the index reaches into the last fragment. libav reads all of them when it opens a file, unless a table of
/// segments (`sidx`, `mfra`) lets it put that off.
pub(crate) fn has_all_fragments(input: &Input, source: &OwnedFd) -> bool {
    let Some(last) = last_fragment(source) else {
        return true;
    };
    let n_streams = input.n_streams();
    (0..n_streams).any(|stream| input.index(stream).last().is_some_and(|entry| entry.position > last))
}

/// Where the last movie fragment (ISO/IEC 14496-12, 8.8.4) begins, found by stepping over the boxes of the top level.
fn last_fragment(source: &OwnedFd) -> Option<i64> {
    let (mut at, mut last) = (0u64, None);
    let mut header = [0; 16];
    // A box is at least 8 bytes long, but nobody honest writes a million of them.
    for _ in 0..1_000_000 {
        let n = rustix::io::pread(source, &mut header, at).ok()?;
        let Some((size, name)) = header[..n.min(8)].split_at_checked(4) else {
            break;
        };
        let size = match u32::from_be_bytes(size.try_into().ok()?) {
            0 => break,
            1 if n == 16 => u64::from_be_bytes(header[8..].try_into().ok()?),
            size => u64::from(size),
        };
        if name == b"moof" {
            last = i64::try_from(at).ok();
        }
        match at.checked_add(size) {
            Some(next) if size >= 8 => at = next,
            _ => break,
        }
    }
    last
}

/// Matroska and WebM: the Cues, if they name each keyframe of the beginning.
fn from_cues(input: &mut Input, untouched: &mut Input, stream: usize) -> Option<Keyframes> {
    // The Cues lie at the end of the file and are read at the first seek.
    input.seek_back_to(stream, 0).ok()?;
    let cues: Vec<i64> = input
        .index(stream)
        .filter(|entry| entry.is_keyframe)
        .map(|entry| entry.timestamp)
        .collect();
    if cues.is_empty() || cues.len() > MAX_KEYFRAMES {
        return None;
    }
    let mut found = Found::default();
    untouched.keep_only(stream);
    let (mut n_bytes, mut is_whole) = (0, false);
    while n_bytes < LOOK_BYTES && found.n_packets < N_LOOK {
        let Some(packet) = untouched.next_time().ok()? else {
            is_whole = true;
            break;
        };
        n_bytes += packet.n_bytes;
        found.add(packet);
    }
    let seen = &found.keyframes;
    let is_true = if is_whole {
        *seen == cues
    } else {
        cues.len() >= seen.len() && cues[..seen.len()] == seen[..]
    };
    if !is_true || !found.is_complete {
        return None;
    }
    let end = end_by_duration(input, stream, found.start?);
    Found {
        keyframes: cues,
        ..found
    }
    .table(input, stream, end, true)
}

/// AVI: a chunk's number is its time. With reordered frames nothing in the file says when one shows.
fn from_chunks(input: &Input, stream: usize) -> Option<Keyframes> {
    if input.streams().nth(stream)?.video_delay() > 0 {
        return None;
    }
    let entries: Vec<_> = input.index(stream).collect();
    let found = Found {
        keyframes: entries
            .iter()
            .filter(|entry| entry.is_keyframe)
            .map(|entry| entry.timestamp)
            .collect(),
        start: entries.first().map(|entry| entry.timestamp),
        is_complete: true,
        ..Found::default()
    };
    let end = end_by_duration(input, stream, found.start?);
    found.table(input, stream, end, true)
}

/// Every packet of the stream.
fn scan(input: &mut Input, stream: usize) -> Result<Option<Keyframes>, MediaError> {
    input.keep_only(stream);
    let mut found = Found::default();
    let mut n_damaged = 0;
    loop {
        match input.next_time() {
            // Streams that appear later in MPEG-TS are not in the choice above.
            Ok(Some(packet)) if packet.stream == stream => found.add(packet),
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(AvError::NO_MEMORY) => return Err(MediaError::Memory),
            Err(_) if control::is_canceled() => return Err(MediaError::Canceled),
            Err(_) if input.exhausted() => {
                return Err(MediaError::TooLarge {
                    limit: "its packets are read more often than the file is long".to_owned(),
                });
            }
            Err(_) if n_damaged < MAX_DAMAGE => n_damaged += 1,
            Err(error) => return Err(MediaError::Corrupt { reason: error.text() }),
        }
        if found.keyframes.len() > MAX_KEYFRAMES {
            break;
        }
    }
    if !found.is_complete {
        return Ok(None);
    }
    let end = found.end;
    Ok(found.table(input, stream, end, false))
}

/// What a walk has met.
struct Found {
    /// Presentation times of keyframes in the order of decoding.
    keyframes: Vec<i64>,
    /// The first time shown.
    start: Option<i64>,
    /// Where the last frame ends.
    end: Option<i64>,
    last_dts: Option<i64>,
    /// From one packet's time of decoding to the next.
    step: i64,
    /// The times of the last packets before this one.
    recent: Vec<i64>,
    reorder_depth: usize,
    n_packets: usize,
    /// Whether each keyframe had a time.
    is_complete: bool,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            keyframes: Vec::new(),
            start: None,
            end: None,
            last_dts: None,
            step: 0,
            recent: Vec::new(),
            reorder_depth: 0,
            n_packets: 0,
            is_complete: true,
        }
    }
}

impl Found {
    fn add(&mut self, packet: PacketTime) {
        self.n_packets += 1;
        // Without a time of presentation, but with one of decoding, frames come in order: libav would know otherwise.
        let Some(pts) = packet.pts.or(packet.dts) else {
            self.is_complete &= !packet.is_keyframe;
            return;
        };
        if packet.is_keyframe {
            self.keyframes.push(pts);
        }
        if !packet.is_hidden {
            self.start = Some(self.start.map_or(pts, |start| start.min(pts)));
        }
        // mp4 with reordered frames says when each is decoded and leaves out how long it lasts.
        if let Some((last, dts)) = self.last_dts.zip(packet.dts)
            && dts > last
        {
            self.step = dts - last;
        }
        self.last_dts = packet.dts.or(self.last_dts);
        let lasts = if packet.duration > 0 {
            packet.duration
        } else {
            self.step
        };
        let end = pts.saturating_add(lasts);
        self.end = Some(self.end.map_or(end, |known| known.max(end)));
        let n_waiting = self.recent.iter().filter(|&&earlier| earlier > pts).count();
        self.reorder_depth = self.reorder_depth.max(n_waiting);
        if self.recent.len() == MAX_REORDER {
            self.recent.remove(0);
        }
        self.recent.push(pts);
    }

    fn table(self, input: &Input, stream: usize, end: Option<i64>, is_from_index: bool) -> Option<Keyframes> {
        let view = input.streams().nth(stream)?;
        let mut at = 0;
        let deltas = self.keyframes.iter().map(|&pts| {
            let delta = pts.checked_sub(at);
            at = pts;
            delta
        });
        Some(Keyframes {
            stream: stream as u32,
            time_base: view.time_base(),
            start_pts: self.start?,
            end_pts: end,
            deltas: deltas.collect::<Option<Vec<i64>>>()?,
            is_from_index,
            reorder_depth: (self.reorder_depth as u32).max(view.video_delay()),
        })
    }
}

fn end_by_duration(input: &Input, stream: usize, start: i64) -> Option<i64> {
    let duration = input.streams().nth(stream)?.duration_ticks()?;
    start.checked_add(duration).filter(|&end| end > start)
}

fn io_error(error: std::io::Error) -> MediaError {
    MediaError::Io {
        reason: error.to_string(),
    }
}
