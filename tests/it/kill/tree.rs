//! A library of any size from a few synthetic files: variations, hard links, copies, sidecars and broken files.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use media_engine::{
    engine::{Engine, EngineConfig},
    quarantine::NoQuarantine,
};
use tests::fixture;

use super::process::programs;

const BASES: &str = "
    a.mp4   h264 160x120 400ms aac:2ch title:Night_Train chapters:3
    b.mkv   h264 128x96 400ms aac:1ch srt:eng artist:Anna_Berg genre:Drama chapters:2
    c.mp3   mp3:2ch artist:The_Lanterns album:Harbor genre:Jazz
    d.jpg   64x48
    e.png   48x48
    f.flac  flac:1ch artist:Anna_Berg date:1999-05-01
    g.webm  vp8 96x64 400ms
";

/// Writes `n_files` files below `root`, all of them seemingly at rest for long.
pub async fn write(root: &Path, n_files: u64) -> anyhow::Result<()> {
    let config = EngineConfig {
        worker_binary: Some(programs()?.join("vitagraph-media")),
        ..EngineConfig::default()
    };
    let engine: Arc<Engine> = Engine::start(config, Arc::new(NoQuarantine)).await?;
    let bases = tempfile::tempdir()?;
    fixture::write(bases.path(), BASES, &engine).await?;
    engine.stop().await;
    let mut paths: Vec<PathBuf> = fs::read_dir(bases.path())?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    paths.sort();
    let bases: Vec<(String, Vec<u8>)> = paths
        .iter()
        .map(|path| Ok((extension(path)?, fs::read(path)?)))
        .collect::<anyhow::Result<_>>()?;
    let mut written: Vec<PathBuf> = Vec::new();
    for n in 0..n_files {
        let (extension, base) = &bases[(n % bases.len() as u64) as usize];
        // Some folders hold more files than a transaction does, some just a few.
        let folder = match n % 3 {
            0 => root.join("pile"),
            1 => root.join(format!("shelf/box{:02}", n / 150)),
            _ => root.join(format!("shelf{}/deep/box{:03}", n % 7, n / 23)),
        };
        let path = folder.join(format!("file{n:05}.{extension}"));
        fs::create_dir_all(&folder)?;
        match n % 20 {
            // The first stays a single file.
            5 | 11 if n > 5 => {
                let original = &written[(n * 7919) as usize % written.len()];
                let path = path.with_extension(self::extension(original)?);
                if n % 20 == 5 {
                    fs::hard_link(original, path)?;
                } else {
                    fixture::write_file(&path, &fs::read(original)?)?;
                }
                continue;
            }
            17 => fixture::write_file(&path, format!("no media, number {n}").as_bytes())?,
            13 => {
                let odd = [b"odd \xff ".as_slice(), format!("{n}.{extension}").as_bytes()].concat();
                fixture::write_file(&folder.join(OsStr::from_bytes(&odd)), &variant(base, n))?;
            }
            place => {
                fixture::write_file(&path, &variant(base, n))?;
                if place == 0 {
                    let nfo = sidecar(n);
                    fixture::write_file(&path.with_extension("nfo"), nfo.as_bytes())?;
                }
                written.push(path);
            }
        }
    }
    Ok(())
}

/// Writes so many films of which no two are the same bytes; gives the engine that made them.
pub async fn films(root: &Path, n: usize, film: &str) -> anyhow::Result<Arc<Engine>> {
    let config = EngineConfig {
        worker_binary: Some(programs()?.join("vitagraph-media")),
        ..EngineConfig::default()
    };
    let engine: Arc<Engine> = Engine::start(config, Arc::new(NoQuarantine)).await?;
    let bases = tempfile::tempdir()?;
    fixture::write(bases.path(), film, &engine).await?;
    let name = film.split_whitespace().next().context("a name")?;
    let bytes = fs::read(bases.path().join(name))?;
    for index in 0..n {
        fixture::write_file(&root.join(format!("{index:02}-{name}")), &variant(&bytes, index as u64))?;
    }
    Ok(engine)
}

fn extension(path: &Path) -> anyhow::Result<String> {
    Ok(path
        .extension()
        .and_then(OsStr::to_str)
        .context("an extension")?
        .to_owned())
}

/// Other bytes of the same media: what follows its end is read by nobody.
fn variant(base: &[u8], n: u64) -> Vec<u8> {
    [base, &[0, 0, 0, 16], b"free", &n.to_le_bytes()].concat()
}

fn sidecar(n: u64) -> String {
    format!(
        "<movie><title>Film {n}</title><plot>Number {n}.</plot><premiered>2001-02-03</premiered><studio>Studio {}</studio>\
         <genre>Genre {}</genre><tag>kept</tag><actor><name>Actor {}</name><role>Role {n}</role></actor></movie>",
        n % 3,
        n % 4,
        n % 11
    )
}
