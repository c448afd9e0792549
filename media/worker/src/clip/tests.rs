//! Clips against their sources: every frame of the range once, at its time, and the middle bit by bit.

mod films;

use std::fs::File;
use std::os::fd::OwnedFd;

use media_av::decode::{self, Decoder};
use media_av::encode::{Frame, Packet};
use media_av::stream::Kind;
use media_proto::clip::{Clip, ClipFormat, ClipMode, ClipVideo, Clipped};
use media_proto::error::MediaError;
use media_proto::job::{Limits, ProbeHints};
use media_proto::probe::{Probe, StreamKind};
use media_proto::rendition::{AudioRendition, Preset, Source, ladder};
use media_proto::synthetic::Synthetic;

use crate::{container, open, probe, serve, synthesize};

/// A decoded picture: when it shows, in microseconds, and its luma.
struct Shown {
    us: i64,
    luma: Vec<u8>,
}

fn duplicate(file: &File) -> OwnedFd {
    OwnedFd::from(file.try_clone().expect("a descriptor"))
}

/// All pictures of a file in the order in which they show; nothing may be damaged.
fn pictures(file: &File, extension: &str) -> Vec<Shown> {
    let mut opened = open::open(duplicate(file), Some(extension), u64::MAX, &Limits::default()).expect("a film");
    opened.input.find_stream_info().expect("streams");
    let rules = decode::Rules {
        codecs: container::DECODERS,
        max_pixels: Limits::default().max_pixels,
        n_threads: 1,
    };
    let (stream, mut decoder) = {
        let mut streams = opened.input.streams().enumerate();
        let found = streams.find(|(_, view)| view.kind() == Kind::Video && !view.is_attached_picture());
        let (stream, view) = found.expect("pictures");
        (stream, Decoder::open(view, &rules).expect("a decoder"))
    };
    let (mut packet, mut frame) = (Packet::empty().expect("memory"), Frame::empty().expect("memory"));
    let mut shown = Vec::new();
    loop {
        let goes_on = opened.input.read(&mut packet).expect("a packet");
        if goes_on && packet.stream() != stream {
            continue;
        }
        decoder.send(goes_on.then_some(&packet)).expect("a whole picture");
        while decoder.receive(&mut frame).expect("a picture") {
            let us = decoder.time_us(&frame).expect("a time");
            let (width, height) = frame.size();
            let (plane, stride) = frame.plane(0, height as usize);
            let mut luma = Vec::with_capacity((width * height) as usize);
            for row in plane.chunks(stride).take(height as usize) {
                luma.extend_from_slice(&row[..width as usize]);
            }
            shown.push(Shown { us, luma });
        }
        if !goes_on {
            return shown;
        }
    }
}

/// The samples of the first channel.
fn samples(file: &File, extension: &str) -> Vec<f32> {
    let mut opened = open::open(duplicate(file), Some(extension), u64::MAX, &Limits::default()).expect("sound");
    opened.input.find_stream_info().expect("streams");
    let rules = decode::Rules {
        codecs: container::DECODERS,
        max_pixels: Limits::default().max_pixels,
        n_threads: 1,
    };
    let (stream, mut decoder) = {
        let mut streams = opened.input.streams().enumerate();
        let (stream, view) = streams.find(|(_, view)| view.kind() == Kind::Audio).expect("sound");
        (stream, Decoder::open(view, &rules).expect("a decoder"))
    };
    let (mut packet, mut frame) = (Packet::empty().expect("memory"), Frame::empty().expect("memory"));
    let (mut heard, mut planes) = (Vec::new(), Vec::new());
    loop {
        let goes_on = opened.input.read(&mut packet).expect("packets");
        if goes_on && packet.stream() != stream {
            continue;
        }
        decoder.send(goes_on.then_some(&packet)).expect("a packet");
        while decoder.receive(&mut frame).expect("a frame") {
            assert!(frame.copy_channels(&mut planes));
            heard.extend_from_slice(&planes[0]);
        }
        if !goes_on {
            return heard;
        }
    }
}

fn facts(file: &File, extension: &str) -> Probe {
    let hints = ProbeHints {
        extension: Some(extension.to_owned()),
    };
    probe::run(duplicate(file), &hints, &Limits::default()).expect("facts")
}

/// The clip that takes these ranges of a file.
fn clip(file: &File, extension: &str, mode: ClipMode, ranges: &[(i64, i64)]) -> Clip {
    let facts = facts(file, extension);
    let is_picture =
        |stream: &&media_proto::probe::Stream| stream.kind == StreamKind::Video && !stream.is_attached_picture;
    let video = facts.streams.iter().find(is_picture).map(|stream| {
        let (width, height) = (stream.width.expect("a width"), stream.height.expect("a height"));
        let turned = stream.rotation % 180 != 0;
        let source = Source {
            width: if turned { height } else { width },
            height: if turned { width } else { height },
            frame_rate: stream.frame_rate,
            bit_rate: None,
            is_hdr: stream.hdr.is_some(),
            is_interlaced: stream
                .field_order
                .as_deref()
                .is_some_and(|order| order != "progressive"),
        };
        ClipVideo {
            stream: stream.index,
            rotation: stream.rotation,
            rendition: ladder(&source, Preset::Superfast).remove(0),
        }
    });
    let audio = facts.streams.iter().filter(|stream| stream.kind == StreamKind::Audio);
    Clip {
        extension: Some(extension.to_owned()),
        start_us: video.as_ref().map_or(0, |_| pictures(file, extension)[0].us),
        ranges: ranges.to_vec(),
        mode,
        format: ClipFormat::Mp4,
        video,
        audio: audio
            .map(|stream| AudioRendition {
                stream: stream.index,
                channels: 2,
                sample_rate: 48_000,
                bit_rate: 192_000,
            })
            .collect(),
    }
}

fn make(file: &File, clip: &Clip) -> Result<(Clipped, File), MediaError> {
    let made = File::from(serve::memory_file().expect("a memory file"));
    let mut give = |offset: u64, bytes: &[u8]| {
        std::os::unix::fs::FileExt::write_all_at(&made, bytes, offset).expect("room");
        Ok(())
    };
    let clipped = super::run(duplicate(file), clip, &Limits::default(), &mut give)?;
    assert_eq!(made.metadata().expect("a file").len(), clipped.len);
    clipped.check(clip).expect("a clip that holds what it says");
    Ok((clipped, made))
}

fn film(spec: &Synthetic) -> File {
    let (file, _) = synthesize::run(spec, &Limits::default()).expect("media");
    File::from(file)
}

/// Ten seconds with a keyframe every two, and where the picture changes.
fn spec(container: &str, codec: &str, frame_rate: (i32, i32)) -> Synthetic {
    let mut spec = Synthetic::clip(11);
    spec.container = container.to_owned();
    spec.duration_us = 10_000_000;
    if let Some(video) = &mut spec.video {
        video.codec = codec.to_owned();
        video.frame_rate = frame_rate;
        (video.width, video.height) = (160, 120);
    }
    spec
}

/// How far the second picture is from the first, in decibels.
fn psnr(of: &[u8], to: &[u8]) -> f64 {
    assert_eq!(of.len(), to.len());
    let squares = of.iter().zip(to).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    let error = squares.sum::<f64>() / of.len() as f64;
    10.0 * (65025.0 / error.max(1e-9)).log10()
}

/// Holds a clip against its source: the right frames, evenly, alike; gives how many are the same bit by bit.
fn holds(file: &File, extension: &str, clip: &Clip, what: &str) -> (Clipped, usize) {
    let (clipped, made) = make(file, clip).unwrap_or_else(|error| panic!("{what}: {error}"));
    let source = pictures(file, extension);
    let start = clip.start_us;
    let mut expected: Vec<&Shown> = Vec::new();
    let mut times = Vec::new();
    let mut offset = 0;
    let ranges = if clipped.mode == ClipMode::Keyframe {
        &clipped.ranges
    } else {
        &clip.ranges
    };
    for (number, (from, to)) in ranges.iter().enumerate() {
        let inside: Vec<&Shown> = source
            .iter()
            .filter(|shown| (start + from..start + to).contains(&shown.us))
            .collect();
        let first = inside.first().expect("frames in the range").us;
        assert!(
            (clipped.ranges[number].0 - (first - start)).abs() <= 1,
            "{what}: {clipped:?}"
        );
        times.extend(inside.iter().map(|shown| offset + shown.us - first));
        offset += clipped.ranges[number].1 - clipped.ranges[number].0;
        expected.extend(inside);
    }
    let shown = pictures(&made, "mp4");
    assert_eq!(shown.len(), expected.len(), "{what}: frames; {clipped:?}");
    assert_eq!(clipped.n_frames, shown.len() as u64, "{what}");
    let mut n_same = 0;
    for (at, (shown, expected)) in shown.iter().zip(&expected).enumerate() {
        assert!(
            (shown.us - times[at]).abs() <= 12,
            "{what}: frame {at} at {} instead of {}",
            shown.us,
            times[at]
        );
        if shown.luma == expected.luma {
            n_same += 1;
        } else {
            let likeness = psnr(&expected.luma, &shown.luma);
            if clipped.mode == ClipMode::Exact {
                // Colors may have become those of another standard; the picture must be this one and no neighbor.
                let others = source
                    .iter()
                    .filter(|other| (1..200_000).contains(&(other.us - expected.us).abs()));
                let nearest = others.map(|other| psnr(&other.luma, &shown.luma)).fold(0.0, f64::max);
                assert!(
                    likeness > 20.0 && likeness >= nearest,
                    "{what}: frame {at}: {likeness:.1}, {nearest:.1} dB"
                );
            } else {
                assert!(
                    likeness > 38.0,
                    "{what}: frame {at} is {likeness:.1} dB from the source's"
                );
            }
        }
    }
    let (duration, facts) = (clipped.duration_us, facts(&made, "mp4"));
    assert!(
        (duration - offset).abs() <= 40,
        "{what}: {duration} instead of {offset}"
    );
    let found = facts.duration_us.expect("a duration");
    assert!(
        (found - duration).abs() < 50_000,
        "{what}: the file lasts {found} instead of {duration}"
    );
    (clipped, n_same)
}

#[test]
fn a_smart_cut_copies_the_middle_bit_by_bit_and_is_exact_at_both_ends() {
    for (container, rate) in [("mp4", (25, 1)), ("matroska", (30_000, 1001)), ("mpegts", (25, 1))] {
        let extension = match container {
            "matroska" => "mkv",
            "mpegts" => "ts",
            other => other,
        };
        let file = film(&spec(container, "h264", rate));
        let smart = |ranges: &[(i64, i64)]| {
            let clip = clip(&file, extension, ClipMode::Smart, ranges);
            let what = format!("{container} {ranges:?}");
            let (clipped, n_same) = holds(&file, extension, &clip, &what);
            assert_eq!((clipped.mode, &clipped.reason), (ClipMode::Smart, &None), "{what}");
            assert!(
                n_same as u64 >= clipped.n_copied,
                "{what}: {n_same} the same, {clipped:?}"
            );
            clipped
        };
        let frames = |us: i64| (us * i64::from(rate.0) / i64::from(rate.1) / 1_000_000) as u64;
        // Both edges inside groups, so that two groups are copied.
        let clipped = smart(&[(1_300_000, 7_100_000)]);
        assert!(
            clipped.n_copied >= frames(3_900_000) && clipped.n_copied < clipped.n_frames,
            "{clipped:?}"
        );
        // From the first frame, to the end of the file, and on keyframes exactly.
        assert!(smart(&[(0, 5_000_000)]).n_copied >= frames(3_900_000));
        assert!(smart(&[(3_000_000, 60_000_000)]).n_copied >= frames(5_900_000));
        let whole = smart(&[(0, 60_000_000)]);
        assert_eq!(whole.n_copied, whole.n_frames, "nothing is encoded: {whole:?}");
        // Joined in another order, one range within a group.
        let joined = smart(&[(5_500_000, 8_700_000), (300_000, 900_000), (1_000_000, 4_200_000)]);
        assert!(joined.n_copied > 0 && joined.n_copied < joined.n_frames, "{joined:?}");
    }
}

#[test]
fn what_cannot_be_joined_is_encoded_and_says_why() {
    let range = [(1_300_000, 4_100_000)];
    let hevc = film(&spec("mp4", "hevc", (25, 1)));
    let wanted = clip(&hevc, "mp4", ClipMode::Smart, &range);
    let (clipped, _) = holds(&hevc, "mp4", &wanted, "hevc");
    assert_eq!((clipped.mode, clipped.n_copied), (ClipMode::Exact, 0));
    assert!(clipped.reason.is_some_and(|reason| reason.contains("hevc")));

    let film = film(&spec("mp4", "h264", (25, 1)));
    let short = clip(&film, "mp4", ClipMode::Smart, &[(2_100_000, 2_300_000)]);
    let (clipped, _) = holds(&film, "mp4", &short, "too short");
    assert_eq!(clipped.mode, ClipMode::Exact, "{clipped:?}");
    let reason = clipped.reason.expect("a reason");
    assert!(reason.contains("keyframe"), "{reason}");

    let exact = clip(&film, "mp4", ClipMode::Exact, &[(700_000, 2_500_000), (0, 200_000)]);
    let (clipped, _) = holds(&film, "mp4", &exact, "exact");
    assert_eq!((clipped.mode, clipped.reason), (ClipMode::Exact, None));

    let key = clip(&film, "mp4", ClipMode::Keyframe, &range);
    let (clipped, n_same) = holds(&film, "mp4", &key, "keyframe");
    // The encoder adds keyframes where the picture changes.
    assert!(
        matches!(clipped.ranges[..], [(from, to)] if from <= range[0].0 && to >= range[0].1),
        "{clipped:?}"
    );
    assert_eq!((clipped.n_copied, n_same as u64), (clipped.n_frames, clipped.n_frames));

    let nothing = clip(&film, "mp4", ClipMode::Smart, &[(60_000_000, 70_000_000)]);
    assert!(matches!(make(&film, &nothing), Err(MediaError::Invalid { .. })));
}

#[test]
fn sound_is_cut_to_the_sample_and_stays_beside_its_pictures() {
    let mut spec = spec("mp4", "h264", (25, 1));
    spec.audio = Synthetic::clip(3).audio;
    let file = film(&spec);
    let source = samples(&file, "mp4");
    for (mode, ranges) in [
        (ClipMode::Smart, vec![(1_320_000, 7_120_000)]),
        (ClipMode::Exact, vec![(5_000_000, 6_000_000), (1_000_000, 2_400_000)]),
    ] {
        let clip = clip(&file, "mp4", mode, &ranges);
        let (clipped, made) = make(&file, &clip).expect("a clip");
        let heard = samples(&made, "mp4");
        let expected: Vec<f32> = ranges
            .iter()
            .flat_map(|(from, to)| &source[(from * 48 / 1000) as usize..(to * 48 / 1000) as usize])
            .copied()
            .collect();
        assert_eq!(clipped.duration_us * 48 / 1000, expected.len() as i64);
        assert!(
            heard.len() >= expected.len() && heard.len() < expected.len() + 2048,
            "{} samples instead of {}",
            heard.len(),
            expected.len()
        );
        // The edge of the encoder's first window is quieter; a shift by one sample would show everywhere.
        let inner = 3000..expected.len() - 3000;
        let error = |late: usize, early: usize| -> f64 {
            let pairs = heard[late..]
                .iter()
                .zip(&expected[early..])
                .take(inner.end)
                .skip(inner.start);
            pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum()
        };
        let power: f64 = expected[inner.clone()].iter().map(|v| f64::from(*v).powi(2)).sum();
        let likeness = 10.0 * (power / error(0, 0).max(1e-12)).log10();
        assert!(likeness > 20.0, "{mode:?}: {likeness:.1} dB");
        let nearest = error(1, 0).min(error(0, 1));
        assert!(
            error(0, 0) < nearest,
            "{mode:?}: shifted by a sample it would be nearer"
        );
    }
    let mut alone = clip(&file, "mp4", ClipMode::Smart, &[(1_000_000, 2_500_000)]);
    alone.video = None;
    let (clipped, made) = make(&file, &alone).expect("sound alone");
    assert_eq!(clipped.duration_us, 1_500_000);
    assert_eq!(facts(&made, "mp4").streams.len(), 1);
}

#[test]
fn short_clips_become_pictures_that_move() {
    let file = film(&spec("mp4", "h264", (25, 1)));
    for (format, extension, magic) in [
        (ClipFormat::Gif, "gif", &b"GIF89a"[..]),
        (ClipFormat::Webp, "webp", b"RIFF"),
    ] {
        let mut wanted = clip(
            &file,
            "mp4",
            ClipMode::Smart,
            &[(1_000_000, 3_000_000), (5_000_000, 6_000_000)],
        );
        wanted.format = format;
        wanted.audio.clear();
        let (clipped, made) = make(&file, &wanted).expect("an animation");
        let mut head = [0; 6];
        std::os::unix::fs::FileExt::read_exact_at(&made, &mut head, 0).expect("bytes");
        assert!(head.starts_with(magic), "{extension}: {head:?}");
        assert!((35..=37).contains(&clipped.n_frames), "{extension}: {clipped:?}");
        let mut long = wanted.clone();
        long.ranges = vec![(0, 31_000_000)];
        assert!(matches!(make(&file, &long), Err(MediaError::Invalid { .. })));
    }
}
