//! `vitagraph demo`: a small library of synthetic media, made by our own workers: many codecs, and one broken file.

use std::{
    fs::{self, OpenOptions},
    io::{Read, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use media_engine::{
    engine::{Engine, EngineConfig},
    quarantine::NoQuarantine,
};
use media_proto::synthetic::{Synthetic, SyntheticAudio, SyntheticChapter, SyntheticVideo};

use super::print_line;
use crate::settings::Settings;

/// One file of the library.
struct Planned {
    path: &'static str,
    spec: Synthetic,
    /// Of a broken file, only this part is written: a hundredth.
    percent: u8,
}

/// Makes what is missing of the demo library in this folder. What this FFmpeg cannot encode is left out.
pub async fn demo(settings: &Settings, folder: &Path) -> anyhow::Result<ExitCode> {
    let config = EngineConfig {
        worker_binary: settings.worker_binary.clone(),
        ..EngineConfig::default()
    };
    let engine = Engine::start(config, Arc::new(NoQuarantine))
        .await
        .context("starting the media workers")?;
    let (mut n_made, plan) = (0_usize, plan());
    // Drawn on a terminal only.
    let bar = ProgressBar::new(plan.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("[{bar:30}] {pos}/{len} {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    for planned in plan {
        bar.set_message(planned.path);
        bar.inc(1);
        let path = folder.join(planned.path);
        if path.exists() {
            continue;
        }
        let made = match engine.synthesize(planned.spec).await {
            Ok(made) => made,
            Err(error) => {
                bar.suspend(|| print_line(&format!("left out {}: {error}", planned.path)))?;
                continue;
            }
        };
        write(made, &path, planned.percent).with_context(|| format!("writing {}", path.display()))?;
        n_made += 1;
    }
    for (name, text) in TEXTS {
        let path = folder.join(name);
        if !path.exists() {
            write(text.as_bytes(), &path, 100).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    engine.stop().await;
    bar.finish_and_clear();
    print_line(&format!("made {n_made} media files"))?;
    Ok(ExitCode::SUCCESS)
}

/// How old the files seem.
const AGE: Duration = Duration::from_secs(60);

/// Writes a whole file under its name or none.
fn write(mut made: impl Read, path: &Path, percent: u8) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    made.read_to_end(&mut bytes)?;
    bytes.truncate(bytes.len() * usize::from(percent) / 100);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let part = path.with_extension("part");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&part)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    // As if it had rested for a while: a scan waits for files that are still being written.
    file.set_modified(SystemTime::now() - AGE)?;
    fs::rename(&part, path)?;
    Ok(())
}

const TEXTS: &[(&str, &str)] = &[
    (
        "Films/Harbor Lights (2019).nfo",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<movie>\n  <title>Harbor Lights</title>\n  <year>2019</year>\n  \
         <plot>Moving shapes over an evening harbor, with a steady tone.</plot>\n  <studio>Test Pattern Pictures</studio>\n  \
         <genre>Abstract</genre>\n  <actor><name>Ada Signal</name><role>The lamp</role></actor>\n</movie>\n",
    ),
    (
        "Films/Harbor Lights (2019).en.srt",
        "1\n00:00:00,500 --> 00:00:02,500\nThe lights come on.\n\n2\n00:00:03,000 --> 00:00:05,000\nThe tide goes out.\n",
    ),
];

fn plan() -> Vec<Planned> {
    let whole = |path, spec| Planned {
        path,
        spec,
        percent: 100,
    };
    vec![
        whole(
            "Films/Harbor Lights (2019).mp4",
            Synthetic {
                subtitles: Some("eng".to_owned()),
                ..video("mp4", "h264", "aac", (1280, 720), 12, 1)
            },
        ),
        whole(
            "Films/Night Train.mkv",
            Synthetic {
                subtitles: Some("deu".to_owned()),
                chapters: chapters(&["Departure", "Tunnel", "Arrival"], 4),
                tags: tags(&[("title", "Night Train"), ("date", "2021-03-05")]),
                ..video("matroska", "hevc", "ac3", (1280, 720), 12, 2)
            },
        ),
        whole("Films/Slow River.webm", video("webm", "vp9", "opus", (854, 480), 8, 3)),
        whole(
            "Films/Glass Garden.mkv",
            video("matroska", "av1", "opus", (640, 360), 4, 4),
        ),
        whole("Clips/Old Camera.avi", video("avi", "mpeg4", "mp3", (640, 480), 6, 5)),
        whole(
            "Clips/Broadcast.ts",
            video("mpegts", "mpeg2video", "ac3", (720, 576), 6, 6),
        ),
        whole(
            "Clips/Phone.mov",
            Synthetic {
                rotation: 90,
                ..video("mov", "h264", "aac", (960, 540), 5, 7)
            },
        ),
        whole(
            "Clips/Stream.mp4",
            Synthetic {
                fragmented: true,
                ..video("mp4", "h264", "aac", (640, 360), 6, 8)
            },
        ),
        whole(
            "Clips/Silent.webm",
            Synthetic {
                audio: None,
                ..video("webm", "vp8", "opus", (480, 270), 5, 9)
            },
        ),
        Planned {
            path: "Clips/Interrupted Copy.mp4",
            spec: video("mp4", "h264", "aac", (640, 360), 6, 10),
            percent: 50,
        },
        whole(
            "Music/First Tone.flac",
            sound("flac", "flac", 261.6, 10, "First Tone", "1/3"),
        ),
        whole(
            "Music/Second Tone.mp3",
            sound("mp3", "mp3", 329.6, 10, "Second Tone", "2/3"),
        ),
        whole(
            "Music/Third Tone.ogg",
            sound("ogg", "vorbis", 392.0, 10, "Third Tone", "3/3"),
        ),
        whole(
            "Books/A Short Talk.m4a",
            Synthetic {
                chapters: chapters(&["Opening", "Middle", "End"], 5),
                tags: tags(&[
                    ("title", "A Short Talk"),
                    ("artist", "Ben Carrier"),
                    ("genre", "Spoken"),
                ]),
                ..sound("m4a", "aac", 220.0, 15, "A Short Talk", "1/1")
            },
        ),
        whole("Photos/Shapes.jpg", still("jpeg", (1600, 1200), 11)),
        whole("Photos/Lines.png", still("png", (1024, 768), 12)),
        whole("Photos/Dots.webp", still("webp", (1200, 800), 13)),
        whole(
            "Photos/Waves.gif",
            Synthetic {
                duration_us: 2_000_000,
                ..still("gif", (320, 240), 14)
            },
        ),
    ]
}

fn video(container: &str, codec: &str, audio: &str, (width, height): (u32, u32), seconds: i64, seed: u64) -> Synthetic {
    Synthetic {
        container: container.to_owned(),
        video: Some(SyntheticVideo {
            codec: codec.to_owned(),
            width,
            height,
            frame_rate: (25, 1),
            seed,
        }),
        audio: Some(SyntheticAudio {
            codec: audio.to_owned(),
            channels: 2,
            sample_rate: 48_000,
            frequency: 220.0 + seed as f32 * 20.0,
        }),
        duration_us: seconds * 1_000_000,
        ..Synthetic::clip(seed)
    }
}

fn sound(container: &str, codec: &str, frequency: f32, seconds: i64, title: &str, track: &str) -> Synthetic {
    let mut spec = Synthetic::sound(container, frequency);
    if let Some(audio) = &mut spec.audio {
        audio.codec = codec.to_owned();
    }
    spec.duration_us = seconds * 1_000_000;
    spec.tags = tags(&[
        ("title", title),
        ("artist", "The Oscillators"),
        ("album", "Steady State"),
        ("genre", "Electronic"),
        ("track", track),
        ("date", "2020"),
    ]);
    spec
}

fn still(container: &str, (width, height): (u32, u32), seed: u64) -> Synthetic {
    let mut spec = Synthetic::still(container, seed);
    if let Some(video) = &mut spec.video {
        (video.width, video.height) = (width, height);
    }
    spec
}

fn tags(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn chapters(titles: &[&str], seconds: i64) -> Vec<SyntheticChapter> {
    let length = seconds * 1_000_000;
    let chapter = |(n, title): (usize, &&str)| SyntheticChapter {
        title: (*title).to_owned(),
        start_us: n as i64 * length,
        end_us: (n as i64 + 1) * length,
    };
    titles.iter().enumerate().map(chapter).collect()
}
