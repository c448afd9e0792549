//! Keyframes alone: one picture a segment, that of its time, fit for the header of the whole rendition.

use std::os::fd::OwnedFd;

use media_av::encode::Frame;
use media_proto::head::VideoHead;
use media_proto::job::Limits;
use media_proto::keyframes::KeyframeMode;
use media_proto::rendition::Preset;

use super::{OUT, Segments, film, samples, spec};
use crate::head::Made;
use crate::head::video::{self, keyframes, reader::Reader};
use crate::synthesize;

#[test]
fn each_segment_is_one_keyframe_of_the_rendition() {
    for (container, extension, codec) in [
        ("mp4", "mp4", "h264"),
        ("mpegts", "ts", "h264"),
        ("webm", "webm", "vp9"),
    ] {
        let (file, _) = synthesize::run(&spec(container, codec, (25, 1)), &Limits::default()).expect("media");
        let film = film(file.into(), extension, Preset::Veryfast).expect("a film");
        let (header, _) = film.make(0, 1);
        let made = |first: u32, most: usize| {
            let (mut own, mut segments) = (Vec::new(), Segments::new());
            let head = VideoHead {
                first,
                ..film.head.clone()
            };
            let source = OwnedFd::from(film.file.try_clone().expect("a descriptor"));
            let mut give = |made| {
                match made {
                    Made::Header(bytes) => own = bytes,
                    Made::Chunk(index, _) => panic!("a chunk of {index}"),
                    Made::Segment(segment, bytes) => {
                        segments.insert(segment.index, (segment, bytes));
                    }
                }
                Ok(segments.len() < most)
            };
            keyframes::run(source, &head, &Limits::default(), &mut give).expect("segments");
            (own, segments)
        };
        let (own, whole) = made(0, usize::MAX);
        assert_eq!(own, header, "{container}: the header of all pictures");
        assert_eq!(whole.len() as u32, film.head.n_segments, "{container}");
        for (index, (segment, bytes)) in &whole {
            let (list, is_sync) = samples(bytes);
            let begin = film.head.grid.first_tick(*index, OUT);
            assert!(is_sync, "{container}: {index}");
            assert_eq!(
                list,
                [(begin, film.head.grid.first_tick(index + 1, OUT) - begin)],
                "{container}: {index}"
            );
            assert_eq!((segment.first_pts, segment.duration), list[0], "{container}: {index}");
            let (_, mut alone) = made(*index, 1);
            let alone = alone.remove(index).expect("the segment");
            assert_eq!(alone.1, *bytes, "{container}: segment {index} made alone");
        }
        let mut contents: Vec<&[u8]> = whole.values().map(|(_, bytes)| bytes.as_slice()).collect();
        contents.dedup();
        assert!(contents.len() > 1, "{container}: the picture changes");
    }
}

#[test]
fn a_keyframe_is_the_last_before_its_time() {
    let (file, _) = synthesize::run(&spec("mp4", "h264", (25, 1)), &Limits::default()).expect("media");
    let film = film(file.into(), "mp4", Preset::Veryfast).expect("a film");
    let source = || OwnedFd::from(film.file.try_clone().expect("a descriptor"));
    let mut reader: Reader = video::reader(source(), &film.head, &Limits::default(), 1).expect("a reader");
    let mut frame = Frame::empty().expect("memory");
    let VideoHead {
        start_pts, time_base, ..
    } = film.head;
    let table = crate::keyframes::run(source(), Some("mp4"), None, KeyframeMode::Scan, &Limits::default());
    let table = table.expect("a walk").expect("keyframes");
    let second = i64::from(time_base.1 / time_base.0);
    for at in 0..7 {
        let boundary = start_pts + at * second;
        let expected = table.pts().take_while(|&pts| pts <= boundary).last();
        reader
            .go_before(boundary, boundary, start_pts, time_base)
            .expect("a seek");
        let pts = reader.keyframe(&mut frame, None).expect("a keyframe");
        assert_eq!(Some(pts), expected, "at {at} s");
        assert_eq!(frame.best_pts(), Some(pts), "at {at} s");
    }
}
