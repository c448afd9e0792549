//! Files a second that the engine probes, against one `ffprobe` process a file, interleaved on the same files.
//!
//! `cargo build --release -p media-worker && cargo bench -p media-engine --bench probe -- [ROUNDS] [FOLDER ..]`
//! Without folders it takes `../shared/media/{video,audio}` beside the workspace.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "it prints, panics, and starts ffprobe"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::job::ProbeHints;
use tokio_util::sync::CancellationToken;

const WORKERS: usize = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // Cargo passes --bench to benchmarks.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let n_rounds = arguments.first().map_or(3, |text| text.parse().unwrap());
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media");
    let folders: Vec<PathBuf> = match arguments.get(1..) {
        Some([_, ..]) => arguments[1..].iter().map(PathBuf::from).collect(),
        _ => vec![shared.join("video"), shared.join("audio")],
    };
    let files: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    // Every contender finds the page cache warm.
    files.iter().for_each(|file| drop(std::fs::read(file).unwrap()));

    let engine = Engine::start(
        EngineConfig {
            quick_workers: WORKERS,
            ..EngineConfig::default()
        },
        Arc::new(NoQuarantine),
    );
    let engine = engine.await.unwrap();
    let (mut ours, mut sequential, mut parallel) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..n_rounds {
        ours.push(timed(probe_all(&engine, &files)).await);
        sequential.push(timed(async { ffprobe_all(&files, 1) }).await);
        parallel.push(timed(async { ffprobe_all(&files, WORKERS) }).await);
    }
    if n_rounds > 0 {
        let [ours, sequential, parallel] = [ours, sequential, parallel].map(|mut times| {
            times.sort();
            files.len() as f64 / times[times.len() / 2].as_secs_f64()
        });
        println!("{} files, median of {n_rounds} rounds, files per second:", files.len());
        println!("engine, {WORKERS} workers    {ours:8.1}");
        println!("ffprobe, one by one  {sequential:8.1}   ratio {:.1}", ours / sequential);
        println!(
            "ffprobe, {WORKERS} at a time  {parallel:8.1}   ratio {:.1}",
            ours / parallel
        );
    }
    slowest(&engine, &files).await;
    engine.stop().await;
}

async fn timed(work: impl Future<Output = ()>) -> Duration {
    let start = Instant::now();
    work.await;
    start.elapsed()
}

async fn probe_all(engine: &Arc<Engine>, files: &[PathBuf]) {
    let mut tasks = tokio::task::JoinSet::new();
    for file in files {
        let (engine, file) = (Arc::clone(engine), file.clone());
        tasks.spawn(async move {
            // A file that cannot be probed costs what it costs, here as there.
            let _ = engine
                .probe(&open(&file), hints(&file), &CancellationToken::new())
                .await;
        });
    }
    while tasks.join_next().await.is_some() {}
}

fn ffprobe_all(files: &[PathBuf], n_threads: usize) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let arguments = [
                        "-v",
                        "error",
                        "-show_format",
                        "-show_streams",
                        "-show_chapters",
                        "-of",
                        "json",
                    ];
                    let mut ffprobe = Command::new("ffprobe");
                    ffprobe
                        .args(arguments)
                        .arg(file)
                        .stdout(Stdio::null())
                        .stderr(Stdio::null());
                    ffprobe.status().unwrap();
                }
            });
        }
    });
}

/// Which files cost most, so that the next improvement starts from a fact.
async fn slowest(engine: &Engine, files: &[PathBuf]) {
    let mut times = Vec::new();
    for file in files {
        let start = Instant::now();
        let _ = engine.probe(&open(file), hints(file), &CancellationToken::new()).await;
        times.push((start.elapsed(), file));
    }
    times.sort();
    let total: Duration = times.iter().map(|time| time.0).sum();
    println!(
        "one at a time {total:?} in all, median {:?}; slowest:",
        times[times.len() / 2].0
    );
    for (time, file) in times.iter().rev().take(12) {
        println!("{:8.1} ms  {}", time.as_secs_f64() * 1e3, file.display());
    }
}

fn open(file: &Path) -> Source {
    Source::new(File::open(file).unwrap()).unwrap()
}

fn hints(file: &Path) -> ProbeHints {
    ProbeHints {
        extension: file
            .extension()
            .map(|extension| extension.to_string_lossy().into_owned()),
    }
}
