//! A library in one string: each line is a path and what the file holds; the engine makes the media.
//!
//! ```text
//! movies/a.mkv    h264 1920x1080 12s aac:2ch srt:eng title:Night_Train chapters:3
//! photos/b.jpg    400x300
//! broken/c.mp4    h264 aac truncated:50%
//! copy/d.mkv      same:movies/a.mkv
//! movies/a.nfo    text:<movie><title>Night Train</title></movie>
//! bad.mp4         fault:crash
//! ```

use std::{
    collections::HashMap,
    fs,
    io::Read,
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::{Context, bail};
use media_engine::engine::Engine;
use media_proto::{
    fault::Fault,
    synthetic::{Synthetic, SyntheticAudio, SyntheticChapter, SyntheticVideo},
};
use tokio::sync::Mutex;

/// Fixture files seem to be this old, so that no scan waits for them to rest.
const AGE: Duration = Duration::from_secs(3600);

/// Writes the files of a fixture below `root`.
pub async fn write(root: &Path, fixture: &str, engine: &Engine) -> anyhow::Result<()> {
    for line in fixture
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (path, words) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let bytes = content(root, path, words.trim(), engine)
            .await
            .with_context(|| format!("fixture line `{line}`"))?;
        write_file(&root.join(path), &bytes)?;
    }
    Ok(())
}

/// Writes one file that seems to have rested for long.
pub fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))?;
    fs::File::options()
        .write(true)
        .open(path)?
        .set_modified(SystemTime::now() - AGE)?;
    Ok(())
}

/// Writes many films of which no two are the same bytes, from one that is there, to a folder below `root`.
pub fn variations(root: &Path, film: &str, folder: &str, n: usize) -> anyhow::Result<()> {
    let base = fs::read(root.join(film))?;
    for index in 0..n {
        // Containers do not mind what follows them.
        let tail = [b"\0\0\0\x10free", &(index as u64).to_le_bytes()[..], folder.as_bytes()].concat();
        write_file(
            &root.join(folder).join(format!("f{index:04}.mp4")),
            &[&base[..], &tail].concat(),
        )?;
    }
    Ok(())
}

async fn content(root: &Path, path: &str, words: &str, engine: &Engine) -> anyhow::Result<Vec<u8>> {
    if let Some(text) = words.strip_prefix("text:") {
        return Ok(text.replace("\\n", "\n").into_bytes());
    }
    if let Some(other) = words.strip_prefix("same:") {
        return Ok(fs::read(root.join(other))?);
    }
    if let Some(name) = words.strip_prefix("fault:") {
        let fault = Fault::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .with_context(|| format!("no fault `{name}`"))?;
        // The file's own path follows, so that two faulty files are not the same bytes.
        return Ok([fault.1.file(), path.as_bytes().to_vec()].concat());
    }
    let (spec, cut) = parse(path, words)?;
    let mut bytes = synthesize(&spec, engine).await?;
    if let Some(percent) = cut {
        bytes.truncate(bytes.len() * percent / 100);
    }
    Ok(bytes)
}

/// The bytes of one synthetic file; the same description is made once in a process.
pub async fn synthesize(spec: &Synthetic, engine: &Engine) -> anyhow::Result<Vec<u8>> {
    static MADE: Mutex<Option<HashMap<String, Vec<u8>>>> = Mutex::const_new(None);
    let key = serde_json::to_string(spec)?;
    let mut made = MADE.lock().await;
    let made = made.get_or_insert_default();
    if let Some(bytes) = made.get(&key) {
        return Ok(bytes.clone());
    }
    let mut bytes = Vec::new();
    engine.synthesize(spec.clone()).await?.read_to_end(&mut bytes)?;
    made.insert(key, bytes.clone());
    Ok(bytes)
}

fn parse(path: &str, words: &str) -> anyhow::Result<(Synthetic, Option<usize>)> {
    let extension = path
        .rsplit_once('.')
        .map_or("", |(_, extension)| extension)
        .to_ascii_lowercase();
    // Different paths hold different pictures and tones unless a `seed:` says otherwise.
    let seed = path
        .bytes()
        .fold(7u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()))
        % 1000;
    let mut cut = None;
    let mut spec = match extension.as_str() {
        "jpg" | "jpeg" => Synthetic::still("jpeg", seed),
        "png" | "webp" | "gif" => Synthetic::still(&extension, seed),
        "mp3" | "flac" | "ogg" | "opus" | "wav" | "m4a" | "aac" => Synthetic {
            duration_us: 1_000_000,
            ..Synthetic::sound(&extension, 200.0 + seed as f32)
        },
        "mkv" => Synthetic {
            container: "matroska".into(),
            audio: None,
            ..Synthetic::clip(seed)
        },
        "ts" => Synthetic {
            container: "mpegts".into(),
            audio: None,
            ..Synthetic::clip(seed)
        },
        _ => Synthetic {
            container: extension.clone(),
            audio: None,
            ..Synthetic::clip(seed)
        },
    };
    for word in words.split_whitespace() {
        let (key, value) = word.split_once(':').unwrap_or((word, ""));
        match key {
            "h264" | "hevc" | "vp8" | "vp9" | "av1" | "mpeg4" | "mpeg2video" | "mjpeg" => {
                video(&mut spec).codec = key.into()
            }
            "aac" | "opus" | "flac" | "mp3" | "vorbis" | "ac3" | "pcm_s16le" => {
                let channels = value.trim_end_matches("ch").parse().unwrap_or(2);
                spec.audio = Some(SyntheticAudio {
                    codec: key.into(),
                    channels,
                    sample_rate: 48_000,
                    frequency: 220.0 + seed as f32,
                });
            }
            "srt" => spec.subtitles = Some(value.into()),
            "pgs" => spec.image_subtitles = Some(value.into()),
            "seed" => video(&mut spec).seed = value.parse()?,
            "fps" => video(&mut spec).frame_rate = (value.parse()?, 1),
            "rotate" => spec.rotation = value.parse()?,
            "truncated" => cut = Some(value.trim_end_matches('%').parse()?),
            "title" | "artist" | "album" | "date" | "genre" => spec.tags.push((key.into(), value.replace('_', " "))),
            "chapters" => {
                let count: i64 = value.parse()?;
                let length = spec.duration_us / count.max(1);
                spec.chapters = (0..count)
                    .map(|index| SyntheticChapter {
                        title: format!("Chapter {}", index + 1),
                        start_us: index * length,
                        end_us: (index + 1) * length,
                    })
                    .collect();
            }
            _ if word.ends_with("ms") => spec.duration_us = word.trim_end_matches("ms").parse::<i64>()? * 1000,
            _ if word.ends_with('s') => spec.duration_us = word.trim_end_matches('s').parse::<i64>()? * 1_000_000,
            _ => {
                let Some((width, height)) = word.split_once('x') else {
                    bail!("unknown word `{word}`")
                };
                let picture = video(&mut spec);
                (picture.width, picture.height) = (width.parse()?, height.parse()?);
            }
        }
    }
    Ok((spec, cut))
}

fn video(spec: &mut Synthetic) -> &mut SyntheticVideo {
    spec.video.get_or_insert_with(|| SyntheticVideo {
        codec: "h264".into(),
        width: 160,
        height: 120,
        frame_rate: (25, 1),
        seed: 0,
    })
}
