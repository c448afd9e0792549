//! What is measured of sound, against tones whose answers are known and against the tools that others use.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, says what it skips, and runs other tools to compare with"
)]

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::survey::{ArtifactKind, Survey, Surveyed};
use media_proto::synthetic::{Synthetic, SyntheticAudio};
use tokio_util::sync::CancellationToken;

const RATE: u32 = 48_000;
const PER_SECOND: u32 = 20;

async fn engine() -> Arc<Engine> {
    match Engine::start(EngineConfig::default(), Arc::new(NoQuarantine)).await {
        Ok(engine) => engine,
        Err(error) => panic!("{error}; build the worker first: cargo build -p media-worker"),
    }
}

/// Everything of a file's sound, and its peaks as pairs.
async fn listen(engine: &Engine, file: File, extension: &str) -> (Surveyed, Vec<(i8, i8)>) {
    let survey = Survey {
        extension: Some(extension.to_owned()),
        peaks_per_second: Some(PER_SECOND),
        loudness: true,
        fingerprint: true,
        scenes: true,
        ..Survey::default()
    };
    let source = Source::new(file).unwrap();
    let answer = engine.survey(&source, &survey, &CancellationToken::new(), None).await;
    let (surveyed, artifacts) = answer.unwrap();
    let place = surveyed
        .artifacts
        .iter()
        .find(|artifact| artifact.kind == ArtifactKind::Peaks);
    let pairs = place.map_or_else(Vec::new, |place| {
        let (mut bytes, mut file) = (vec![0; place.len as usize], artifacts.unwrap());
        file.seek(SeekFrom::Start(place.offset)).unwrap();
        file.read_exact(&mut bytes).unwrap();
        bytes
            .chunks_exact(2)
            .map(|pair| (pair[0] as i8, pair[1] as i8))
            .collect()
    });
    (surveyed, pairs)
}

/// A WAV file of 16-bit samples, each channel as a function of the seconds.
fn wav(channels: usize, seconds: f64, sample: impl Fn(usize, f64) -> f64) -> File {
    let n = (seconds * f64::from(RATE)) as usize;
    let n_bytes = (n * channels * 2) as u32;
    let mut bytes = Vec::with_capacity(n_bytes as usize + 44);
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&(n_bytes + 36).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0");
    bytes.extend_from_slice(&(channels as u16).to_le_bytes());
    bytes.extend_from_slice(&RATE.to_le_bytes());
    bytes.extend_from_slice(&(RATE * channels as u32 * 2).to_le_bytes());
    bytes.extend_from_slice(&(channels as u16 * 2).to_le_bytes());
    bytes.extend_from_slice(b"\x10\0data");
    bytes.extend_from_slice(&n_bytes.to_le_bytes());
    for at in 0..n {
        for channel in 0..channels {
            let value = sample(channel, at as f64 / f64::from(RATE)).clamp(-1.0, 1.0);
            bytes.extend_from_slice(&((value * 32_767.0) as i16).to_le_bytes());
        }
    }
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn tone(frequency: f64, at: f64) -> f64 {
    (std::f64::consts::TAU * frequency * at).sin()
}

/// EBU Tech 3341, case 1: a stereo tone of 1 kHz at −23 dBFS is −23 LUFS; its true peak is its amplitude.
#[tokio::test]
async fn tones_measure_as_the_standard_says() {
    let engine = engine().await;
    for (level, expected) in [(-23.0, -23.0), (-33.0, -33.0)] {
        let amplitude = 10f64.powf(level / 20.0);
        let (surveyed, peaks) = listen(&engine, wav(2, 20.0, |_, at| amplitude * tone(1000.0, at)), "wav").await;
        let loudness = surveyed.loudness.unwrap();
        assert!((loudness.integrated_lufs - expected).abs() < 0.1, "{loudness:?}");
        assert!((loudness.true_peak_dbtp - level).abs() < 0.2, "{loudness:?}");
        assert!(loudness.range_lu < 0.1, "{loudness:?}");
        assert_eq!(peaks.len(), 20 * PER_SECOND as usize);
        let expected = (amplitude * 127.0).round() as i8;
        assert!(peaks.iter().all(|&pair| pair == (-expected, expected)), "{peaks:?}");
        assert_eq!((surveyed.failures, surveyed.silence_us), (vec![], vec![]));
    }
    // In one channel only, it is half the energy: 3 dB less.
    let (one_sided, _) = listen(
        &engine,
        wav(
            2,
            10.0,
            |channel, at| if channel == 0 { 0.0 } else { 0.1 * tone(1000.0, at) },
        ),
        "wav",
    )
    .await;
    let loudness = one_sided.loudness.unwrap().integrated_lufs;
    assert!((loudness - (-20.0 - 3.01)).abs() < 0.1, "{loudness}");
    engine.stop().await;
}

/// EBU Tech 3342, case 1: 20 s at −20 LUFS and 20 s at −30 have a range of 10 LU.
#[tokio::test]
async fn loudness_range_is_that_of_two_levels() {
    let engine = engine().await;
    let level = |at: f64| if at < 20.0 { 0.1 } else { 0.031_622_8 };
    let (surveyed, peaks) = listen(&engine, wav(2, 40.0, |_, at| level(at) * tone(1000.0, at)), "wav").await;
    let loudness = surveyed.loudness.unwrap();
    assert!((loudness.range_lu - 10.0).abs() <= 1.0, "{loudness:?}");
    assert_eq!((peaks[399], peaks[400]), ((-13, 13), (-4, 4)));
    engine.stop().await;
}

#[tokio::test]
async fn silence_has_no_loudness_and_is_found_where_it_is() {
    let engine = engine().await;
    let is_silent = |at: f64| (2.0..5.0).contains(&at) || at >= 8.5;
    let sound = wav(1, 10.0, |_, at| if is_silent(at) { 0.0 } else { 0.5 * tone(440.0, at) });
    let (surveyed, peaks) = listen(&engine, sound, "wav").await;
    assert_eq!(surveyed.silence_us, [(2_000_000, 5_000_000), (8_500_000, 10_000_000)]);
    assert_eq!(
        (peaks[39], peaks[40], peaks[99], peaks[100]),
        ((-63, 63), (0, 0), (0, 0), (-63, 63))
    );
    let (silent, _) = listen(&engine, wav(2, 4.0, |_, _| 0.0), "wav").await;
    assert_eq!((silent.loudness, silent.failures), (None, vec![]));
    assert_eq!(silent.silence_us, [(0, 4_000_000)]);
    engine.stop().await;
}

/// A sound that begins a second after the picture is not drawn a second too early: the same through each container.
#[tokio::test]
async fn peaks_are_the_same_through_every_codec() {
    let engine = engine().await;
    for (container, codec) in [
        ("flac", "flac"),
        ("wav", "pcm_s16le"),
        ("mp3", "mp3"),
        ("ogg", "vorbis"),
        ("ogg", "opus"),
        ("m4a", "aac"),
        ("matroska", "ac3"),
    ] {
        let mut spec = Synthetic::sound(container, 440.0);
        spec.audio.as_mut().unwrap().codec = codec.to_owned();
        spec.duration_us = 5_000_000;
        let (surveyed, peaks) = listen(&engine, engine.synthesize(spec).await.unwrap(), container).await;
        assert_eq!(surveyed.peaks, Some((peaks.len() as u32, PER_SECOND)), "{codec}");
        assert!((99..=104).contains(&peaks.len()), "{codec}: {} windows", peaks.len());
        // The tone swells twice a second between 0.08 and 0.4.
        for (index, &(low, high)) in peaks[2..98].iter().enumerate() {
            let middle = (index as f64 + 2.5) / f64::from(PER_SECOND);
            let expected = 0.4 * (0.6 + 0.4 * (std::f64::consts::TAU * 2.0 * middle).sin()) * 127.0;
            for level in [f64::from(high), -f64::from(low)] {
                assert!(
                    (level - expected).abs() < 9.0,
                    "{codec}, window {}: {low} {high} {expected}",
                    index + 2
                );
            }
        }
        assert!(surveyed.fingerprint.len() > 10, "{codec}: {:?}", surveyed.fingerprint);
    }
    engine.stop().await;
}

fn has_tool(name: &str) -> bool {
    let found = Command::new(name).arg("-version").output().is_ok();
    if !found {
        eprintln!("skipped: `{name}` is not installed");
    }
    found
}

/// Real sound, or nothing with a message where the shared files are not there.
fn real_files() -> Vec<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media");
    let mut files = Vec::new();
    for folder in ["audio", "video"] {
        let Ok(entries) = std::fs::read_dir(shared.join(folder)) else {
            eprintln!("skipped: {} has no {folder}", shared.display());
            continue;
        };
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    files.sort();
    // All take minutes.
    let step = if std::env::var_os("VITAGRAPH_TEST_ALL").is_some() {
        1
    } else {
        4
    };
    files.into_iter().step_by(step).collect()
}

async fn surround(engine: &Engine) -> File {
    let audio = SyntheticAudio {
        codec: "ac3".to_owned(),
        channels: 6,
        sample_rate: RATE,
        frequency: 110.0,
    };
    let spec = Synthetic {
        container: "matroska".to_owned(),
        duration_us: 6_000_000,
        audio: Some(audio),
        ..Synthetic::clip(1)
    };
    engine.synthesize(spec).await.unwrap()
}

/// Integrated loudness and true peak as FFmpeg's filter says.
fn by_ffmpeg(file: &Path) -> Option<[f64; 2]> {
    let output = Command::new("ffmpeg")
        .args(["-nostats", "-hide_banner", "-i"])
        .arg(file)
        .args([
            "-map",
            "0:a:0",
            "-af",
            "ebur128=peak=true:framelog=verbose",
            "-f",
            "null",
            "-",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let summary = &text[text.rfind("Summary:")?..];
    let value = |label: &str| -> Option<f64> {
        let rest = &summary[summary.find(label)? + label.len()..];
        rest.split_whitespace().next()?.parse().ok()
    };
    Some([value("I:")?, value("Peak:")?])
}

#[tokio::test]
async fn loudness_is_what_ffmpeg_measures() {
    if !has_tool("ffmpeg") {
        return;
    }
    let engine = engine().await;
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("surround.mkv");
    std::io::copy(&mut surround(&engine).await, &mut File::create(&made).unwrap()).unwrap();
    let mut files = vec![made];
    files.extend(real_files());
    let (mut n, mut off) = (0, Vec::new());
    for file in files {
        let Some([integrated, peak]) = by_ffmpeg(&file).filter(|values| values.iter().all(|v| v.is_finite())) else {
            continue;
        };
        let extension = file.extension().unwrap_or_default().to_string_lossy().into_owned();
        let (surveyed, _) = listen(&engine, File::open(&file).unwrap(), &extension).await;
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let Some(loudness) = surveyed.loudness else {
            // The filter calls −70 what is below its gate, and goes on however little of a file decodes.
            if integrated > -70.0 && surveyed.failures.is_empty() {
                off.push(format!("{name}: none, FFmpeg {integrated}"));
            }
            continue;
        };
        n += 1;
        // The range is not compared: the filter counts blocks before its three seconds are full, which on short files is
        // much of it. A peak at a sudden start depends on the filter that finds it.
        let (level, peak) = (loudness.integrated_lufs - integrated, loudness.true_peak_dbtp - peak);
        if level.abs() > 0.11 || !(-0.6..1.2).contains(&peak) {
            off.push(format!("{name}: {loudness:?}, FFmpeg {integrated}, peak off by {peak}"));
        }
    }
    eprintln!("{n} files compared");
    assert!(off.is_empty(), "{} of {n} differ:\n{}", off.len(), off.join("\n"));
    engine.stop().await;
}

fn by_fpcalc(file: &Path) -> Option<Vec<u32>> {
    let output = Command::new("fpcalc")
        .args(["-raw", "-algorithm", "2", "-length", "120"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = text.lines().find_map(|line| line.strip_prefix("FINGERPRINT="))?;
    words.split(',').map(|word| word.parse().ok()).collect()
}

#[tokio::test]
async fn fingerprints_are_those_of_fpcalc() {
    if !has_tool("fpcalc") {
        return;
    }
    let engine = engine().await;
    let (mut n_words, mut n_equal, mut n_bits, mut n_files) = (0usize, 0usize, 0u32, 0);
    let (mut odd, mut uneven) = (Vec::new(), Vec::new());
    for file in real_files() {
        let Some(expected) = by_fpcalc(&file) else { continue };
        let extension = file.extension().unwrap_or_default().to_string_lossy().into_owned();
        let (surveyed, _) = listen(&engine, File::open(&file).unwrap(), &extension).await;
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let found = surveyed.fingerprint;
        if found.len() != expected.len() {
            // Where a packet is damaged, one of both may go on and the other not.
            uneven.push(format!("{name}: {} words, fpcalc has {}", found.len(), expected.len()));
            continue;
        }
        n_files += 1;
        let bits: u32 = found.iter().zip(&expected).map(|(a, b)| (a ^ b).count_ones()).sum();
        if bits as usize > expected.len() {
            odd.push(format!("{name}: {bits} bits in {} words", expected.len()));
        }
        n_words += expected.len();
        n_equal += found.iter().zip(&expected).filter(|(a, b)| a == b).count();
        n_bits += bits;
    }
    eprintln!("{n_files} files, {n_words} words, {n_equal} equal, {n_bits} bits differ");
    assert!(odd.is_empty(), "{}", odd.join("\n"));
    assert!(uneven.len() <= 1 + n_files / 50, "{}", uneven.join("\n"));
    // The rest is rounding: their Fourier transform counts in floats of another order.
    assert!(n_equal * 100 >= n_words * 98, "{n_equal} of {n_words} words are equal");
    engine.stop().await;
}
