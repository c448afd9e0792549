//! Draws posters of all files of folders and tiles them into contact sheets, for people to look at:
//! `cargo run -p media-engine --example contact_sheets -- OUT [FOLDER ..]`, by default of `../shared/media`.
//!
//! Each poster is also kept beside the sheets; a line for each file says its number, where the poster came from, and what
//! failed. The tiles are put together by the `ffmpeg` command line.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "its output is its purpose, and it starts ffmpeg"
)]

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::survey::{ArtifactKind, PictureFormat, Poster, Preview, SpriteSheet, Stills, Survey};
use tokio_util::sync::CancellationToken;

/// Posters on a sheet, across and down.
const SHEET: (usize, usize) = (8, 7);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let out = arguments.next().ok_or("where shall the sheets go?")?;
    std::fs::create_dir_all(&out)?;
    let mut folders: Vec<PathBuf> = arguments.collect();
    if folders.is_empty() {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media");
        folders = ["video", "image", "audio", "broken", "odd-names", "smallest"]
            .map(|name| shared.join(name))
            .to_vec();
    }
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in &folders {
        if folder.is_file() {
            files.push(folder.clone());
            continue;
        }
        for entry in std::fs::read_dir(folder)? {
            files.push(entry?.path());
        }
    }
    files.sort();
    let engine = Engine::start(EngineConfig::default(), Arc::new(NoQuarantine)).await?;
    let mut posters = Vec::new();
    for (number, file) in files.iter().enumerate().filter(|(_, file)| file.is_file()) {
        let begun = Instant::now();
        let line = match survey(&engine, file, number, &out).await {
            Ok(line) => line,
            Err(error) => format!("none: {error}"),
        };
        let poster = out.join(format!("{number:03}.jpg"));
        if poster.exists() {
            posters.push((number, poster));
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        println!("{number:03} {name}: {line} ({} ms)", begun.elapsed().as_millis());
    }
    engine.stop().await;
    for (index, posters) in posters.chunks(SHEET.0 * SHEET.1).enumerate() {
        tile(posters, &out.join(format!("sheet-{index:02}.jpg")))?;
    }
    Ok(())
}

/// Surveys a file, keeps what was drawn, and says what came out.
async fn survey(engine: &Engine, file: &Path, number: usize, out: &Path) -> Result<String, Box<dyn Error>> {
    let wanted = Survey {
        extension: file
            .extension()
            .map(|extension| extension.to_string_lossy().into_owned()),
        poster: Some(Poster {
            at_us: None,
            widths: vec![1280, 640, 320],
            formats: vec![PictureFormat::Jpeg, PictureFormat::Webp],
        }),
        sprite: Some(SpriteSheet {
            count: 25,
            columns: 5,
            tile_width: 160,
            format: PictureFormat::Jpeg,
        }),
        preview: Some(Preview {
            pieces: 12,
            piece_us: 750_000,
            width: 640,
            formats: vec![PictureFormat::Mp4, PictureFormat::AnimatedWebp],
        }),
        stills: Some(Stills {
            at_us: vec![500_000],
            width: 320,
            format: PictureFormat::Jpeg,
            is_exact: true,
        }),
        phash: true,
        ..Survey::default()
    };
    let source = Source::new(File::open(file)?)?;
    let (surveyed, bytes) = engine.survey(&source, &wanted, &CancellationToken::new(), None).await?;
    for artifact in &surveyed.artifacts {
        let Some(memory) = &bytes else { break };
        let mut content = vec![0; artifact.len as usize];
        memory.read_exact_at(&mut content, artifact.offset)?;
        let extension = artifact.format.map_or("bin", PictureFormat::extension);
        let name = match (artifact.kind, artifact.format) {
            // Writes from the largest to the smallest, so the smallest stays, which is what the sheets show.
            (ArtifactKind::Poster, Some(PictureFormat::Jpeg)) => format!("{number:03}.jpg"),
            (ArtifactKind::Poster, _) => format!("{number:03}-{}.{extension}", artifact.width),
            (ArtifactKind::Sprite, _) => format!("{number:03}-sprite.{extension}"),
            (ArtifactKind::Preview, _) => format!("{number:03}-preview.{extension}"),
            (ArtifactKind::Still(index), _) => format!("{number:03}-still{index}.{extension}"),
            (ArtifactKind::Peaks, _) => continue,
        };
        std::fs::write(out.join(name), content)?;
    }
    let poster = surveyed
        .poster
        .map_or("no poster".to_owned(), |source| format!("{source:?}"));
    let hash = surveyed.phash.map_or(String::new(), |hash| format!(" {hash:016x}"));
    let failures: Vec<String> = surveyed
        .failures
        .iter()
        .map(|(part, reason)| format!("; {part}: {reason}"))
        .collect();
    Ok(format!("{poster}{hash}{}", failures.concat()))
}

fn tile(posters: &[(usize, PathBuf)], to: &Path) -> Result<(), Box<dyn Error>> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y"]);
    let mut filter = String::new();
    for (at, (number, poster)) in posters.iter().enumerate() {
        ffmpeg.arg("-i").arg(poster);
        filter += &format!(
            "[{at}]scale=200:150:force_original_aspect_ratio=decrease,pad=204:154:(ow-iw)/2:(oh-ih)/2:color=magenta,\
             setsar=1,format=rgb24,drawtext=text={number}:fontsize=16:fontcolor=white:box=1:boxcolor=black[t{at}];"
        );
    }
    let places = (0..posters.len()).map(|at| format!("{}_{}", at % SHEET.0 * 204, at / SHEET.0 * 154));
    let places = places.collect::<Vec<_>>().join("|");
    let names: String = (0..posters.len()).map(|at| format!("[t{at}]")).collect();
    if posters.len() > 1 {
        filter += &format!("{names}xstack=inputs={}:layout={places}:fill=gray", posters.len());
    } else {
        filter += "[t0]null";
    }
    let status = ffmpeg
        .args(["-filter_complex", &filter, "-frames:v", "1", "-q:v", "3"])
        .arg(to)
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("ffmpeg could not tile {}", to.display()).into())
    }
}
