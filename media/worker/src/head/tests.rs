//! Heads against their sources: whatever is made where, all of it fits.

mod burn;
mod copy;
mod keyframes;
mod skipped;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use media_av::decode::{self, Decoder};
use media_av::encode::{Frame, Packet};
use media_proto::grid::Grid;
use media_proto::head::{AAC_FRAME, AudioHead, Segment, VideoHead};
use media_proto::job::{Limits, ProbeHints};
use media_proto::probe::StreamKind;
use media_proto::rendition::{AudioRendition, Preset, Source, ladder};
use media_proto::synthetic::Synthetic;

use super::{Delivery, Made, audio, video};
use crate::{container, open, probe, synthesize};

const OUT: (i32, i32) = (1, 90_000);

/// Segments by their number, with their bytes.
type Segments = BTreeMap<u32, (Segment, Vec<u8>)>;

/// A sample of a fragment: when it is shown, in ticks, and how long it lasts.
type Sample = (i64, i64);

struct Film {
    file: File,
    /// Codec, pixels, rotation and clock.
    kind: String,
    /// Presentation times of all frames that a decoder gives from the beginning, in ticks of the stream.
    pts: Vec<i64>,
    head: VideoHead,
}

/// A film and its plan; none if it has no moving pictures or no clock.
fn film(file: File, extension: &str, preset: Preset) -> Option<Film> {
    let limits = Limits::default();
    let copy = || OwnedFd::from(file.try_clone().expect("a descriptor"));
    let hints = ProbeHints {
        extension: Some(extension.to_owned()),
    };
    let probe = probe::run(copy(), &hints, &limits).ok()?;
    let stream = probe
        .streams
        .iter()
        .find(|s| s.kind == StreamKind::Video && !s.is_attached_picture)?;
    let mut opened = open::open(copy(), Some(extension), u64::MAX, &limits).ok()?;
    opened.input.find_stream_info().expect("streams");
    let reorder_depth = opened
        .input
        .streams()
        .nth(stream.index as usize)
        .map_or(0, |view| view.video_delay());
    // Decoded, not demuxed: some packets hold no picture, and some pictures no time.
    let rules = decode::Rules {
        codecs: container::DECODERS,
        max_pixels: limits.max_pixels,
        n_threads: 1,
    };
    let view = opened.input.streams().nth(stream.index as usize)?;
    let mut decoder = Decoder::open(view, &rules).ok()?;
    let (mut packet, mut frame) = (Packet::empty().ok()?, Frame::empty().ok()?);
    let mut pts = Vec::new();
    loop {
        let goes_on = opened.input.read(&mut packet).ok()?;
        if goes_on && packet.stream() != stream.index as usize {
            continue;
        }
        decoder.send(goes_on.then_some(&packet)).ok()?;
        while decoder.receive(&mut frame).ok()? {
            pts.push(frame.best_pts()?);
        }
        if !goes_on {
            break;
        }
    }
    let (width, height) = match (stream.width?, stream.height?, stream.rotation % 180) {
        (width, height, 0) => (width, height),
        (width, height, _) => (height, width),
    };
    let source = Source {
        width,
        height,
        frame_rate: stream.frame_rate,
        bit_rate: None,
        is_hdr: stream.hdr.is_some(),
        is_interlaced: stream
            .field_order
            .as_deref()
            .is_some_and(|order| order != "progressive"),
    };
    let grid = Grid::new(stream.frame_rate, 2000);
    let start_pts = *pts.iter().min()?;
    let (num, den) = stream.frame_rate.unwrap_or((25, 1));
    let frame = i64::from(stream.time_base.1) * i64::from(den) / (i64::from(stream.time_base.0) * i64::from(num));
    let n_segments = grid.n_segments(pts.iter().max()? - start_pts + frame.max(1), stream.time_base);
    let head = VideoHead {
        extension: Some(extension.to_owned()),
        stream: stream.index,
        time_base: stream.time_base,
        start_pts,
        reorder_depth,
        keyframe_pts: None,
        rotation: stream.rotation,
        burn: None,
        rendition: ladder(&source, preset).pop()?,
        encoder: None,
        grid,
        first: 0,
        until: u32::MAX,
        n_segments,
    };
    let kind = format!(
        "{} {:?} {} {:?}",
        stream.codec, stream.pixel_format, stream.rotation, stream.time_base
    );
    Some(Film { file, kind, pts, head })
}

impl Film {
    /// The header and at most `most` segments from `first` on.
    fn make(&self, first: u32, most: usize) -> (Vec<u8>, Segments) {
        let (mut header, mut segments) = (Vec::new(), BTreeMap::new());
        let mut chunks: Vec<u8> = Vec::new();
        let source = OwnedFd::from(self.file.try_clone().expect("a descriptor"));
        let head = VideoHead {
            first,
            ..self.head.clone()
        };
        let limits = Limits {
            threads: 1,
            ..Limits::default()
        };
        let mut give = |made| {
            match made {
                Made::Header(bytes) => header = bytes,
                Made::Chunk(index, bytes) => {
                    assert_eq!(
                        index as usize,
                        first as usize + segments.len(),
                        "a chunk of the segment at hand"
                    );
                    chunks.extend(bytes);
                }
                Made::Segment(segment, bytes) => {
                    let whole = [std::mem::take(&mut chunks), bytes].concat();
                    segments.insert(segment.index, (segment, whole));
                }
            }
            Ok(segments.len() < most)
        };
        video::run(source, &head, &limits, Delivery::Chunks, &mut give).expect("segments");
        (header, segments)
    }

    fn ticks(&self, pts: i64) -> i64 {
        let base = self.head.time_base;
        let dividend = (pts - self.head.start_pts) as i128 * i128::from(base.0) * 90_000;
        let divisor = i128::from(base.1);
        ((2 * dividend + divisor).div_euclid(2 * divisor)) as i64
    }
}

/// The boxes of a stretch of bytes: type and content.
fn boxes(mut bytes: &[u8]) -> Vec<([u8; 4], &[u8])> {
    let mut found = Vec::new();
    while bytes.len() >= 8 {
        let size = u32::from_be_bytes(bytes[..4].try_into().expect("4 bytes")) as usize;
        let kind = bytes[4..8].try_into().expect("4 bytes");
        assert!((8..=bytes.len()).contains(&size), "box {kind:?} of {size} bytes");
        found.push((kind, &bytes[8..size]));
        bytes = &bytes[size..];
    }
    assert!(bytes.is_empty());
    found
}

fn inside<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> &'a [u8] {
    path.iter().fold(bytes, |bytes, kind| {
        let found: Vec<_> = boxes(bytes).into_iter().filter(|(of, _)| of == *kind).collect();
        assert_eq!(found.len(), 1, "one {:?}", String::from_utf8_lossy(*kind));
        found[0].1
    })
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

/// Its samples in decoding order, and whether the first can be decoded by itself. Its fragments must follow each other
/// without a gap, and be numbered so.
fn samples(segment: &[u8]) -> (Vec<Sample>, bool) {
    let mut rest = segment;
    let (mut list, mut starts, mut ends, mut last): (Vec<Sample>, _, _, _) = (Vec::new(), None, None, 0);
    while !rest.is_empty() {
        let moof = number(rest, 0) as usize;
        let (fragment, after) = rest.split_at(moof + number(rest, moof) as usize);
        rest = after;
        let (samples, is_sync, dts) = fragment_samples(fragment);
        let sequence = number(inside(fragment, &[b"moof", b"mfhd"]), 4);
        assert!(sequence > last, "fragment {sequence} after {last}");
        last = sequence;
        assert_eq!(ends.unwrap_or(dts), dts, "no gap between fragments");
        ends = Some(dts + samples.iter().map(|(_, duration)| duration).sum::<i64>());
        starts = starts.or(Some(is_sync));
        list.extend(samples);
    }
    (list, starts.expect("a fragment"))
}

/// The samples of one fragment, whether the first can be decoded by itself, and when it is.
fn fragment_samples(segment: &[u8]) -> (Vec<Sample>, bool, i64) {
    let kinds: Vec<_> = boxes(segment).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [*b"moof", *b"mdat"], "one fragment");
    let traf = inside(segment, &[b"moof", b"traf"]);
    let tfhd = inside(traf, &[b"tfhd"]);
    let tfhd_flags = number(tfhd, 0) & 0xff_ffff;
    assert_eq!(tfhd_flags & 0x02_0000, 0x02_0000, "offsets count from the fragment");
    let mut at = 8;
    let mut optional = |flag| {
        let is_there = tfhd_flags & flag != 0;
        at += if is_there { 4 } else { 0 };
        is_there.then(|| number(tfhd, at - 4))
    };
    let _description = optional(0x2);
    let default_duration = optional(0x8);
    let _size = optional(0x10);
    let default_flags = optional(0x20);
    let tfdt = inside(traf, &[b"tfdt"]);
    let mut dts = match tfdt[0] {
        1 => (i64::from(number(tfdt, 4)) << 32) | i64::from(number(tfdt, 8)),
        _ => i64::from(number(tfdt, 4)),
    };
    assert!(dts >= 0, "a time that wrapped");
    let start = dts;
    let trun = inside(traf, &[b"trun"]);
    assert_eq!(trun[0], 1, "signed offsets");
    let flags = number(trun, 0) & 0xff_ffff;
    let n = number(trun, 4);
    let mut at = 8 + if flags & 1 != 0 { 4 } else { 0 };
    let mut first_flags = (flags & 4 != 0).then(|| number(trun, at)).or(default_flags);
    at += if flags & 4 != 0 { 4 } else { 0 };
    let mut list = Vec::new();
    for index in 0..n {
        let mut field = |flag| {
            let is_there = flags & flag != 0;
            at += if is_there { 4 } else { 0 };
            is_there.then(|| number(trun, at - 4))
        };
        let duration = i64::from(field(0x100).or(default_duration).expect("a duration"));
        let _size = field(0x200);
        if let (Some(flags), 0) = (field(0x400), index) {
            first_flags = Some(flags);
        }
        let offset = field(0x800).map_or(0, |offset| i64::from(offset as i32));
        list.push((dts + offset, duration));
        dts += duration;
    }
    // sample_is_non_sync_sample
    (list, first_flags.is_some_and(|flags| flags & 0x1_0000 == 0), start)
}

/// Everything that must hold between a film and its segments.
fn hold(spec: &Synthetic) {
    let (file, _) = synthesize::run(spec, &Limits::default()).expect("media");
    let extension = match spec.container.as_str() {
        "matroska" => "mkv",
        "mpegts" => "ts",
        other => other,
    };
    let codec = spec.video.as_ref().map_or("", |video| &video.codec);
    let film = film(File::from(file), extension, Preset::Veryfast).expect("a film");
    fits(&film, &format!("{extension} {codec}"));
}

fn fits(film: &Film, what: &str) {
    let n = film.head.n_segments;
    let (header, whole) = film.make(0, usize::MAX);
    assert_eq!(
        whole.keys().copied().collect::<Vec<_>>(),
        (0..n).collect::<Vec<_>>(),
        "{what}"
    );
    inside(&header, &[b"moov", b"mvex", b"trex"]);
    let mut alone = BTreeMap::new();
    for first in 0..n {
        let (other, mut made) = film.make(first, 1);
        assert_eq!(other, header, "{what}: the header of a head at {first}");
        alone.insert(first, made.remove(&first).expect("the segment"));
    }
    for (name, segments) in [("one head", &whole), ("a head each", &alone)] {
        let mut shown = Vec::new();
        let mut end = None;
        for (index, (segment, bytes)) in segments {
            let (list, is_sync) = samples(bytes);
            assert!(is_sync, "{what}, {name}: segment {index} starts with a keyframe");
            let dts = list.iter().map(|&(pts, _)| pts).min().expect("samples");
            assert_eq!(list[0].0, dts, "{what}, {name}: the first sample is shown first");
            assert_eq!(
                segment.first_pts, dts,
                "{what}, {name}: what segment {index} says of itself"
            );
            assert_eq!(segment.duration, list.iter().map(|sample| sample.1).sum::<i64>());
            assert!(
                end.is_none_or(|end| end == dts),
                "{what}, {name}: segment {index} at {dts}, expected {end:?}"
            );
            end = Some(dts + segment.duration);
            shown.extend(list.iter().map(|sample| sample.0));
        }
        shown.sort_unstable();
        let expected: Vec<i64> = film.pts.iter().map(|&pts| film.ticks(pts)).collect();
        // A segment in which no frame begins repeats the one that is shown.
        let starts: BTreeSet<i64> = (0..n).map(|n| film.head.grid.first_tick(n, OUT)).collect();
        shown.retain(|pts| expected.binary_search(pts).is_ok() || !starts.contains(pts));
        assert_eq!(shown, expected, "{what}, {name}: every frame once, at its own time");
    }
}

fn spec(container: &str, codec: &str, frame_rate: (i32, i32)) -> Synthetic {
    let mut spec = Synthetic::clip(7);
    spec.container = container.to_owned();
    spec.duration_us = 7_300_000;
    spec.audio = None;
    if let Some(video) = &mut spec.video {
        video.codec = codec.to_owned();
        video.frame_rate = frame_rate;
    }
    spec
}

#[test]
fn any_mix_of_heads_has_every_frame_once() {
    hold(&spec("mp4", "h264", (25, 1)));
    hold(&spec("mp4", "h264", (30_000, 1001)));
    hold(&spec("matroska", "h264", (24_000, 1001)));
    hold(&spec("mpegts", "h264", (25, 1)));
    hold(&spec("mpegts", "mpeg2video", (25, 1)));
    hold(&spec("webm", "vp9", (30, 1)));
    hold(&spec("avi", "mpeg4", (25, 1)));
    hold(&spec("mov", "hevc", (50, 1)));
}

#[test]
fn fragmented_and_rotated_sources_are_no_different() {
    let mut fragmented = spec("mp4", "h264", (25, 1));
    fragmented.fragmented = true;
    hold(&fragmented);
    let mut rotated = spec("mp4", "h264", (25, 1));
    rotated.rotation = 90;
    hold(&rotated);
}

/// Real films from many makers; without them the test says so and passes.
#[test]
fn films_of_many_makers_are_cut_without_a_gap() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media");
    let Ok(list) = std::fs::read_to_string(folder.join("MANIFEST.tsv")) else {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    };
    let (mut seen, mut failed) = (BTreeSet::new(), Vec::new());
    for path in list.lines().filter_map(|line| line.split('\t').next()) {
        let path = folder.join(path);
        let extension = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default()
            .to_ascii_lowercase();
        let Ok(file) = File::open(&path) else { continue };
        let film = film(file, &extension, Preset::Ultrafast);
        let Some(film) = film.filter(|film| (20..120).contains(&film.pts.len())) else {
            continue;
        };
        // One of each kind is enough.
        if !seen.insert((extension.clone(), film.kind.clone())) {
            continue;
        }
        let held = std::panic::catch_unwind(AssertUnwindSafe(|| fits(&film, &path.display().to_string())));
        if held.is_err() {
            failed.push(path);
        }
    }
    assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), seen.len());
    assert!(!seen.is_empty(), "no film in {}", folder.display());
}

/// The header and segments of a sound, each made by a head of its own or all by one.
fn sound(file: &File, head: &AudioHead, n_segments: u32, is_alone: bool) -> (Vec<u8>, Segments) {
    let (mut header, mut segments) = (Vec::new(), BTreeMap::new());
    for first in if is_alone { 0..n_segments } else { 0..1 } {
        let head = AudioHead { first, ..head.clone() };
        let mut give = |made| {
            match made {
                Made::Header(bytes) if header.is_empty() => header = bytes,
                Made::Header(bytes) => assert_eq!(bytes, header, "the header of a head at {first}"),
                Made::Chunk(index, _) => panic!("a chunk of {index}"),
                Made::Segment(segment, bytes) => {
                    segments.insert(segment.index, (segment, bytes));
                }
            }
            Ok(!is_alone || segments.len() <= first as usize)
        };
        let source = OwnedFd::from(file.try_clone().expect("a descriptor"));
        audio::run(source, &head, &Limits::default(), &mut give).expect("segments");
    }
    (header, segments)
}

/// The samples of the first channel.
fn decode(file: &File, extension: &str) -> Vec<f32> {
    let source = OwnedFd::from(file.try_clone().expect("a descriptor"));
    let mut opened = open::open(source, Some(extension), u64::MAX, &Limits::default()).expect("sound");
    opened.input.find_stream_info().expect("streams");
    let rules = decode::Rules {
        codecs: container::DECODERS,
        max_pixels: 0,
        n_threads: 1,
    };
    let view = opened.input.streams().next().expect("a stream");
    let mut decoder = Decoder::open(view, &rules).expect("a decoder");
    let (mut packet, mut frame) = (Packet::empty().expect("memory"), Frame::empty().expect("memory"));
    let (mut samples, mut planes) = (Vec::new(), Vec::new());
    loop {
        let goes_on = opened.input.read(&mut packet).expect("packets");
        decoder.send(goes_on.then_some(&packet)).expect("a packet");
        while decoder.receive(&mut frame).expect("a frame") {
            assert!(frame.copy_channels(&mut planes));
            samples.extend_from_slice(&planes[0]);
        }
        if !goes_on {
            return samples;
        }
    }
}

/// How far the second is from the first, in decibels: the more, the nearer.
fn likeness(of: &[f32], to: &[f32]) -> f64 {
    let power = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v) * f64::from(v)).sum::<f64>();
    let difference = power(&mut of.iter().zip(to).map(|(a, b)| a - b));
    10.0 * (power(&mut of.iter().copied()) / difference.max(1e-12)).log10()
}

#[test]
fn sound_of_any_mix_of_heads_joins_without_a_click() {
    for (container, codec, sample_rate) in [
        ("mp4", "aac", 48_000),
        ("matroska", "flac", 44_100),
        ("mpegts", "mp3", 48_000),
    ] {
        let mut spec = spec(container, "h264", (25, 1));
        spec.video = None;
        spec.audio = Synthetic::clip(3).audio;
        if let Some(audio) = &mut spec.audio {
            audio.codec = codec.to_owned();
            audio.sample_rate = sample_rate;
        }
        let (file, _) = synthesize::run(&spec, &Limits::default()).expect("media");
        let file = File::from(file);
        let extension = if container == "mpegts" { "ts" } else { container };
        let hints = ProbeHints {
            extension: Some(extension.to_owned()),
        };
        let probe = probe::run(
            OwnedFd::from(file.try_clone().expect("a descriptor")),
            &hints,
            &Limits::default(),
        )
        .expect("facts");
        let grid = Grid::new(Some((25, 1)), 2000);
        let n_frames = (spec.duration_us as u64 * u64::from(sample_rate)).div_ceil(1_000_000 * u64::from(AAC_FRAME));
        let head = AudioHead {
            extension: hints.extension.clone(),
            start_us: probe.start_us.unwrap_or(0),
            rendition: AudioRendition {
                stream: 0,
                channels: 2,
                sample_rate,
                bit_rate: 128_000,
            },
            grid,
            first: 0,
            until: u32::MAX,
            n_frames,
        };
        let n_segments = (0..)
            .take_while(|&n| grid.audio_frames(n, sample_rate, AAC_FRAME).start < n_frames)
            .count() as u32;
        let what = format!("{container} {codec}");
        let mut heard = Vec::new();
        for is_alone in [false, true] {
            let (header, segments) = sound(&file, &head, n_segments, is_alone);
            assert_eq!(segments.len() as u32, n_segments, "{what}");
            let mut end = 0;
            let mut bytes = header;
            for (index, (segment, fragment)) in &segments {
                let (list, _) = samples(fragment);
                assert_eq!(
                    list[0].0, end,
                    "{what}: segment {index} starts where the one before ends"
                );
                end = segment.first_pts + segment.duration;
                assert!(list.iter().all(|sample| sample.1 == i64::from(AAC_FRAME)));
                bytes.extend_from_slice(fragment);
            }
            assert_eq!(end as u64, n_frames * u64::from(AAC_FRAME), "{what}: every frame");
            let mut whole = tempfile();
            std::io::Write::write_all(&mut whole, &bytes).expect("memory");
            heard.push(decode(&whole, "mp4"));
        }
        assert_eq!(heard[0].len(), heard[1].len());
        let original = decode(&file, extension);
        for n in 1..n_segments {
            let boundary = grid.audio_frames(n, sample_rate, AAC_FRAME).start as usize * AAC_FRAME as usize;
            let around = boundary - 3000..boundary + 3000;
            let [whole, alone] =
                [&heard[0], &heard[1]].map(|heard| likeness(&original[around.clone()], &heard[around.clone()]));
            assert!(
                alone > whole.min(36.0) - 10.0,
                "{what}: {alone:.1} dB around segment {n}, {whole:.1} dB when one head makes all"
            );
        }
    }
}

fn tempfile() -> File {
    File::from(crate::serve::memory_file().expect("a memory file"))
}
