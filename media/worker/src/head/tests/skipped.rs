//! What is left out on the way to a segment: nothing of it is seen.

use std::hash::{DefaultHasher, Hash, Hasher};

use media_av::encode::Frame;
use media_proto::job::Limits;
use media_proto::rendition::Preset;

use super::super::video::{self, reader::Reader};
use super::{Film, film, spec, synthesize};

/// When a frame shows, and a hash of its luma.
fn seen(frame: &mut Frame) -> (i64, u64) {
    let (_, height) = frame.size();
    let mut hasher = DefaultHasher::new();
    frame.plane(0, height as usize).0.hash(&mut hasher);
    (frame.best_pts().expect("a time"), hasher.finish())
}

fn reader(film: &Film) -> Reader {
    let source = film.file.try_clone().expect("a descriptor").into();
    video::reader(source, &film.head, &Limits::default(), 1).expect("a reader")
}

/// Every frame from the start of each segment to its end must be what a decoder gives that left nothing out. Gives how many
/// frames were left out in all.
fn holds(film: &Film) -> usize {
    let head = &film.head;
    let mut frame = Frame::empty().expect("memory");
    let (mut all, mut whole) = (Vec::new(), reader(film));
    while whole.next(&mut frame).expect("a frame") {
        all.push(seen(&mut frame));
    }
    let within = |begin, end| all.iter().filter(move |(pts, _)| (begin..end).contains(pts));
    let boundary = |n| head.start_pts + head.grid.first_tick(n, head.time_base);
    let mut n_left_out = 0;
    for first in 1..head.n_segments {
        let (begin, end) = (boundary(first), boundary(first + 1));
        let mut partial = reader(film);
        partial
            .go_before(begin, begin, head.start_pts, head.time_base)
            .expect("a seek");
        partial.want_from(begin);
        let mut found = Vec::new();
        while partial.next(&mut frame).expect("a frame") && frame.best_pts().is_some_and(|pts| pts < end) {
            found.push(seen(&mut frame));
        }
        let n_before = found.iter().filter(|(pts, _)| *pts < begin).count();
        let from = found.first().map_or(begin, |(pts, _)| *pts);
        n_left_out += within(from, begin).count().saturating_sub(n_before);
        assert!(
            found[n_before..].iter().eq(within(begin, end)),
            "segment {first} of {}",
            film.kind
        );

        let mut head = head.clone();
        head.first = first;
        assert!(reader(film).first(&head, &mut frame).expect("a frame"));
        assert_eq!(
            Some(&seen(&mut frame)),
            within(begin, end).next(),
            "segment {first} of {}",
            film.kind
        );
    }
    n_left_out
}

#[test]
fn frames_that_nobody_needs_are_left_out_and_no_other() {
    for (container, extension, codec) in [
        ("mp4", "mp4", "h264"),
        ("matroska", "mkv", "h264"),
        ("mpegts", "ts", "h264"),
        ("mpegts", "ts", "mpeg2video"),
    ] {
        // Its keyframes are a frame less than two seconds apart, so that segments begin further behind them each time.
        let mut spec = spec(container, codec, (30_000, 1001));
        spec.duration_us = 20_000_000;
        let (file, _) = synthesize::run(&spec, &Limits::default()).expect("media");
        let film = film(file.into(), extension, Preset::Veryfast).expect("a film");
        let n = holds(&film);
        println!("{container}, {codec}: {n} frames left out");
        assert!(n > 0 || codec != "h264", "{container}: all frames were decoded");
    }
}
