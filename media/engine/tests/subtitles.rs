//! Subtitles as WebVTT: from films that the worker itself made, from real files, and from bytes that mean harm.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "it panics, and says what it skips"
)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::error::MediaError;
use media_proto::keyframes::KeyframeMode;
use media_proto::subtitle::{SubtitleTrack, Subtitles};
use media_proto::synthetic::Synthetic;
use tokio_util::sync::CancellationToken;

async fn engine() -> Arc<Engine> {
    match Engine::start(EngineConfig::default(), Arc::new(NoQuarantine)).await {
        Ok(engine) => engine,
        Err(error) => panic!("{error}; build the worker first: cargo build -p media-worker"),
    }
}

fn file(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

/// Each track with its text.
async fn read(engine: &Engine, file: File, wanted: &Subtitles) -> Result<Vec<(SubtitleTrack, String)>, MediaError> {
    let source = Source::new(file).unwrap();
    let (subtitled, texts) = engine
        .subtitles(&source, wanted, &CancellationToken::new(), None)
        .await?;
    let text = |track: &SubtitleTrack| {
        let mut bytes = vec![0; track.len as usize];
        texts.read_exact_at(&mut bytes, track.offset).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    Ok(subtitled.tracks.iter().map(|track| (*track, text(track))).collect())
}

fn by_extension(path: &Path) -> Subtitles {
    Subtitles {
        extension: path
            .extension()
            .map(|extension| extension.to_string_lossy().into_owned()),
        ..Subtitles::default()
    }
}

/// Start and end of each cue, in milliseconds.
fn times(vtt: &str) -> Vec<(u64, u64)> {
    let ms = |stamp: &str| {
        let parts: Vec<u64> = stamp.split([':', '.']).map(|part| part.parse().unwrap()).collect();
        ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1000 + parts[3]
    };
    let lines = vtt.lines().filter_map(|line| line.split_once(" --> "));
    lines
        .map(|(start, rest)| (ms(start), ms(rest.split(' ').next().unwrap())))
        .collect()
}

/// What holds for every file that is given out.
fn check(vtt: &str, track: &SubtitleTrack, what: &str) {
    assert!(vtt.starts_with("WEBVTT\n"), "{what}");
    let times = times(vtt);
    assert_eq!(times.len(), track.n_cues as usize, "{what}: one time for each cue");
    assert!(
        times.windows(2).all(|pair| pair[0].0 <= pair[1].0),
        "{what}: out of order"
    );
    assert!(
        times.iter().all(|(start, end)| start < end),
        "{what}: a cue that ends before it begins"
    );
    for cue in vtt.split("\n\n").skip(1) {
        let n_lines = cue.trim_end().lines().count();
        assert!(n_lines >= 2, "{what}: a cue of {n_lines} lines: {cue:?}");
    }
}

fn shared() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media");
    if !shared.is_dir() {
        eprintln!("skipped: {} is not here", shared.display());
        return None;
    }
    Some(shared)
}

#[tokio::test]
async fn a_films_tracks_come_out_as_webvtt() {
    let engine = engine().await;
    for container in ["mp4", "matroska", "webm"] {
        let mut spec = Synthetic {
            container: container.to_owned(),
            subtitles: Some("eng".to_owned()),
            duration_us: 3_500_000,
            ..Synthetic::clip(4)
        };
        if container == "webm"
            && let (Some(video), Some(audio)) = (&mut spec.video, &mut spec.audio)
        {
            (video.codec, audio.codec) = ("vp9".to_owned(), "opus".to_owned());
        }
        let mut bytes = Vec::new();
        engine.synthesize(spec).await.unwrap().read_to_end(&mut bytes).unwrap();
        // The sound's priming lies before the pictures, and Matroska's times are never negative.
        let source = Source::new(file(&bytes)).unwrap();
        let cancel = CancellationToken::new();
        let table = engine.keyframes(&source, None, None, KeyframeMode::Scan, &cancel).await;
        let table = table.unwrap().unwrap();
        let start_us = table.start_pts * 1_000_000 * i64::from(table.time_base.0) / i64::from(table.time_base.1);
        let wanted = Subtitles {
            start_us,
            ..Subtitles::default()
        };
        let tracks = read(&engine, file(&bytes), &wanted).await.unwrap();
        let [(track, text)] = &tracks[..] else {
            panic!("{container}: {tracks:?}")
        };
        let expected = "WEBVTT\n\n\
            00:00:00.000 --> 00:00:00.800\nLine 1\n\n\
            00:00:01.000 --> 00:00:01.800\nLine 2\n\n\
            00:00:02.000 --> 00:00:02.800\nLine 3\n\n\
            00:00:03.000 --> 00:00:03.500\nLine 4\n";
        assert_eq!(
            (text.as_str(), track.n_damaged, track.is_cut),
            (expected, 0, false),
            "{container}"
        );

        let late = Subtitles {
            start_us: start_us + 1_500_000,
            streams: vec![track.stream],
            ..Subtitles::default()
        };
        let shifted = read(&engine, file(&bytes), &late).await.unwrap().remove(0).1;
        assert_eq!(times(&shifted), [(0, 300), (500, 1300), (1500, 2000)], "{container}");
        let pictures = Subtitles {
            streams: vec![0],
            ..Subtitles::default()
        };
        let refused = read(&engine, file(&bytes), &pictures).await.unwrap_err();
        assert!(
            matches!(refused, MediaError::Unsupported { .. }),
            "{container}: {refused}"
        );
    }
    engine.stop().await;
}

#[tokio::test]
async fn files_of_many_encodings_become_utf_8() {
    let Some(shared) = shared() else { return };
    let engine = engine().await;
    for (name, words) in [
        ("auto_detect_Danish.srt", "Danske undert"),
        ("auto_detect_Russian.srt", "штат Вирджиния 1865"),
        ("auto_detect_windows-1250.srt", "Đino!"),
        ("auto_detect_windows-1251.srt", "Г О Р Ш Т А К"),
        ("test.ass", ""),
        ("test.srt", ""),
        ("test2.srt", ""),
    ] {
        let path = shared.join(format!("subtitle/subtitleedit--{name}"));
        let tracks = read(&engine, File::open(&path).unwrap(), &by_extension(&path)).await;
        let tracks = tracks.unwrap_or_else(|error| panic!("{name}: {error}"));
        let [(track, text)] = &tracks[..] else {
            panic!("{name}: {tracks:?}")
        };
        check(text, track, name);
        assert!(track.n_cues > 0 && track.n_damaged == 0, "{name}: {track:?}");
        assert!(text.contains(words), "{name}: {}", &text[..text.len().min(300)]);
        assert!(!text.contains('\u{fffd}') && !text.contains("{\\"), "{name}");
    }
    let utf_16 = "1\n00:00:01,000 --> 00:00:02,000\n<i>Þetta</i> & hitt\n";
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(utf_16.encode_utf16().flat_map(u16::to_le_bytes));
    let tracks = read(&engine, file(&bytes), &by_extension(Path::new("a.srt")))
        .await
        .unwrap();
    let expected = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n<i>Þetta</i> &amp; hitt\n";
    assert_eq!(tracks[0].1, expected);
    engine.stop().await;
}

#[tokio::test]
async fn every_real_track_of_text_is_read() {
    let Some(shared) = shared() else { return };
    let engine = engine().await;
    let (mut n_tracks, mut n_cues) = (0, 0);
    for entry in std::fs::read_dir(shared.join("video")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match read(&engine, File::open(&path).unwrap(), &by_extension(&path)).await {
            Ok(tracks) => {
                for (track, text) in tracks {
                    check(&text, &track, &name);
                    n_tracks += 1;
                    n_cues += track.n_cues;
                    if name.starts_with("media--sample_with_srt") {
                        assert!(text.contains("This is the first subtitle."), "{name}: {text}");
                    }
                }
            }
            Err(error) => assert!(
                error.blames_file() || matches!(error, MediaError::NoStream),
                "{name}: {error}"
            ),
        }
    }
    eprintln!("{n_tracks} tracks with {n_cues} cues");
    assert!(n_tracks >= 12 && n_cues >= 50, "{n_tracks} tracks with {n_cues} cues");
    engine.stop().await;
}

/// SplitMix64: the same bytes are damaged in every run.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[tokio::test]
async fn damaged_files_give_a_text_or_a_reason() {
    let engine = engine().await;
    let srt = "1\n00:00:01,000 --> 00:00:02,000\n<b>Bold <i>both</b></i> {\\an8}top --> & <script>\n\n".repeat(20);
    let ass = format!(
        "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, \
         Effect, Text\n{}",
        "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\i1\\p1}m 0 0{\\p0}a\\Nb{\\b1}{{}}\n".repeat(20)
    );
    let vtt = format!(
        "WEBVTT\n\n{}",
        "00:01.000 --> 00:02.000 line:0\n<v Bob>Hi <c.x>there</c>\n\n".repeat(20)
    );
    let (mut state, mut n_read) = (7, 0);
    for (extension, whole) in [("srt", srt), ("ass", ass), ("vtt", vtt)] {
        let wanted = by_extension(Path::new(&format!("a.{extension}")));
        for round in 0..60 {
            let mut bytes = whole.clone().into_bytes();
            for _ in 0..round {
                let at = next(&mut state) as usize % bytes.len();
                bytes[at] = next(&mut state) as u8;
            }
            if round % 7 == 6 {
                bytes.truncate(next(&mut state) as usize % bytes.len());
            }
            match read(&engine, file(&bytes), &wanted).await {
                Ok(tracks) => {
                    for (track, text) in tracks {
                        check(&text, &track, &format!("{extension} {round}"));
                        n_read += 1;
                        assert!(!text.contains("<script"), "{extension} {round}: {text}");
                    }
                }
                Err(error) => {
                    let is_stated = error.blames_file() && !matches!(error, MediaError::Crashed { .. });
                    assert!(is_stated, "{extension} {round}: {error}");
                }
            }
        }
    }
    assert!(n_read > 100, "{n_read} of 180 were read");
    engine.stop().await;
}
