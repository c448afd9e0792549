//! Smart cuts of real films from many makers; without them the test says so and passes. `VITAGRAPH_FILMS=all` takes larger
//! ones too, which is a minute of work.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use media_proto::clip::ClipMode;

use super::{clip, facts, holds, make, pictures};

/// Films of more and larger pictures are left out: all pictures of one are held in memory, decoded.
const MOST_BYTES: f64 = 12e6;
const MOST_BYTES_OF_ALL: f64 = 250e6;

/// The films of the list with H.264 that fit in memory, and their extensions.
fn films(folder: &Path, list: &str) -> Vec<(PathBuf, String)> {
    let most_bytes = match std::env::var_os("VITAGRAPH_FILMS") {
        Some(_) => MOST_BYTES_OF_ALL,
        None => MOST_BYTES,
    };
    let mut found = Vec::new();
    for line in list
        .lines()
        .filter(|line| line.contains("h264") && line.starts_with("video/"))
    {
        let Some(name) = line.split('\t').next() else { continue };
        let path = folder.join(name);
        let extension = path.extension().and_then(|extension| extension.to_str());
        let extension = extension.unwrap_or_default().to_ascii_lowercase();
        let Ok(file) = File::open(&path) else { continue };
        let Ok(facts) = std::panic::catch_unwind(|| facts(&file, &extension)) else {
            continue;
        };
        let seconds = facts.duration_us.unwrap_or(0) as f64 / 1e6;
        let shown = facts
            .streams
            .iter()
            .filter_map(|stream| Some((stream.width? * stream.height?, stream.frame_rate?)));
        let n_bytes: f64 = shown
            .map(|(pixels, (num, den))| f64::from(pixels) * f64::from(num) / f64::from(den.max(1)) * seconds)
            .sum();
        if n_bytes > 0.0 && n_bytes < most_bytes {
            found.push((path, extension));
        }
    }
    found
}

#[test]
fn films_of_many_makers_are_cut_to_the_frame() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media");
    let Ok(list) = std::fs::read_to_string(folder.join("MANIFEST.tsv")) else {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    };
    let (mut n_films, mut n_smart, mut n_copied, mut n_frames, mut failed) = (0, 0, 0, 0, Vec::new());
    let mut otherwise: BTreeMap<String, u32> = BTreeMap::new();
    for (path, extension) in films(&folder, &list) {
        let Ok(file) = File::open(&path) else { continue };
        // What does not decode whole has no frames to hold a cut against.
        let Ok(shown) = std::panic::catch_unwind(|| pictures(&file, &extension)) else {
            *otherwise.entry("the film is damaged".to_owned()).or_default() += 1;
            continue;
        };
        let (Some(first), Some(last)) = (shown.first(), shown.last()) else {
            continue;
        };
        let length = last.us - first.us;
        drop(shown);
        let mut is_cut = false;
        for range in [
            (length / 7, length - length / 5),
            (0, length * 2 / 3),
            (length / 3, length + 1_000_000),
        ] {
            if range.1 <= range.0 {
                continue;
            }
            let wanted = clip(&file, &extension, ClipMode::Smart, &[range]);
            match make(&file, &wanted) {
                Ok((clipped, _)) if clipped.mode == ClipMode::Smart => {}
                Ok((clipped, _)) => {
                    *otherwise.entry(clipped.reason.unwrap_or_default()).or_default() += 1;
                    continue;
                }
                Err(error) => {
                    *otherwise.entry(error.to_string()).or_default() += 1;
                    continue;
                }
            }
            let what = format!("{} {range:?}", path.display());
            match std::panic::catch_unwind(|| holds(&file, &extension, &wanted, &what)) {
                // What was copied is the same bit by bit.
                Ok((clipped, n_same)) if n_same as u64 >= clipped.n_copied => {
                    is_cut = true;
                    n_smart += 1;
                    n_copied += clipped.n_copied;
                    n_frames += clipped.n_frames;
                }
                Ok((clipped, n_same)) => failed.push(format!("{what}: {n_same} the same, {clipped:?}")),
                Err(_) => failed.push(what),
            }
        }
        n_films += u32::from(is_cut);
    }
    let _ = writeln!(
        std::io::stdout(),
        "{n_smart} cuts of {n_films} films, {n_copied} of {n_frames} frames copied; otherwise: {otherwise:#?}"
    );
    assert!(failed.is_empty() && n_smart > 0, "{failed:#?}");
}
