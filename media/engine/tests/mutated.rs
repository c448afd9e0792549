//! Real media with errors planted by a fixed seed: whatever a worker makes of a file, the engine has an answer for each.
//!
//! `VITAGRAPH_FUZZ=5000` tries more files, `VITAGRAPH_FUZZ_SEED=2` others. A file that kills a worker is kept below
//! `target/tmp`, to become a test of its own.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it did"
)]

use std::collections::BTreeMap;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use media_engine::engine::{Engine, EngineConfig};
use media_engine::head::HeadJob;
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::copy::{self, CopyHead};
use media_proto::error::MediaError;
use media_proto::job::{Limits, ProbeHints};
use media_proto::keyframes::{KeyframeMode, Keyframes};
use media_proto::subtitle::Subtitles;
use media_proto::survey::{PictureFormat, Poster, Preview, SpriteSheet, Survey};
use media_proto::synthetic::Synthetic;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Files at the engine at a time.
const AT_ONCE: usize = 4;
/// No file of a second may take longer, on a slow machine that does other things.
const TOO_LONG: Duration = Duration::from_secs(20);

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ value >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Damages bytes in one to six ways; headers more often than the rest.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(6) {
        let len = bytes.len();
        if len < 64 {
            return;
        }
        let reach = if random.below(2) == 0 { len.min(2048) } else { len };
        let at = random.below(reach - 8);
        let span = (1 + random.below(512)).min(len - at);
        match random.below(8) {
            0 | 1 => {
                for _ in 0..1 + random.below(32) {
                    let bit = random.below(8);
                    bytes[random.below(reach)] ^= 1 << bit;
                }
            }
            // What many formats read as a length or a count, both ways round.
            2 => {
                let lengths = [
                    0,
                    1,
                    7,
                    0x7fff_ffff,
                    0x8000_0000,
                    u32::MAX,
                    u32::MAX - 7,
                    random.next() as u32,
                    len as u32,
                ];
                let value = lengths[random.below(lengths.len())];
                let value = if random.below(2) == 0 {
                    value.to_be_bytes()
                } else {
                    value.to_le_bytes()
                };
                bytes[at..at + 4].copy_from_slice(&value);
            }
            3 => bytes.truncate(64.max(random.below(len))),
            4 => {
                let other = random.below(len - span + 1);
                for offset in 0..span {
                    bytes.swap(at + offset, (other + offset) % len);
                }
            }
            5 => bytes[at..at + span].fill(random.next() as u8),
            6 => {
                let copy = bytes[at..at + span].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => {
                bytes.drain(at..at + span);
            }
        }
    }
}

/// Twelve formats and more, as small as they come.
async fn originals(engine: &Engine) -> Vec<(String, Vec<u8>)> {
    let clip = |container: &str, video: &str, audio: &str, fragmented: bool| {
        let mut spec = Synthetic::clip(5);
        spec.container = container.to_owned();
        spec.fragmented = fragmented;
        spec.video.as_mut().unwrap().codec = video.to_owned();
        spec.audio.as_mut().unwrap().codec = audio.to_owned();
        let holds_text = matches!(container, "mp4" | "matroska" | "webm");
        spec.subtitles = holds_text.then(|| "eng".to_owned());
        spec
    };
    let mut specs = vec![
        clip("mp4", "h264", "aac", false),
        clip("mp4", "h264", "aac", true),
        clip("mp4", "hevc", "ac3", false),
        clip("mov", "mjpeg", "pcm_s16le", false),
        clip("matroska", "h264", "flac", false),
        clip("matroska", "mpeg4", "mp3", false),
        clip("webm", "vp9", "opus", false),
        clip("webm", "av1", "vorbis", false),
        clip("mpegts", "h264", "aac", false),
        clip("mpegts", "mpeg2video", "mp3", false),
        clip("avi", "mpeg4", "mp3", false),
    ];
    specs.extend(
        ["flac", "mp3", "ogg", "opus", "wav", "m4a", "aac"].map(|container| Synthetic::sound(container, 330.0)),
    );
    specs.extend(["jpeg", "png", "webp", "gif"].map(|container| Synthetic::still(container, 6)));
    let mut originals = Vec::new();
    for spec in specs {
        let extension = match spec.container.as_str() {
            "matroska" => "mkv",
            "mpegts" => "ts",
            other => other,
        };
        let mut bytes = Vec::new();
        let extension = extension.to_owned();
        engine.synthesize(spec).await.unwrap().read_to_end(&mut bytes).unwrap();
        originals.push((extension, bytes));
    }
    originals
}

fn survey(extension: &str, with_preview: bool) -> Survey {
    let preview = Preview {
        pieces: 2,
        piece_us: 200_000,
        width: 80,
        formats: vec![PictureFormat::Mp4],
    };
    let sheet = SpriteSheet {
        count: 6,
        columns: 3,
        tile_width: 60,
        format: PictureFormat::Jpeg,
    };
    Survey {
        extension: Some(extension.to_owned()),
        poster: Some(Poster {
            at_us: None,
            widths: vec![160, 80],
            formats: vec![PictureFormat::Jpeg, PictureFormat::Webp],
        }),
        sprite: Some(sheet),
        preview: with_preview.then_some(preview),
        peaks_per_second: Some(20),
        loudness: true,
        phash: true,
        fingerprint: true,
        scenes: true,
        ..Survey::default()
    }
}

/// All jobs on one file; the codes of what was said, and how long it took.
async fn look(engine: &Engine, file: Source, extension: &str, with_preview: bool) -> (Vec<&'static str>, Duration) {
    let cancel = CancellationToken::new();
    let begun = Instant::now();
    let hints = ProbeHints {
        extension: Some(extension.to_owned()),
    };
    let code = |outcome: Result<(), MediaError>| outcome.map_or_else(|error| error.code(), |()| "OK");
    let mut codes = vec![code(engine.probe(&file, hints, &cancel).await.map(drop))];
    let wanted = survey(extension, with_preview);
    codes.push(code(engine.survey(&file, &wanted, &cancel, None).await.map(drop)));
    for mode in [KeyframeMode::Index, KeyframeMode::Scan] {
        let table = engine
            .keyframes(&file, Some(extension.to_owned()), None, mode, &cancel)
            .await;
        codes.push(code(table.as_ref().map(drop).map_err(Clone::clone)));
        if let (KeyframeMode::Scan, Ok(Some(table))) = (mode, table) {
            codes.push(code(copied(engine, &file, extension, &table).await));
        }
    }
    let wanted = Subtitles {
        extension: Some(extension.to_owned()),
        ..Subtitles::default()
    };
    codes.push(code(engine.subtitles(&file, &wanted, &cancel, None).await.map(drop)));
    (codes, begun.elapsed())
}

/// Copies the pictures of a file from their second segment on, and from their first if there is no other.
async fn copied(engine: &Engine, file: &Source, extension: &str, table: &Keyframes) -> Result<(), MediaError> {
    let Some(cuts) = copy::cuts(table, 300) else {
        return Ok(());
    };
    let head = HeadJob::Copy(CopyHead {
        extension: Some(extension.to_owned()),
        stream: table.stream,
        time_base: table.time_base,
        ticks_per_second: copy::video_ticks(table.time_base),
        start: table.start_pts,
        cut_base: table.time_base,
        first: u32::from(cuts.len() > 1),
        cuts,
        first_cut: 0,
        is_whole: true,
        until: u32::MAX,
    });
    let (send, mut made) = mpsc::channel(1);
    let (_until, allowed) = watch::channel(u32::MAX);
    let cancel = CancellationToken::new();
    let running = engine.head(file, &head, send, allowed, &cancel);
    let (ended, ()) = tokio::join!(running, async { while made.recv().await.is_some() {} });
    match ended {
        // What is damaged may look otherwise to who reads less of it.
        Err(MediaError::Invalid { .. }) => Ok(()),
        ended => ended,
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{variable} is no number"))
    })
}

#[tokio::test]
async fn five_hundred_damaged_files_end_in_an_answer_each() {
    let (n_files, seed) = (number("VITAGRAPH_FUZZ", 500) as usize, number("VITAGRAPH_FUZZ_SEED", 1));
    let config = EngineConfig {
        limits: Limits {
            deadline_ms: 10_000,
            ..Limits::default()
        },
        ..EngineConfig::default()
    };
    let engine = match Engine::start(config, Arc::new(NoQuarantine)).await {
        Ok(engine) => engine,
        Err(error) => panic!("{error}; build the worker first: cargo build -p media-worker"),
    };
    let originals = originals(&engine).await;
    let (mut said, mut bad) = (BTreeMap::<&str, usize>::new(), Vec::new());
    let mut slowest = (Duration::ZERO, 0);
    let mut running = JoinSet::new();
    let mut next = 0;
    loop {
        while next < n_files && running.len() < AT_ONCE {
            let index = next;
            next += 1;
            let (extension, original) = &originals[index % originals.len()];
            let (extension, mut bytes) = (extension.clone(), original.clone());
            mutate(&mut bytes, &mut Random(seed.wrapping_mul(1 << 32) + index as u64));
            let engine = Arc::clone(&engine);
            running.spawn(async move {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(&bytes).unwrap();
                file.rewind().unwrap();
                let (codes, took) = look(&engine, Source::new(file).unwrap(), &extension, index % 5 == 0).await;
                (index, extension, bytes, codes, took)
            });
        }
        let Some(done) = running.join_next().await else { break };
        let (index, extension, bytes, codes, took) = done.unwrap();
        slowest = slowest.max((took, index));
        for code in &codes {
            *said.entry(*code).or_default() += 1;
        }
        // A death is a stated result and no disgrace of ours, but worth a look; a hang is neither.
        let is_death = |code: &&str| {
            matches!(
                *code,
                "MEDIA_CRASHED" | "MEDIA_DEADLINE" | "MEDIA_PROTOCOL" | "MEDIA_UNAVAILABLE"
            )
        };
        if codes.iter().any(is_death) {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("death-{seed}-{index}.{extension}"));
            std::fs::write(&kept, &bytes).unwrap();
            eprintln!("file {index}: {codes:?}, kept as {}", kept.display());
        }
        let is_wrong = |code: &&str| {
            let known = [
                "OK",
                "MEDIA_UNSUPPORTED",
                "MEDIA_CORRUPT",
                "MEDIA_NO_STREAM",
                "MEDIA_TOO_LARGE",
                "MEDIA_REFUSED",
                "MEDIA_MEMORY",
                "MEDIA_CRASHED",
                "MEDIA_QUARANTINED",
            ];
            !known.contains(code)
        };
        if codes.iter().any(is_wrong) || took > TOO_LONG {
            bad.push(format!("file {index} (.{extension}): {codes:?} in {took:?}"));
        }
    }
    let stats = engine.stats();
    eprintln!(
        "{n_files} files: {said:?}; slowest {:?} (file {}); {} deaths, {} hangs",
        slowest.0, slowest.1, stats.n_crashed, stats.n_hung
    );
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert_eq!(stats.n_hung, 0);
    // Both worlds were seen: files that still work, and files that do not.
    assert!(said["OK"] > n_files && said.len() >= 4, "{said:?}");
    // And the engine is as good as before.
    let mut clip = engine.synthesize(Synthetic::clip(9)).await.unwrap();
    clip.rewind().unwrap();
    let (codes, _) = look(&engine, Source::new(clip).unwrap(), "mp4", true).await;
    assert_eq!(codes, ["OK"; 6]);
    engine.stop().await;
}
