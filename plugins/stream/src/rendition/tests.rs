//! Lengths and names of renditions.

use media_proto::{grid::Grid, rendition::AudioRendition};

use super::*;

fn sound(n_frames: u64) -> Rendition {
    let head = AudioHead {
        extension: None,
        start_us: 0,
        rendition: AudioRendition {
            stream: 1,
            channels: 2,
            sample_rate: 48_000,
            bit_rate: 128_000,
        },
        grid: Grid::new(Some((30_000, 1001)), 4000),
        first: 0,
        until: 0,
        n_frames,
    };
    let file = FileState {
        id: FileId(1),
        size: 2,
        mtime_ns: 3,
    };
    Rendition::audio(file, head, Label::default(), "ffmpeg")
}

#[test]
fn the_segments_of_sound_are_those_with_frames_and_last_as_long_as_it() {
    for n_frames in [1, 187, 188, 189, 375, 376, 168_750] {
        let track = sound(n_frames);
        let lengths = track.lengths_us();
        assert!(lengths.iter().all(|length| *length > 0), "{n_frames}: {lengths:?}");
        assert_eq!(lengths.iter().sum::<i64>(), track.end_us, "{n_frames}");
    }
    assert_eq!(sound(188).n_segments(), 1, "188 frames begin before 4.004 s");
    assert_eq!(sound(189).n_segments(), 2);
    assert_eq!(sound(0).n_segments(), 0);
}

#[test]
fn a_name_comes_back_from_its_text_and_stands_for_all_that_matters() {
    let track = sound(100);
    assert_eq!(track.id.to_string().parse(), Ok(track.id));
    assert_eq!(
        track.id.to_string().to_uppercase().parse::<RenditionId>(),
        Err(Malformed)
    );
    assert_eq!("".parse::<RenditionId>(), Err(Malformed));
    assert_ne!(sound(101).id, track.id);
    let other = FileState {
        mtime_ns: 4,
        ..track.file
    };
    let again = |file, ffmpeg| name_of(file, &track.track, ffmpeg);
    assert_ne!(again(other, "ffmpeg"), track.id);
    assert_ne!(again(track.file, "another"), track.id);
    assert_eq!(again(track.file, "ffmpeg"), track.id);
}
