//! Keyframe tables: what a container's index says must be what its packets say.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::error::MediaError;
use media_proto::keyframes::{KeyframeMode, Keyframes};
use media_proto::synthetic::Synthetic;
use tokio_util::sync::CancellationToken;

async fn engine() -> Arc<Engine> {
    match Engine::start(EngineConfig::default(), Arc::new(NoQuarantine)).await {
        Ok(engine) => engine,
        Err(error) => panic!("{error}; build the worker first: cargo build -p media-worker"),
    }
}

async fn table(
    engine: &Engine,
    source: &Source,
    extension: &str,
    mode: KeyframeMode,
) -> Result<Option<Keyframes>, MediaError> {
    let extension = Some(extension.to_owned());
    engine
        .keyframes(source, extension, None, mode, &CancellationToken::new())
        .await
}

/// Twelve seconds with a cut each 0.7 s, so that keyframes are at uneven distances.
fn film(container: &str, video: &str, audio: &str, frame_rate: (i32, i32)) -> Synthetic {
    let mut spec = Synthetic::clip(11);
    spec.container = container.to_owned();
    spec.duration_us = 12_000_000;
    let pictures = spec.video.as_mut().unwrap();
    (pictures.codec, pictures.frame_rate) = (video.to_owned(), frame_rate);
    spec.audio.as_mut().unwrap().codec = audio.to_owned();
    spec
}

/// What an index and a scan must agree on.
fn cuts(table: &Keyframes) -> (u32, (i32, i32), i64, &[i64]) {
    (table.stream, table.time_base, table.start_pts, &table.deltas)
}

#[tokio::test]
async fn an_index_says_what_the_packets_say() {
    let engine = engine().await;
    let pal = (25, 1);
    // Container, codecs, rate, whether fragmented, whether there is an index to trust.
    for (container, video, audio, rate, fragmented, is_indexed) in [
        ("mp4", "h264", "aac", (30_000, 1001), false, true),
        ("mp4", "hevc", "aac", pal, false, true),
        ("mp4", "av1", "opus", (24_000, 1001), false, true),
        ("mp4", "vp9", "flac", pal, false, true),
        ("mp4", "mpeg4", "mp3", pal, false, true),
        ("mp4", "h264", "aac", pal, true, true),
        ("mov", "h264", "pcm_s16le", pal, false, true),
        ("mov", "mjpeg", "aac", pal, false, true),
        ("matroska", "h264", "flac", (30_000, 1001), false, true),
        ("matroska", "hevc", "vorbis", pal, false, true),
        ("webm", "vp8", "vorbis", pal, false, true),
        ("webm", "vp9", "opus", (24_000, 1001), false, true),
        ("avi", "mpeg4", "mp3", pal, false, true),
        ("mpegts", "h264", "aac", pal, false, false),
        ("mpegts", "mpeg2video", "mp3", pal, false, false),
    ] {
        let spec = Synthetic {
            fragmented,
            ..film(container, video, audio, rate)
        };
        let what = format!("{container} {video} fragmented {fragmented}");
        let source = Source::new(engine.synthesize(spec).await.unwrap()).unwrap();
        let scanned = table(&engine, &source, container, KeyframeMode::Scan).await.unwrap();
        let scanned = scanned.unwrap_or_else(|| panic!("{what}: no table by scan"));
        assert!(
            scanned.deltas.len() >= 3 && !scanned.is_from_index,
            "{what}: {scanned:?}"
        );
        let (num, den) = scanned.time_base;
        let seconds = |ticks: i64| ticks as f64 * f64::from(num) / f64::from(den);
        let duration = seconds(scanned.end_pts.unwrap() - scanned.start_pts);
        assert!((11.8..12.2).contains(&duration), "{what}: {duration} s, {scanned:?}");
        let first = scanned.pts().next().unwrap();
        assert!(seconds(first - scanned.start_pts).abs() < 0.001, "{what}: {scanned:?}");
        if video == "h264" {
            assert!((1..=4).contains(&scanned.reorder_depth), "{what}: {scanned:?}");
        }
        let indexed = table(&engine, &source, container, KeyframeMode::Index).await.unwrap();
        assert_eq!(indexed.is_some(), is_indexed, "{what}");
        let Some(indexed) = indexed else { continue };
        assert_eq!(cuts(&indexed), cuts(&scanned), "{what}");
        assert!(indexed.is_from_index, "{what}");
        // Matroska's header knows only where the longest stream ends.
        let end = indexed
            .end_pts
            .map_or(0.0, |end| seconds(end - scanned.end_pts.unwrap()));
        assert!(end.abs() < 0.001, "{what}: ends {end} s apart");
        assert_eq!(
            indexed.end_pts.is_some(),
            !matches!(container, "matroska" | "webm"),
            "{what}"
        );
        assert_eq!(indexed.reorder_depth, scanned.reorder_depth, "{what}");
    }
    engine.stop().await;
}

#[tokio::test]
async fn what_has_no_moving_pictures_says_so() {
    let engine = engine().await;
    let sound = Source::new(engine.synthesize(Synthetic::sound("m4a", 440.0)).await.unwrap()).unwrap();
    for mode in [KeyframeMode::Index, KeyframeMode::Scan] {
        assert_eq!(table(&engine, &sound, "m4a", mode).await, Err(MediaError::NoStream));
    }
    let clip = Source::new(engine.synthesize(Synthetic::clip(3)).await.unwrap()).unwrap();
    let cancel = CancellationToken::new();
    let error = engine
        .keyframes(&clip, None, Some(1), KeyframeMode::Index, &cancel)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "MEDIA_INVALID", "stream 1 is the sound: {error}");
    engine.stop().await;
}

/// Every real film: either no index is trusted, or it equals the scan.
#[tokio::test]
async fn real_films_have_no_index_that_lies() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media/video");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let engine = engine().await;
    let (mut n_indexed, mut n_scanned, mut wrong) = (0, 0, Vec::new());
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let extension = file.extension().unwrap_or_default().to_string_lossy().into_owned();
        let source = Source::new(File::open(&file).unwrap()).unwrap();
        let scanned = table(&engine, &source, &extension, KeyframeMode::Scan).await;
        let indexed = table(&engine, &source, &extension, KeyframeMode::Index).await;
        match (&indexed, &scanned) {
            (Ok(Some(indexed)), Ok(Some(scanned))) if cuts(indexed) == cuts(scanned) => n_indexed += 1,
            (Ok(Some(_)), _) => wrong.push(format!("{name}\n  index {indexed:?}\n  scan  {scanned:?}")),
            (Ok(None), Ok(Some(_))) => n_scanned += 1,
            (_, Ok(None)) => eprintln!("{name}: no order to cut by"),
            (_, Err(error)) => eprintln!("{name}: {error}"),
            (Err(error), _) => wrong.push(format!("{name}: index {error}, scan {scanned:?}")),
        }
    }
    eprintln!("{n_indexed} from their index, {n_scanned} only by a scan");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(n_indexed > 60, "{n_indexed} indices are trusted");
    engine.stop().await;
}
