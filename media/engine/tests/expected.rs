//! Real files from many makers: our facts against those that ffprobe 5.1 recorded, and every difference explained.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and skips with a word"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::error::MediaError;
use media_proto::job::ProbeHints;
use media_proto::probe::{MediaKind, Probe, Stream, StreamKind};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

fn shared() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media");
    root.join("expected.json").is_file().then_some(root)
}

async fn probe(engine: &Engine, path: &Path) -> Result<Probe, MediaError> {
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().into_owned());
    let source = Source::new(File::open(path).unwrap()).unwrap();
    engine
        .probe(&source, ProbeHints { extension }, &CancellationToken::new())
        .await
}

#[tokio::test]
async fn facts_agree_with_ffprobe_but_for_explained_differences() {
    let Some(root) = shared() else {
        eprintln!("skipped: the folder of shared media is not here");
        return;
    };
    let expected: Value = serde_json::from_slice(&std::fs::read(root.join("expected.json")).unwrap()).unwrap();
    let engine = Engine::start(EngineConfig::default(), Arc::new(NoQuarantine))
        .await
        .unwrap();
    let mut unexplained = Vec::new();
    let mut unused: Vec<&str> = DIFFERENCES.iter().map(|difference| difference.0).collect();
    for entry in expected["files"].as_array().unwrap() {
        let name = entry["file"].as_str().unwrap();
        let ours = probe(&engine, &root.join(name)).await;
        let Some(difference) = compare(&entry["ffprobe"], ours.as_ref()) else {
            continue;
        };
        match DIFFERENCES
            .iter()
            .find(|known| is_named(name, known.0) && difference.starts_with(known.1))
        {
            Some(known) => unused.retain(|unused| *unused != known.0),
            None => unexplained.push(format!("{name}: {difference}")),
        }
    }
    let stats = engine.stats();
    engine.stop().await;
    assert_eq!(
        (stats.n_crashed, stats.n_hung, stats.n_malformed),
        (0, 0, 0),
        "no file may break a worker"
    );
    assert!(
        unexplained.is_empty(),
        "{} differences without a reason:\n{}",
        unexplained.len(),
        unexplained.join("\n")
    );
    assert!(unused.is_empty(), "differences that are none any more: {unused:?}");
}

/// Whether a file is meant: by its path, or by its ending for a pattern that starts with a star.
fn is_named(name: &str, pattern: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(ending) => name.ends_with(ending),
        None => name == pattern,
    }
}

/// The first difference between ffprobe's facts and ours, as ours against theirs.
fn compare(theirs: &Value, ours: Result<&Probe, &MediaError>) -> Option<String> {
    let readable = theirs["rc"] == 0;
    let ours = match (readable, ours) {
        (true, Ok(ours)) => ours,
        (true, Err(error)) => return Some(format!("refused, {} {error}", error.code())),
        (false, Ok(ours)) => return Some(format!("accepted, {:?} {}", ours.kind, ours.container)),
        (false, Err(_)) => return None,
    };
    let streams = theirs["streams"].as_array().unwrap();
    if streams.len() != ours.streams.len() {
        return Some(format!("streams, {} against {}", ours.streams.len(), streams.len()));
    }
    for (stream, other) in ours.streams.iter().zip(streams) {
        if let Some(difference) = compare_stream(stream, other) {
            return Some(format!("{difference} in stream {}", stream.index));
        }
    }
    let seconds = theirs["duration"].as_str().map(|text| text.parse::<f64>().unwrap());
    match (ours.duration_us, seconds) {
        (None, None) => {}
        (Some(ours), Some(theirs)) if (ours as f64 / 1e6 - theirs).abs() < 0.002 => {}
        (None, Some(0.0)) => {}
        // ffprobe gives a still the length of one frame of 25 in a second; a still has no length.
        (None, Some(0.04)) if ours.kind == MediaKind::Image => {}
        (ours, theirs) => {
            return Some(format!(
                "duration, {:?} against {theirs:?}",
                ours.map(|us| us as f64 / 1e6)
            ));
        }
    }
    let n_chapters = theirs["chapters"].as_array().map_or(0, Vec::len);
    // The recorded list stops at 40.
    (ours.chapters.len().min(40) != n_chapters)
        .then(|| format!("chapters, {} against {n_chapters}", ours.chapters.len()))
}

fn compare_stream(ours: &Stream, theirs: &Value) -> Option<String> {
    let codec = theirs["codec_name"].as_str().unwrap_or("unknown");
    if ours.codec != codec {
        return Some(format!("codec, {} against {codec}", ours.codec));
    }
    if ours.kind == StreamKind::Video {
        // ffprobe turns counter-clockwise; a matrix that turns nothing gives it the lowest number there is.
        let turned = theirs["rotation"]
            .as_i64()
            .filter(|&degrees| degrees > -360)
            .unwrap_or(0);
        let is_photo = matches!(ours.codec.as_str(), "mjpeg" | "tiff" | "webp");
        if !is_photo && i64::from(ours.rotation) != (-turned).rem_euclid(360) {
            return Some(format!("rotation, {} against {turned}", ours.rotation));
        }
        let is_hdr = matches!(theirs["color_transfer"].as_str(), Some("smpte2084" | "arib-std-b67"));
        if is_hdr != ours.hdr.is_some() {
            return Some(format!("hdr, {:?} against {}", ours.hdr, theirs["color_transfer"]));
        }
        let size = |key: &str| {
            theirs[key]
                .as_u64()
                .filter(|&pixels| pixels > 0)
                .map(|pixels| pixels as u32)
        };
        let (ours, theirs) = ((ours.width, ours.height), (size("width"), size("height")));
        if ours != theirs {
            return Some(format!("size, {ours:?} against {theirs:?}"));
        }
    }
    let kind = theirs["codec_type"].as_str().unwrap_or("data");
    let known = [
        ("pixel format", ours.pixel_format.as_deref(), theirs["pix_fmt"].as_str()),
        (
            "channel layout",
            ours.channel_layout.as_deref(),
            theirs["channel_layout"].as_str(),
        ),
        (
            "color transfer",
            ours.color_transfer.as_deref(),
            theirs["color_transfer"].as_str(),
        ),
        (
            "language",
            ours.language.as_deref(),
            theirs["tags"]["language"]
                .as_str()
                .filter(|&language| language != "und"),
        ),
        ("kind", Some(kind_name(ours.kind)), Some(kind)),
        ("profile", ours.profile.as_deref(), theirs["profile"].as_str()),
    ];
    for (what, ours, theirs) in known {
        // ffprobe prints the number of a profile that has no name.
        if theirs.is_some_and(|theirs| theirs != "unknown" && theirs.parse::<i32>().is_err() && ours != Some(theirs)) {
            return Some(format!("{what}, {ours:?} against {theirs:?}"));
        }
    }
    let rate = theirs["sample_rate"]
        .as_str()
        .and_then(|rate| rate.parse::<u32>().ok())
        .filter(|&rate| rate > 0);
    let channels = theirs["channels"].as_u64().filter(|&n| n > 0).map(|n| n as u32);
    if ours.kind == StreamKind::Audio && (ours.sample_rate, ours.channels) != (rate, channels) {
        return Some(format!(
            "sound, {:?} {:?} against {rate:?} {channels:?}",
            ours.sample_rate, ours.channels
        ));
    }
    None
}

fn kind_name(kind: StreamKind) -> &'static str {
    match kind {
        StreamKind::Video => "video",
        StreamKind::Audio => "audio",
        StreamKind::Subtitle => "subtitle",
        StreamKind::Attachment => "attachment",
        StreamKind::Data => "data",
    }
}

/// Which files differ, how the difference starts, and why it is right.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "*.m3u8",
        "refused, MEDIA_UNSUPPORTED",
        "a playlist names other files and hosts; it is never opened",
    ),
    (
        "*.mpd",
        "refused, MEDIA_UNSUPPORTED",
        "a manifest names other files and hosts; it is never opened",
    ),
    (
        "*.svg",
        "refused, MEDIA_UNSUPPORTED",
        "a vector drawing is a program's input, not media",
    ),
    (
        "broken/mp4parse-rust--imir-before-clap.avif",
        "accepted, Image avif",
        "its first brand is that of HEIF in general, which ffprobe 5.1 takes for a film's; libheif reads it",
    ),
    (
        "broken/mp4parse-rust--transformation-before-ispe.avif",
        "accepted, Image avif",
        "its first brand is that of HEIF in general, which ffprobe 5.1 takes for a film's; libheif reads it",
    ),
    (
        "image/mp4parse-rust--imir-missing-essential.avif",
        "accepted, Image avif",
        "its first brand is that of HEIF in general, which ffprobe 5.1 takes for a film's; libheif reads it",
    ),
    (
        "*.heic",
        "accepted, Image heif",
        "ffprobe 5.1 finds no film in a picture of tiles; its size is checked below",
    ),
    (
        "*.heif",
        "accepted, Image heif",
        "ffprobe 5.1 finds no film in a picture of tiles; its size is checked below",
    ),
    (
        "audio/mutagen--64bit.mp4",
        "refused, MEDIA_NO_STREAM",
        "ffprobe succeeds with no streams; nothing can be done with it",
    ),
    (
        "video/media--sample_fragmented.mp4",
        "duration, Some(",
        "the header's duration is the placeholder for unknown, which ffprobe takes for 40 hours; ours is measured",
    ),
    (
        "video/mp4parse-rust--sine-3s-xhe-aac-44khz-mono.mp4",
        "accepted, Audio mp4",
        "ffprobe ends with an error as no decoder knows xHE-AAC; the container's facts are all there",
    ),
];

/// Pictures that FFmpeg does not put together.
const TILED: &[&str] = &[
    "exif-samples--samplefilehub.heif",
    "media--sample_MP.heic",
    "media--sample_still_photo.heic",
    "photoprism--iphone_15_pro.heic",
    "test-assets--IMG_2682.heic",
];

/// The upright size of a HEIF picture by its boxes alone: of all that it holds, tiles and thumbnails included, the whole is
/// the largest (`ispe`, ISO/IEC 23008-12, 6.5.3), and a quarter turn (`irot`, 6.5.10) swaps its sides.
fn size_by_boxes(file: &[u8]) -> (u32, u32) {
    let boxes = |name: &'static [u8]| {
        let places = file.windows(4).enumerate().filter(move |(_, window)| *window == name);
        places.map(|(at, _)| &file[at + 4..])
    };
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes[..4].try_into().unwrap());
    let sizes = boxes(b"ispe").map(|content| (number(&content[4..]), number(&content[8..])));
    let (width, height) = sizes.max_by_key(|(width, height)| width * height).unwrap();
    match boxes(b"irot").next().map(|content| content[0] & 3) {
        Some(1 | 3) => (height, width),
        _ => (width, height),
    }
}

#[tokio::test]
async fn pictures_of_tiles_have_their_size() {
    let Some(root) = shared() else {
        eprintln!("skipped: the folder of shared media is not here");
        return;
    };
    let engine = Engine::start(EngineConfig::default(), Arc::new(NoQuarantine))
        .await
        .unwrap();
    for &name in TILED {
        let path = root.join("image").join(name);
        let (width, height) = size_by_boxes(&std::fs::read(&path).unwrap());
        let probed = probe(&engine, &path).await.unwrap();
        assert_eq!(
            (probed.kind, probed.container.as_str()),
            (MediaKind::Image, "heif"),
            "{name}"
        );
        let picture = &probed.streams[0];
        assert_eq!((picture.width, picture.height), (Some(width), Some(height)), "{name}");
        assert_eq!(picture.codec, "hevc", "{name}");
    }
    engine.stop().await;
}
