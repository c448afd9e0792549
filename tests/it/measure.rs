//! What measurements share: a film of any length, and the processor time that all of it took.

use std::path::Path;

use anyhow::{Context, ensure};

use crate::players::{command, has};

/// Makes a film of so many seconds by repeating the one that is asked for in `VITAGRAPH_BENCH_FILM`; false if none is. One
/// that lies in the folder `VITAGRAPH_BENCH_KEPT` since before is taken instead, and one that is made is kept there.
pub async fn film(to: &Path, seconds: u32, streams: &[&str]) -> anyhow::Result<bool> {
    let Some(film) = std::env::var_os("VITAGRAPH_BENCH_FILM") else {
        eprintln!("skipped: VITAGRAPH_BENCH_FILM names no film; `tests/bench/run` does");
        return Ok(false);
    };
    if !has("ffmpeg") {
        return Ok(false);
    }
    let ending = to.extension().unwrap_or_default().to_string_lossy().into_owned();
    let name = format!("{seconds}{}.{ending}", streams.concat());
    let kept = std::env::var_os("VITAGRAPH_BENCH_KEPT").map(|folder| Path::new(&folder).join(name));
    if let Some(kept) = kept.as_ref().filter(|kept| kept.exists()) {
        std::fs::hard_link(kept, to)?;
        return Ok(true);
    }
    let made = command("ffmpeg")
        .args(["-nostdin", "-v", "error", "-stream_loop", "1000", "-i"])
        .arg(film)
        .args(["-t", &seconds.to_string()])
        .args(streams)
        .args(["-c", "copy"])
        .arg(to)
        .output()
        .await?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // Gigabytes that wait to be written would be counted to whatever is made durable first.
    std::fs::File::open(to)?.sync_all()?;
    if let Some(kept) = kept {
        std::fs::hard_link(to, kept)?;
    }
    Ok(true)
}

/// How many there are to be, by this variable of the environment.
pub fn number(name: &str, usual: usize) -> anyhow::Result<usize> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is not a number: {text}")),
        Err(_) => Ok(usual),
    }
}

/// The processor time of all that this process has started and of what they have, ended or not, in seconds. The server
/// itself runs in this process and is not counted: it is built for tests.
pub fn children_cpu() -> anyhow::Result<f64> {
    let mut found: Vec<(i32, i32, f64, f64)> = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        // A process may end while it is looked at.
        let Ok(text) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let (_, fields) = text.rsplit_once(')').context("a name")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let number = |at: usize| {
            fields
                .get(at)
                .and_then(|field| field.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        // utime and stime of proc(5), then cutime and cstime, in hundredths of a second.
        let [own, ended] = [11..13, 13..15].map(|fields| fields.map(number).sum::<f64>() / 100.0);
        found.push((pid, number(1) as i32, own, ended));
    }
    let mut ours = vec![std::process::id() as i32];
    // What has ended, and is in no list any more.
    let ended = found.iter().find(|(pid, ..)| *pid == ours[0]);
    let mut total = ended.map_or(0.0, |(.., ended)| *ended);
    while let Some(parent) = ours.pop() {
        for (pid, _, own, ended) in found.iter().filter(|(_, of, ..)| *of == parent) {
            total += own + ended;
            ours.push(*pid);
        }
    }
    Ok(total)
}
