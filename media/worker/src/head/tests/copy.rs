//! Copied segments against the packets of their source: each packet once, in the segment of its keyframe, at its own time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use media_av::decode::{Decoder, Rules};
use media_av::encode::{Frame, Packet};
use media_av::stream::Kind;
use media_proto::copy::{self, CopyHead};
use media_proto::error::MediaError;
use media_proto::grid::TimeBase;
use media_proto::job::Limits;
use media_proto::keyframes::{KeyframeMode, Keyframes};
use media_proto::synthetic::Synthetic;

use super::{Segments, inside, samples, spec};
use crate::head::{Made, copy as head};
use crate::{container, keyframes, open, synthesize};

/// A packet of the source: when it is shown, its bytes, and whether decoding can begin with it.
type Piece = (i64, Vec<u8>, bool);

struct Track {
    file: File,
    head: CopyHead,
    pieces: Vec<Piece>,
}

fn descriptor(file: &File) -> OwnedFd {
    OwnedFd::from(file.try_clone().expect("a descriptor"))
}

/// The first stream of a kind, cut where the first stream of pictures can be.
fn track(file: &File, extension: &str, kind: Kind, table: &Keyframes, target_ms: u32) -> Option<Track> {
    let mut opened = open::open(descriptor(file), Some(extension), u64::MAX, &Limits::default()).ok()?;
    opened.input.find_stream_info().ok()?;
    let (stream, view) = opened.input.streams().enumerate().find(|(index, view)| match kind {
        Kind::Video => *index == table.stream as usize,
        _ => view.kind() == kind,
    })?;
    let time_base = view.time_base();
    let ticks_per_second = match kind {
        Kind::Video => copy::video_ticks(time_base),
        _ => view.sample_rate()?,
    };
    let mut packet = Packet::empty().ok()?;
    let mut pieces = Vec::new();
    while opened.input.read(&mut packet).ok()? {
        if packet.stream() == stream {
            pieces.push((packet.pts()?, packet.bytes().to_vec(), packet.is_key()));
        }
    }
    let head = CopyHead {
        extension: Some(extension.to_owned()),
        stream: stream as u32,
        time_base,
        ticks_per_second,
        start: table.start_pts,
        cut_base: table.time_base,
        cuts: copy::cuts(table, target_ms)?,
        first_cut: 0,
        is_whole: true,
        first: 0,
        until: u32::MAX,
    };
    let file = file.try_clone().ok()?;
    Some(Track { file, head, pieces })
}

fn table(file: &File, extension: &str) -> Option<Keyframes> {
    keyframes::run(
        descriptor(file),
        Some(extension),
        None,
        KeyframeMode::Scan,
        &Limits::default(),
    )
    .ok()?
}

impl Track {
    fn make(&self, first: u32, most: usize) -> Result<(Vec<u8>, Segments), MediaError> {
        let (mut header, mut segments) = (Vec::new(), BTreeMap::new());
        let mut give = |made| {
            match made {
                Made::Header(bytes) => header = bytes,
                Made::Chunk(index, _) => panic!("a chunk of {index}"),
                Made::Segment(segment, bytes) => {
                    segments.insert(segment.index, (segment, bytes));
                }
            }
            Ok(segments.len() < most)
        };
        let part = self.head.from_segment(first, u32::MAX);
        head::run(descriptor(&self.file), &part, &Limits::default(), &mut give)?;
        Ok((header, segments))
    }

    fn ticks(&self, pts: i64) -> i64 {
        let seconds = |ticks: i64, base: TimeBase| ticks as f64 * f64::from(base.0) / f64::from(base.1);
        let from_start = seconds(pts, self.head.time_base) - seconds(self.head.start, self.head.cut_base);
        (from_start * f64::from(self.head.ticks_per_second)).round() as i64
    }

    /// Makes all segments by one head and each by its own, and holds them against the source.
    fn fits(&self, is_same_bytes: bool, what: &str) {
        let (header, whole) = self
            .make(0, usize::MAX)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        inside(&header, &[b"moov", b"mvex", b"trex"]);
        let indexes: Vec<u32> = whole.keys().copied().collect();
        assert_eq!(indexes, (0..whole.len() as u32).collect::<Vec<_>>(), "{what}");
        let (mut shown, mut bytes, mut end) = (Vec::new(), Vec::new(), None);
        for (index, (segment, content)) in &whole {
            let (other, mut alone) = self
                .make(*index, 1)
                .unwrap_or_else(|error| panic!("{what} from {index}: {error}"));
            assert_eq!(other, header, "{what}: the header of a head at {index}");
            let alone = alone.remove(index).expect("the segment");
            let (of_alone, of_whole) = (samples(&alone.1), samples(content));
            assert_eq!(of_alone, of_whole, "{what}: segment {index} made alone");
            let [of_alone, of_whole] = [&alone.1, content].map(|bytes| inside(bytes, &[b"mdat"]));
            assert!(
                of_alone == of_whole,
                "{what}: segment {index} made alone has other content"
            );
            let (list, is_sync) = samples(content);
            assert!(is_sync, "{what}: segment {index} starts with a keyframe");
            let first = list.iter().map(|sample| sample.0).min();
            assert_eq!(
                first,
                Some(segment.first_pts),
                "{what}: what segment {index} says of itself"
            );
            assert_eq!(
                segment.duration,
                list.iter().map(|sample| sample.1).sum::<i64>(),
                "{what}: {index}"
            );
            assert!(
                end.is_none_or(|end| end == segment.first_pts),
                "{what}: a gap before segment {index}"
            );
            end = Some(segment.first_pts + segment.duration);
            shown.extend(list.iter().map(|sample| sample.0));
            bytes.extend_from_slice(inside(content, &[b"mdat"]));
        }
        // Nothing can be seen before the first keyframe.
        let kept = self.pieces.iter().skip_while(|piece| !piece.2);
        let kept: Vec<&Piece> = kept.filter(|piece| self.ticks(piece.0) >= 0).collect();
        let expected: Vec<i64> = kept.iter().map(|piece| self.ticks(piece.0)).collect();
        let grain = f64::from(self.head.ticks_per_second) * f64::from(self.head.time_base.0);
        let grain = (grain / f64::from(self.head.time_base.1)).ceil() as i64;
        assert_eq!(shown.len(), expected.len(), "{what}: every packet once");
        for (place, (shown, expected)) in shown.iter().zip(&expected).enumerate() {
            assert!(
                (shown - expected).abs() <= grain,
                "{what}: packet {place} at {shown}, {expected} in the source"
            );
        }
        if is_same_bytes {
            let source: Vec<u8> = kept.iter().flat_map(|piece| piece.1.clone()).collect();
            assert!(bytes == source, "{what}: every byte as it was");
        }
    }
}

/// Frames that a decoder gives of a file, and packets that it refuses.
fn decoded(file: &File, extension: &str, kind: Kind) -> (usize, usize) {
    let mut opened = open::open(descriptor(file), Some(extension), u64::MAX, &Limits::default()).expect("a file");
    opened.input.find_stream_info().expect("streams");
    let rules = Rules {
        codecs: container::DECODERS,
        max_pixels: 1 << 24,
        n_threads: 1,
    };
    let (stream, view) = opened
        .input
        .streams()
        .enumerate()
        .find(|(_, view)| view.kind() == kind)
        .expect("a stream");
    let mut decoder = Decoder::open(view, &rules).expect("a decoder");
    let (mut packet, mut frame) = (Packet::empty().expect("memory"), Frame::empty().expect("memory"));
    let (mut n_frames, mut n_refused) = (0, 0);
    loop {
        let goes_on = opened.input.read(&mut packet).expect("packets");
        if goes_on && packet.stream() != stream {
            continue;
        }
        n_refused += usize::from(decoder.send(goes_on.then_some(&packet)).is_err());
        while decoder.receive(&mut frame).expect("a frame") {
            n_frames += usize::from(!frame.is_damaged());
        }
        if !goes_on {
            return (n_frames, n_refused);
        }
    }
}

/// The segments behind their header are a film that plays as the source does.
fn plays(track: &Track, extension: &str, kind: Kind, what: &str) {
    let (mut bytes, segments) = track.make(0, usize::MAX).expect("segments");
    segments
        .values()
        .for_each(|(_, content)| bytes.extend_from_slice(content));
    let mut copied = super::tempfile();
    std::io::Write::write_all(&mut copied, &bytes).expect("memory");
    let (n_frames, n_refused) = decoded(&copied, "mp4", kind);
    let (expected, _) = decoded(&track.file, extension, kind);
    // What primes the decoder of sound is left out.
    let n_primed = if kind == Kind::Audio { 2 } else { 0 };
    assert!(
        n_frames + n_primed >= expected && n_refused == 0,
        "{what}: {n_frames} of {expected}, {n_refused} refused"
    );
}

fn hold(spec: &Synthetic, extension: &str) {
    let (file, _) = synthesize::run(spec, &Limits::default()).expect("media");
    let file = File::from(file);
    let table = table(&file, extension).expect("keyframes");
    let what = format!("{extension} {:?}", spec.video.as_ref().map(|video| &video.codec));
    // MPEG-TS has start codes where mp4 has lengths, and a header in each packet of sound.
    let is_same_bytes = extension != "ts";
    let pictures = track(&file, extension, Kind::Video, &table, 1000).expect("pictures");
    assert!(pictures.head.cuts.len() >= 3, "{what}: {:?}", pictures.head.cuts);
    pictures.fits(is_same_bytes, &what);
    plays(&pictures, extension, Kind::Video, &what);
    for (n, cut) in pictures.head.cuts.iter().enumerate().skip(1) {
        let is_keyframe = table.pts().any(|pts| pts - table.start_pts == *cut);
        assert!(is_keyframe, "{what}: cut {n}");
    }
    if spec.audio.is_some() {
        let sound = track(&file, extension, Kind::Audio, &table, 1000).expect("sound");
        sound.fits(is_same_bytes, &format!("{what}, sound"));
        plays(&sound, extension, Kind::Audio, &format!("{what}, sound"));
    }
}

fn with_sound(container: &str, codec: &str, frame_rate: (i32, i32), sound: &str) -> Synthetic {
    let mut spec = spec(container, codec, frame_rate);
    spec.audio = Synthetic::clip(3).audio;
    if let Some(audio) = &mut spec.audio {
        audio.codec = sound.to_owned();
        audio.sample_rate = 48_000;
    }
    spec
}

#[test]
fn every_packet_is_copied_once() {
    hold(&with_sound("mp4", "h264", (25, 1), "aac"), "mp4");
    hold(&with_sound("mp4", "h264", (30_000, 1001), "aac"), "mp4");
    hold(&with_sound("matroska", "h264", (24_000, 1001), "flac"), "mkv");
    hold(&with_sound("webm", "vp9", (30, 1), "opus"), "webm");
    hold(&with_sound("mpegts", "h264", (25, 1), "aac"), "ts");
    hold(&spec("mov", "hevc", (50, 1)), "mov");
    let mut turned = spec("mp4", "h264", (25, 1));
    (turned.rotation, turned.fragmented) = (90, true);
    hold(&turned, "mp4");
}

#[test]
fn what_cannot_be_copied_says_so() {
    let (file, _) = synthesize::run(&spec("avi", "mpeg4", (25, 1)), &Limits::default()).expect("media");
    let file = File::from(file);
    let table = table(&file, "avi").expect("keyframes");
    let avi = track(&file, "avi", Kind::Video, &table, 1000).expect("pictures");
    let error = avi.make(0, 1).expect_err("MPEG-4 part 2 in segments");
    assert!(
        matches!(&error, MediaError::Unsupported { reason } if reason.contains("avi")),
        "{error}"
    );

    let (file, _) = synthesize::run(&spec("mp4", "h264", (25, 1)), &Limits::default()).expect("media");
    let file = File::from(file);
    let table = self::table(&file, "mp4").expect("keyframes");
    let mut film = track(&file, "mp4", Kind::Video, &table, 1000).expect("pictures");
    film.head.cuts[2] += 1;
    assert_eq!(film.make(0, 1).expect("the first").1.len(), 1);
    let error = film.make(0, 9).expect_err("a cut where no keyframe is");
    assert!(matches!(error, MediaError::Corrupt { .. }), "{error}");
    let error = film.make(2, 9).expect_err("a start where no keyframe is");
    assert!(matches!(error, MediaError::Corrupt { .. }), "{error}");
}

/// Real films from many makers; without them the test says so and passes.
#[test]
fn films_of_many_makers_are_copied_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media/video");
    let Ok(list) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    };
    let (mut n_copied, mut failed, mut refused) = (0, Vec::new(), BTreeSet::new());
    for path in list.filter_map(|entry| Some(entry.ok()?.path())) {
        let extension = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default()
            .to_ascii_lowercase();
        let Ok(file) = File::open(&path) else { continue };
        if file.metadata().map_or(0, |facts| facts.len()) > 4 << 20 {
            continue;
        }
        let Some(table) = table(&file, &extension) else {
            continue;
        };
        for kind in [Kind::Video, Kind::Audio] {
            let Some(track) = track(&file, &extension, kind, &table, 1000) else {
                continue;
            };
            let name = format!("{} {kind:?}", path.file_name().unwrap_or_default().display());
            match track.make(0, usize::MAX) {
                Ok((_, segments)) if segments.is_empty() => {}
                Ok(_) => {
                    let held = std::panic::catch_unwind(AssertUnwindSafe(|| track.fits(false, &name)));
                    match held {
                        Ok(()) => n_copied += 1,
                        Err(_) => failed.push(name),
                    }
                }
                Err(error @ (MediaError::Unsupported { .. } | MediaError::Corrupt { .. })) => {
                    refused.insert(format!("{name}: {error}"));
                }
                Err(error) => failed.push(format!("{name}: {error}")),
            }
        }
    }
    eprintln!("{n_copied} copied; refused: {refused:#?}");
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(n_copied >= 60, "{n_copied} copied; refused: {refused:#?}");
}
