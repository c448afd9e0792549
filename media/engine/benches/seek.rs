//! How long somebody waits who jumps to anywhere in a film: from a request to the first segment, by a head that has to be
//! started, against `ffmpeg -ss` that encodes or copies the same four seconds.
//!
//! `cargo build --release -p media-worker && cargo bench -p media-engine --bench seek -- FILM [JUMPS]`
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "it prints, panics, and starts ffmpeg"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use media_engine::engine::{Engine, EngineConfig};
use media_engine::head::{HeadJob, Made};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::copy::{self, CopyHead};
use media_proto::grid::Grid;
use media_proto::head::{AAC_FRAME, AudioHead, VideoHead};
use media_proto::job::ProbeHints;
use media_proto::keyframes::KeyframeMode;
use media_proto::probe::StreamKind;
use media_proto::rendition::{AudioRendition, Preset, Source as Shape, ladder};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Gives the work from a segment on.
type Job<'a> = dyn Fn(u32) -> HeadJob + 'a;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let film = PathBuf::from(arguments.next().expect("the film's path"));
    let n_jumps: u32 = arguments.next().map_or(20, |text| text.parse().unwrap());
    let engine = Engine::start(EngineConfig::default(), Arc::new(NoQuarantine))
        .await
        .unwrap();
    let source = Source::new(File::open(&film).unwrap()).unwrap();
    let extension = film
        .extension()
        .map(|extension| extension.to_string_lossy().into_owned());
    let hints = ProbeHints {
        extension: extension.clone(),
    };
    let cancel = CancellationToken::new();
    let probe = engine.probe(&source, hints, &cancel).await.unwrap();
    let table = engine
        .keyframes(&source, extension.clone(), None, KeyframeMode::Index, &cancel)
        .await
        .unwrap()
        .unwrap();
    let keys: Vec<i64> = table.pts().collect();
    let stream = &probe.streams[table.stream as usize];
    let shape = Shape {
        width: stream.width.unwrap(),
        height: stream.height.unwrap(),
        frame_rate: stream.frame_rate,
        bit_rate: None,
        is_hdr: false,
        is_interlaced: false,
    };
    let grid = Grid::new(stream.frame_rate, 4000);
    let n_segments = grid.n_segments(table.end_pts.unwrap() - table.start_pts, table.time_base);
    let rendition = ladder(&shape, Preset::Veryfast)
        .into_iter()
        .find(|rung| rung.height <= 720)
        .unwrap();
    let seconds = f64::from(n_segments) * f64::from(grid.length().0) / f64::from(grid.length().1);
    let cuts = copy::cuts(&table, 4000).unwrap();
    let video = |n: u32| {
        let boundary = table.start_pts + grid.first_tick(n, table.time_base);
        HeadJob::Video(VideoHead {
            extension: extension.clone(),
            stream: table.stream,
            time_base: table.time_base,
            start_pts: table.start_pts,
            reorder_depth: table.reorder_depth,
            keyframe_pts: keys.iter().copied().take_while(|&pts| pts <= boundary).last(),
            rotation: stream.rotation,
            burn: None,
            rendition: rendition.clone(),
            encoder: None,
            grid,
            first: n,
            until: 0,
            n_segments,
        })
    };
    let copied = |n: u32| {
        HeadJob::Copy(CopyHead {
            extension: extension.clone(),
            stream: table.stream,
            time_base: table.time_base,
            ticks_per_second: copy::video_ticks(table.time_base),
            start: table.start_pts,
            cut_base: table.time_base,
            cuts: cuts.clone(),
            first_cut: 0,
            is_whole: true,
            first: n * cuts.len() as u32 / n_segments,
            until: 0,
        })
    };
    let sound = probe
        .streams
        .iter()
        .find(|stream| stream.kind == StreamKind::Audio)
        .map(|stream| stream.index);
    let audio = |n: u32| {
        HeadJob::Audio(AudioHead {
            extension: extension.clone(),
            start_us: 0,
            rendition: AudioRendition {
                stream: sound.unwrap(),
                channels: 2,
                sample_rate: 48_000,
                bit_rate: 128_000,
            },
            grid,
            first: n,
            until: 0,
            n_frames: (seconds * 48_000.0) as u64 / u64::from(AAC_FRAME),
        })
    };
    println!(
        "{seconds:.0} s of {}; milliseconds to the first segment, {n_jumps} jumps",
        film.display()
    );
    // Halves of the golden ratio: anywhere, and the same in every run.
    let places: Vec<u32> = (1..=n_jumps)
        .map(|i| (f64::from(i) * 0.618_034).fract())
        .map(|x| (x * f64::from(n_segments - 2)) as u32)
        .collect();
    let encode = format!(
        "-map 0:v:0 -vf scale={}:{}:flags=bilinear -c:v libx264 -preset veryfast -b:v {}",
        rendition.width, rendition.height, rendition.bit_rate
    );
    let mut contests: Vec<(&str, &Job<'_>, &str)> =
        vec![("encoded", &video, &encode), ("copied", &copied, "-map 0:v:0 -c copy")];
    if sound.is_some() {
        contests.push(("sound", &audio, "-map 0:a:0 -c:a aac -b:a 128k"));
    }
    for (name, job, command) in contests {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for &n in &places {
            ours.push(first_segment(&engine, &source, &job(n)).await);
            theirs.push(command_line(&film, f64::from(n) * 4.0, command));
        }
        let ([middle, late], [their_middle, their_late]) = (quantiles(ours), quantiles(theirs));
        println!(
            "{name:8} ours {middle:5.0}, 95 % {late:5.0}; ffmpeg {their_middle:5.0}, 95 % {their_late:5.0}; ratio {:.2}",
            middle / their_middle
        );
    }
    engine.stop().await;
}

async fn first_segment(engine: &Arc<Engine>, source: &Source, job: &HeadJob) -> Duration {
    let begun = Instant::now();
    let (send, mut made) = mpsc::channel(1);
    let (_until, allowed) = watch::channel(job.first() + 1);
    let cancel = CancellationToken::new();
    let mut running = std::pin::pin!(engine.head(source, job, send, allowed, &cancel));
    loop {
        tokio::select! {
            made = made.recv() => match made {
                Some(Made::Chunk(..) | Made::Segment(..)) => {
                    let took = begun.elapsed();
                    cancel.cancel();
                    let _ = running.await;
                    return took;
                }
                Some(Made::Header(_)) => {}
                None => panic!("no segment"),
            },
            ended = &mut running => panic!("{ended:?}"),
        }
    }
}

fn command_line(film: &Path, at: f64, command: &str) -> Duration {
    let begun = Instant::now();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(["-v", "error", "-nostdin", "-ss", &at.to_string(), "-i"])
        .arg(film);
    ffmpeg.args(command.split(' ')).args([
        "-t",
        "4",
        "-f",
        "mp4",
        "-movflags",
        "frag_keyframe+empty_moov",
        "-y",
        "/dev/null",
    ]);
    assert!(ffmpeg.stdout(Stdio::null()).status().unwrap().success());
    begun.elapsed()
}

fn quantiles(mut values: Vec<Duration>) -> [f64; 2] {
    values.sort_unstable();
    let at = |share: usize| values[(values.len() * share / 100).min(values.len() - 1)].as_secs_f64() * 1000.0;
    [at(50), at(95)]
}
