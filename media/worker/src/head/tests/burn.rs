//! Image subtitles in pictures: what is on screen is the same wherever a head begins.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

use media_av::decode::{self, Decoder};
use media_av::encode::{Frame, Packet};
use media_proto::job::Limits;
use media_proto::rendition::Preset;

use super::{Film, film, spec};
use crate::{container, open, serve, synthesize};

/// When the box of the film made here is where; see `synthesize::pgs`.
const STEPS: [f64; 4] = [1.0, 21.0, 41.0, 61.0];

/// The brightness of some places of each frame, with its time in seconds.
fn seen(header: &[u8], segments: &[&[u8]], places: &[(usize, usize)]) -> Vec<(f64, Vec<u8>)> {
    let file = serve::memory_file().expect("memory");
    let mut writer = File::from(file.try_clone().expect("a descriptor"));
    writer
        .write_all(&[&[header], segments].concat().concat())
        .expect("memory");
    let mut opened = open::open(file, Some("mp4"), u64::MAX, &Limits::default()).expect("segments");
    opened.input.find_stream_info().expect("streams");
    let rules = decode::Rules {
        codecs: container::DECODERS,
        max_pixels: 1 << 24,
        n_threads: 1,
    };
    let view = opened.input.streams().next().expect("a stream");
    let mut decoder = Decoder::open(view, &rules).expect("a decoder");
    let (mut packet, mut frame) = (Packet::empty().expect("memory"), Frame::empty().expect("memory"));
    let mut seen = Vec::new();
    loop {
        let goes_on = opened.input.read(&mut packet).expect("a packet");
        decoder.send(goes_on.then_some(&packet)).expect("sent");
        while decoder.receive(&mut frame).expect("a frame") {
            let at = decoder.time_us(&frame).expect("a time") as f64 / 1e6;
            let height = frame.size().1 as usize;
            let (plane, stride) = frame.plane(0, height);
            seen.push((at, places.iter().map(|(x, y)| plane[y * stride + x]).collect()));
        }
        if !goes_on {
            return seen;
        }
    }
}

fn check(film: &Film, first: u32, most: usize) {
    let (width, height) = (film.head.rendition.width as usize, film.head.rendition.height as usize);
    let places = [(width / 4, height * 3 / 4), (width * 3 / 4, height * 3 / 4)];
    let (header, segments) = film.make(first, most);
    let bytes: Vec<&[u8]> = segments.values().map(|(_, bytes)| bytes.as_slice()).collect();
    let frames = seen(&header, &bytes, &places);
    assert!(frames.len() > 40, "{} frames", frames.len());
    for (at, bright) in frames {
        // Frames and subtitles round their times to clocks of their own.
        if STEPS.iter().any(|step| (at - step).abs() < 0.03) {
            continue;
        }
        let is_within = |from: usize| (STEPS[from]..STEPS[from + 1]).contains(&at);
        let expected = [is_within(0) || is_within(2), is_within(1)];
        let found: Vec<bool> = bright.iter().map(|&value| value > 128).collect();
        assert_eq!(found, expected, "at {at} s in a head from {first}: {bright:?}");
    }
}

#[test]
fn what_is_on_screen_is_found_wherever_a_head_begins() {
    let mut spec = spec("matroska", "h264", (25, 1));
    spec.duration_us = 66_000_000;
    spec.image_subtitles = Some("eng".to_owned());
    spec.black_us = spec.duration_us;
    let (file, _) = synthesize::run(&spec, &Limits::default()).expect("media");
    let mut film = film(File::from(file), "mkv", Preset::Ultrafast).expect("a film");
    let plain = film.make(4, 1);
    film.head.burn = Some(1);
    assert!(film.make(4, 1) != plain, "the box is drawn");
    check(&film, 0, usize::MAX);
    // After its coming; after each of its moves, the last of which is long after all that it is made of; after its end.
    for first in [2, 12, 28, 31] {
        check(&film, first, 1);
    }
}

#[test]
fn only_subtitles_of_pictures_are_drawn() {
    let mut spec = spec("matroska", "h264", (25, 1));
    spec.subtitles = Some("eng".to_owned());
    let (file, _) = synthesize::run(&spec, &Limits::default()).expect("media");
    let mut film = film(File::from(file), "mkv", Preset::Ultrafast).expect("a film");
    for stream in [0, 1, 9] {
        film.head.burn = Some(stream);
        let source = OwnedFd::from(film.file.try_clone().expect("a descriptor"));
        let made = super::video::run(
            source,
            &film.head,
            &Limits::default(),
            super::Delivery::Whole,
            &mut |_| Ok(true),
        );
        assert!(made.is_err(), "stream {stream}");
    }
}

#[test]
fn subtitles_of_discs_and_broadcasts_are_drawn() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media/video");
    let mut n_drawn = 0;
    for (name, stream) in [
        ("media--sample_with_pgs_subtitles.mkv", 2),
        ("media--sample_with_vobsub.mkv", 2),
        ("media--sample_with_vobsub.mp4", 2),
        ("subtitleedit--sample_MKV_VobSub_PGS.mkv", 1),
        ("subtitleedit--sample_MKV_VobSub_PGS.mkv", 2),
    ] {
        let Ok(file) = File::open(folder.join(name)) else {
            continue;
        };
        let extension = name.rsplit('.').next().unwrap_or_default();
        let mut film = film(file, extension, Preset::Ultrafast).expect(name);
        let plain = film.make(0, usize::MAX);
        film.head.burn = Some(stream);
        let burned = film.make(0, usize::MAX);
        assert!(burned.0 == plain.0, "{name}: the same header");
        assert!(burned.1 != plain.1, "{name}: stream {stream} is drawn");
        n_drawn += 1;
    }
    if n_drawn == 0 {
        eprintln!("skipped: there are no films in {}", folder.display());
    }
}
