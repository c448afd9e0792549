//! Hashes of real films: equal for the same film in another container, near at another size, far from every other film.
//!
//! Prints all distances; needs `ffmpeg` to make the other versions, and the shared media.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "it panics, says what it finds, and starts ffmpeg"
)]

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::survey::Survey;
use tokio_util::sync::CancellationToken;

/// Films of some seconds, of which no two show the same.
const FILMS: &[&str] = &[
    "media--bbb_800x640_768kbps_30fps_avc_pyramid_3b.mp4",
    "media--sample.avi",
    "mediabunny--frames.webm",
    "moviepy--big_buck_bunny_0_30.webm",
    "music-metadata--short.ogv",
    "packages--Butterfly-209.mp4",
    "shared-assets--flower.mp4",
    "shared-assets--tears-of-steel-battle-clip-medium.webm",
    "streamio-ffmpeg--file_with_data_streams.mp4",
];

/// Whether there is such a program, which is then quiet.
fn ffmpeg(arguments: &[&str]) -> bool {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]).args(arguments);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

async fn hash(engine: &Engine, path: &Path) -> u64 {
    let source = Source::new(File::open(path).unwrap()).unwrap();
    let wanted = Survey {
        phash: true,
        ..Survey::default()
    };
    let surveyed = engine.survey(&source, &wanted, &CancellationToken::new(), None).await;
    let (surveyed, _) = surveyed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    surveyed
        .phash
        .unwrap_or_else(|| panic!("{}: {:?}", path.display(), surveyed.failures))
}

#[tokio::test]
async fn real_films_keep_their_hash_over_containers_and_sizes() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media");
    if !shared.is_dir() || !ffmpeg(&["-version"]) {
        eprintln!("skipped: no ffmpeg, or {} is not here", shared.display());
        return;
    }
    let engine = match Engine::start(EngineConfig::default(), Arc::new(NoQuarantine)).await {
        Ok(engine) => engine,
        Err(error) => panic!("{error}; build the worker first: cargo build -p media-worker"),
    };
    let scratch = tempfile::tempdir().unwrap();
    let (mut hashes, mut n_equal) = (Vec::new(), 0);
    for name in FILMS {
        let path = shared.join("video").join(name);
        let from = path.to_str().unwrap();
        // Matroska keeps no rotation, so that what may have one stays in its family.
        let other = if name.ends_with("webm") {
            "other.mkv"
        } else {
            "other.mov"
        };
        let (other, small) = (scratch.path().join(other), scratch.path().join("small.mp4"));
        let picture = [
            "-i",
            from,
            "-map",
            "0:v:0",
            "-map",
            "0:a?",
            "-c:a",
            "copy",
            "-map_metadata",
            "-1",
        ];
        assert!(
            ffmpeg(&[&picture[..], &["-c:v", "copy", other.to_str().unwrap()]].concat()),
            "{name}"
        );
        let encode = [
            "-vf",
            "scale=-2:480",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-crf",
            "23",
        ];
        let encode = [&picture[..], &encode, &["-pix_fmt", "yuv420p", small.to_str().unwrap()]].concat();
        assert!(ffmpeg(&encode), "{name}");
        let original = hash(&engine, &path).await;
        let (remuxed, shrunk) = (hash(&engine, &other).await, hash(&engine, &small).await);
        let distances = [remuxed, shrunk].map(|hash| (hash ^ original).count_ones());
        eprintln!(
            "{name}: {original:016x}, remuxed {}, at 480p {}",
            distances[0], distances[1]
        );
        assert!(distances[0] <= 8, "{name}: {} when remuxed", distances[0]);
        assert!(distances[1] <= 8, "{name}: {} at 480p", distances[1]);
        n_equal += usize::from(distances[0] == 0);
        hashes.push(original);
    }
    // The layout counts 25 moments from the file's duration, rounded to ticks of its clock; another container may round both
    // otherwise, and then some moments fall on the next frame.
    assert!(
        n_equal * 3 >= FILMS.len(),
        "{n_equal} of {} are equal when remuxed",
        FILMS.len()
    );
    let mut unrelated: Vec<u32> = Vec::new();
    for (i, one) in hashes.iter().enumerate() {
        unrelated.extend(hashes[..i].iter().map(|other| (one ^ other).count_ones()));
    }
    unrelated.sort_unstable();
    eprintln!("unrelated: {unrelated:?}");
    assert!(
        unrelated[0] > 14,
        "two films that show nothing alike are {} apart",
        unrelated[0]
    );
    engine.stop().await;
}
