//! Hashes of real films: equal for the same film in another container, near at another size, far from every other film.
//!
//! Prints all distances; needs `ffmpeg` to make the other versions, and the shared media. By default each fourth
//! small film goes through one other container; `VITAGRAPH_TEST_REMUXES=mkv,mov,mp4,ts` takes all films and these containers,
//! and `VITAGRAPH_TEST_FILMS=NAME,NAME` these films. A copy is left out only for what FFmpeg itself shows to be another film.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "it panics, says what it finds, and starts ffmpeg"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use media_engine::engine::{Engine, EngineConfig};
use media_engine::quarantine::NoQuarantine;
use media_engine::source::Source;
use media_proto::message::Scheduling;
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
/// Photographs and drawings, of which no two show the same.
const STILLS: &[&str] = &[
    "exif-samples--Arbitro.tiff",
    "exif-samples--Canon_40D.jpg",
    "exif-samples--Canon_40D_photoshop_import.jpg",
    "exif-samples--Canon_DIGITAL_IXUS_400.jpg",
    "exif-samples--Canon_PowerShot_S40.jpg",
    "exif-samples--DSCN0010.jpg",
    "exif-samples--DSCN0012.jpg",
    "exif-samples--DSCN0021.jpg",
    "exif-samples--DudleyLeavittUtah.tiff",
    "exif-samples--Fujifilm_FinePix6900ZOOM.jpg",
    "exif-samples--Fujifilm_FinePix_E500.jpg",
    "exif-samples--Jobagent.tiff",
    "exif-samples--Kodak_CX7530.jpg",
    "exif-samples--Konica_Minolta_DiMAGE_Z3.jpg",
    "exif-samples--Nikon_COOLPIX_P1.jpg",
    "exif-samples--Nikon_D70.jpg",
    "exif-samples--Olympus_C8080WZ.jpg",
    "exif-samples--PaintTool_sample.jpg",
    "exif-samples--Panasonic_DMC-FZ30.jpg",
    "exif-samples--Pentax_K10D.jpg",
    "exif-samples--Picoawards.tiff",
    "exif-samples--Ricoh_Caplio_RR330.jpg",
    "exif-samples--Rudless.tiff",
    "exif-samples--Samsung_Digimax_i50_MP3.jpg",
    "exif-samples--Sony_HDR-HC3.jpg",
    "exif-samples--Tless0.tiff",
    "exif-samples--WWL_-Polaroid-_ION230.jpg",
    "exif-samples--long_description.jpg",
    "media--ic_launcher_round.webp",
    "media--london-512.jpg",
    "media--tokyo.jpg",
    "test-assets--cyclamen_persicum.jpg",
    "test-assets--denali.webp",
    "test-assets--el_torcal_rocks.jpg",
    "test-assets--notocactus_minimus.jpg",
    "test-assets--orychophragmus_violaceus.jpg",
    "test-assets--picasa.jpg",
    "test-assets--polemonium_reptans.jpg",
    "test-assets--portrait-orientation-6.jpg",
    "test-assets--thompson-springs.jpg",
];
/// Larger films, and three of four of the others, are left to longer runs.
const USUAL_BYTES: u64 = 1 << 20;
const EACH: usize = 4;

/// Whether the program did it; it is quiet.
fn ffmpeg(arguments: &[&str]) -> bool {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]).args(arguments);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// All pictures that FFmpeg itself decodes from a film, as they are stored: their checksums, and when each shows, in
/// seconds from the first.
fn pictures(path: &str) -> (Vec<String>, Vec<f64>) {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "quiet", "-nostdin", "-noautorotate", "-i", path, "-map", "0:V:0"]);
    command.args(["-vsync", "passthrough", "-f", "framemd5", "-"]);
    let output = command.stderr(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let base = text
        .lines()
        .find_map(|line| line.strip_prefix("#tb 0: ")?.split_once('/'));
    let tick = base.map_or(0.0, |(num, den)| {
        num.parse::<f64>().unwrap() / den.parse::<f64>().unwrap()
    });
    let (mut sums, mut times) = (Vec::new(), Vec::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        if let [_, _, pts, .., sum] = fields[..] {
            sums.push(sum.to_owned());
            times.push(pts.parse::<f64>().unwrap() * tick);
        }
    }
    let first = times.first().copied().unwrap_or(0.0);
    times.iter_mut().for_each(|time| *time -= first);
    (sums, times)
}

/// Whether a film says of each of its packets that decoding can begin there.
fn is_all_keyframes(path: &str) -> bool {
    let arguments = [
        "-v",
        "quiet",
        "-select_streams",
        "V:0",
        "-show_entries",
        "packet=flags",
        "-of",
        "csv=p=0",
        path,
    ];
    let output = Command::new("ffprobe").args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .all(|line| line.starts_with('K'))
}

/// The side data that turns a film, as `ffprobe` prints it.
fn rotation(path: &str) -> String {
    let arguments = ["-v", "quiet", "-select_streams", "V:0", "-show_entries"];
    let entries = ["stream_side_data=rotation", "-of", "csv=p=0", path];
    let output = Command::new("ffprobe").args(arguments).args(entries).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

async fn engine() -> Arc<Engine> {
    let config = EngineConfig {
        // Whoever waits for what is done in the background is not to wait for everybody else.
        batch_scheduling: Scheduling::Normal,
        ..EngineConfig::default()
    };
    match Engine::start(config, Arc::new(NoQuarantine)).await {
        Ok(engine) => engine,
        Err(error) => panic!("{error}; build the worker first: cargo build -p media-worker"),
    }
}

async fn hash(engine: &Engine, path: &Path) -> Result<u64, String> {
    let source = Source::new(File::open(path).unwrap()).unwrap();
    let wanted = Survey {
        extension: path
            .extension()
            .map(|extension| extension.to_string_lossy().into_owned()),
        phash: true,
        ..Survey::default()
    };
    let surveyed = engine.survey(&source, &wanted, &CancellationToken::new(), None).await;
    let (surveyed, _) = surveyed.map_err(|error| error.to_string())?;
    surveyed.phash.ok_or_else(|| format!("{:?}", surveyed.failures))
}

/// The folder of films; none where it or FFmpeg is not.
fn films() -> Option<PathBuf> {
    let folder = shared("video")?;
    if ffmpeg(&["-version"]) {
        return Some(folder);
    }
    eprintln!("skipped: no ffmpeg");
    None
}

fn shared(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/media")
        .join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {} is not here", folder.display());
    None
}

/// What became of one film in one other container.
enum Copied {
    /// How far its hash is.
    Compared(u32),
    /// Why it is another film, by what FFmpeg itself says of both.
    Excepted(&'static str),
}

async fn copied(engine: &Engine, path: &Path, original: u64, other: &Path) -> Copied {
    let (from, to) = (path.to_str().unwrap(), other.to_str().unwrap());
    let streams = ["-i", from, "-map", "0:V:0", "-map", "0:a?", "-c", "copy", to];
    let silent = ["-i", from, "-map", "0:V:0", "-c", "copy", to];
    if !ffmpeg(&streams) && !ffmpeg(&silent) {
        return Copied::Excepted("FFmpeg cannot copy it there");
    }
    let hash = match hash(engine, other).await {
        Ok(hash) => hash,
        Err(_) if pictures(to).0.is_empty() => return Copied::Excepted("FFmpeg decodes nothing from the copy"),
        Err(error) => panic!("{to}: {error}"),
    };
    let distance = (hash ^ original).count_ones();
    if distance == 0 {
        return Copied::Compared(0);
    }
    if rotation(from) != rotation(to) {
        return Copied::Excepted("the container keeps no rotation, so that the copy lies on its side");
    }
    let ((sums, times), (other_sums, other_times)) = (pictures(from), pictures(to));
    if sums != other_sums {
        return Copied::Excepted("FFmpeg decodes other pictures from the copy");
    }
    if times.iter().zip(&other_times).any(|(a, b)| (a - b).abs() > 0.0025) {
        return Copied::Excepted("FFmpeg's copy shows pictures at other times");
    }
    if is_all_keyframes(to) && !is_all_keyframes(from) {
        return Copied::Excepted("FFmpeg's copy calls every picture a keyframe");
    }
    Copied::Compared(distance)
}

#[tokio::test]
async fn a_film_keeps_its_hash_in_every_container_that_it_is_copied_into() {
    let Some(folder) = films() else { return };
    let all = std::env::var("VITAGRAPH_TEST_REMUXES").ok();
    let engine = engine().await;
    let scratch = tempfile::tempdir().unwrap();
    let mut paths: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    // Photographs have another hash than films.
    paths.retain(|path| path.extension().is_none_or(|extension| extension != "jpg"));
    paths.sort();
    let only = std::env::var("VITAGRAPH_TEST_FILMS").ok();
    if let Some(only) = &only {
        paths.retain(|path| only.split(',').any(|name| path.ends_with(name)));
    } else if all.is_none() {
        paths.retain(|path| path.metadata().unwrap().len() <= USUAL_BYTES);
        paths = paths.into_iter().step_by(EACH).collect();
    }
    let (mut n_equal, mut wrong) = (0, Vec::new());
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let original = match hash(&engine, &path).await {
            Ok(hash) => hash,
            Err(reason) => {
                eprintln!("{name}: no hash: {reason}");
                continue;
            }
        };
        let is_matroska = name.ends_with("mkv") || name.ends_with("webm");
        let usual = if is_matroska { "mp4" } else { "mkv" };
        for container in all.as_deref().unwrap_or(usual).split(',') {
            let other = scratch.path().join(format!("other.{container}"));
            match copied(&engine, &path, original, &other).await {
                Copied::Compared(0) => {
                    n_equal += 1;
                    eprintln!("{name} as {container}: equal");
                }
                Copied::Compared(distance) => wrong.push(format!("{name} as {container}: {distance}")),
                Copied::Excepted(reason) => eprintln!("{name} as {container}: {reason}"),
            }
        }
    }
    eprintln!("{n_equal} equal; {wrong:#?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
    let n_expected = if only.is_some() { 1 } else { 15 };
    assert!(n_equal >= n_expected, "only {n_equal} films could be compared");
    engine.stop().await;
}

#[tokio::test]
async fn real_films_are_near_themselves_at_480p_and_far_from_others() {
    let Some(folder) = films() else { return };
    let engine = engine().await;
    let scratch = tempfile::tempdir().unwrap();
    let mut hashes = Vec::new();
    for name in FILMS {
        let path = folder.join(name);
        let small = scratch.path().join("small.mp4");
        let (from, to) = (path.to_str().unwrap(), small.to_str().unwrap());
        let scale = [
            "-i",
            from,
            "-map",
            "0:V:0",
            "-vsync",
            "passthrough",
            "-vf",
            "scale=-2:480",
        ];
        let encode = [
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-crf",
            "23",
            "-pix_fmt",
            "yuv420p",
            to,
        ];
        assert!(ffmpeg(&[&scale[..], &encode].concat()), "{name}");
        let original = hash(&engine, &path).await.unwrap();
        let distance = (hash(&engine, &small).await.unwrap() ^ original).count_ones();
        eprintln!("{name}: {original:016x}, at 480p {distance}");
        assert!(distance <= 8, "{name}: {distance} at 480p");
        hashes.push(original);
    }
    check_unrelated("films", &hashes);
    engine.stop().await;
}

#[tokio::test]
async fn pictures_of_other_things_are_far_apart() {
    let (Some(stills), Some(films)) = (shared("image"), shared("video")) else {
        return;
    };
    let engine = engine().await;
    let mut hashes = Vec::new();
    let stills = STILLS.iter().map(|name| stills.join(name));
    for path in stills.chain(FILMS.iter().map(|name| films.join(name))) {
        let hash = hash(&engine, &path).await;
        hashes.push(hash.unwrap_or_else(|error| panic!("{}: {error}", path.display())));
    }
    check_unrelated("pictures and films", &hashes);
    engine.stop().await;
}

/// Checks and prints how far apart the hashes of things are of which no two are alike.
///
/// Half of a hash's 64 bits are set. Were they random, two would differ in 32 bits on average, and in 20 or fewer in 0.28 %
/// of all pairs, so that some such pair is to be expected among a thousand; pictures have their middle and their horizon in
/// common, so that a few more do. Nothing may come near the 6 bits within which items count as duplicates.
fn check_unrelated(what: &str, hashes: &[u64]) {
    let mut unrelated: Vec<u32> = Vec::new();
    for (i, one) in hashes.iter().enumerate() {
        unrelated.extend(hashes[..i].iter().map(|other| (one ^ other).count_ones()));
    }
    unrelated.sort_unstable();
    let n_pairs = unrelated.len();
    let at = |thousandths: usize| unrelated[(n_pairs * thousandths / 1000).min(n_pairs - 1)];
    let n_near = unrelated.iter().filter(|&&distance| distance <= 20).count();
    eprintln!(
        "unrelated {what}, {n_pairs} pairs: least {}, 1 % {}, 5 % {}, median {}, 95 % {}, most {}; over 20: {}",
        at(0),
        at(10),
        at(50),
        at(500),
        at(950),
        at(1000),
        n_pairs - n_near
    );
    assert!((28..=36).contains(&at(500)), "a median of {}", at(500));
    assert!(at(0) > 12, "two {what} that show nothing alike are {} apart", at(0));
    let most_near = if n_pairs < 100 { n_pairs / 10 } else { n_pairs / 50 };
    assert!(n_near <= most_near, "{n_near} of {n_pairs} pairs are within 20");
}
