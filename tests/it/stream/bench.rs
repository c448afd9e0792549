//! Measurements that `tests/bench/run` asks for: they print and assert nothing about time.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::json;
use tests::{database::Backend, server::TestServer};

use super::{
    fetch, figures as figures_of, playback,
    playlist::{Master, Media},
    url,
};
use crate::{measure, players::command};

/// Seeks that are measured, unless `VITAGRAPH_BENCH_SEEKS` says how many.
const SEEKS: usize = 100;
/// Viewers at once, and how many segments each takes.
const VIEWERS: usize = 500;
const TAKEN: usize = 20;

/// Two hours of film on a server.
async fn cinema() -> anyhow::Result<Option<(TestServer, Vec<String>)>> {
    let server = TestServer::start(Backend::Sqlite).await?;
    if !measure::film(&server.media().join("long.mkv"), 7200, &["-map", "0:v:0"]).await? {
        return Ok(None);
    }
    let library = server.library_over(server.media()).await?;
    server.scan(&library).await?;
    server.idle().await?;
    eprintln!("the film is scanned");
    // A ceiling, so that the film is encoded whatever it is.
    let offered = playback(&server.viewer(), "long", json!({ "maxHeight": 720 })).await?;
    let anyone = server.anonymous();
    let master = Master::fetch(&anyone, url(&offered, "hlsUrl")?).await?;
    let media = Media::fetch(&anyone, &master.video[0].uri).await?;
    let segments = media.segments.into_iter().map(|(_, uri)| uri).collect();
    Ok(Some((server, segments)))
}

fn figures(what: &str, times: &mut [Duration]) -> (f64, f64) {
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
    println!(
        "{what}: median {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, slowest {:.1} ms",
        at(0.5),
        at(0.95),
        at(0.99),
        at(1.0)
    );
    (at(0.5), at(0.95))
}

/// Random and different numbers, the same in every run.
fn random(n: usize, below: usize) -> Vec<usize> {
    let mut seed = 99_991_u64;
    let mut found = Vec::new();
    while found.len() < n.min(below / 4) {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let one = (seed >> 33) as usize % below;
        // Never one that a head made ahead for another.
        if found.iter().all(|known: &usize| known.abs_diff(one) > 2) {
            found.push(one);
        }
    }
    found
}

/// What a command line takes for the same four seconds, from its start to its end.
async fn by_command(film: &Path, seconds: usize) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let at = seconds.to_string();
    let made = command("ffmpeg")
        .args(["-nostdin", "-v", "error", "-ss", &at, "-i"])
        .arg(film)
        .args([
            "-t",
            "4",
            "-vf",
            "scale=-2:720:flags=bilinear",
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-b:v",
            "2800k",
        ])
        .args([
            "-maxrate",
            "4200k",
            "-bufsize",
            "5600k",
            "-f",
            "mp4",
            "-movflags",
            "frag_keyframe+empty_moov",
            "pipe:1",
        ])
        .output()
        .await?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(begun.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seek_is_measured_cold_and_warm_against_a_command_line() -> anyhow::Result<()> {
    let Some((server, segments)) = cinema().await? else {
        return Ok(());
    };
    let anyone = server.anonymous();
    let (mut cold, mut command_line, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    let mut n_made = figures_of(&server).await?["madeSegments"].as_u64().unwrap_or(0);
    let n_seeks = measure::number("VITAGRAPH_BENCH_SEEKS", SEEKS)?;
    for n in random(n_seeks, segments.len()) {
        let begun = Instant::now();
        let mut response = fetch(&anyone, &segments[n]).await?;
        response.chunk().await?.context("a first byte")?;
        cold.push(begun.elapsed());
        while response.chunk().await?.is_some() {}
        // What is made ahead must not count as the command line's, or as the next seek's.
        n_made += if n + 1 < segments.len() { 2 } else { 1 };
        while figures_of(&server).await?["madeSegments"].as_u64() < Some(n_made) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        command_line.push(by_command(&server.media().join("long.mkv"), n * 4).await?);
        for _ in 0..3 {
            let begun = Instant::now();
            let mut response = fetch(&anyone, &segments[n]).await?;
            response.chunk().await?.context("a first byte")?;
            warm.push(begun.elapsed());
            while response.chunk().await?.is_some() {}
        }
    }
    let ratios = cold
        .iter()
        .zip(&command_line)
        .map(|(ours, theirs)| ours.as_secs_f64() / theirs.as_secs_f64());
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    let ratio_at = |part: f64| ratios[((ratios.len() - 1) as f64 * part) as usize];
    let (median_of_ratios, p95_of_ratios) = (ratio_at(0.5), ratio_at(0.95));
    let (median, p95) = figures("a cold seek to its first byte", &mut cold);
    let (of_command, p95_of_command) = figures("ffmpeg -ss for the same four seconds", &mut command_line);
    println!(
        "ratio: median {:.2}, p95 {:.2} (goal: at most 0.5)",
        median / of_command,
        p95 / p95_of_command
    );
    println!("ratio at the same place: median {median_of_ratios:.2}, p95 {p95_of_ratios:.2}");
    figures("a warm seek to its first byte (goal: under 5 ms)", &mut warm);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_viewers_at_ten_places_are_measured_against_one_who_watches_on() -> anyhow::Result<()> {
    const STEPS: usize = 6;
    let Some((server, segments)) = cinema().await? else {
        return Ok(());
    };
    let anyone = server.anonymous();
    let settled = async || {
        while figures_of(&server).await?["activeHeads"] != 0 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        anyhow::Ok(())
    };
    let before = measure::children_cpu()?;
    for uri in &segments[..10 * STEPS] {
        fetch(&anyone, uri).await?.bytes().await?;
    }
    settled().await?;
    let made_on = figures_of(&server).await?["madeSegments"]
        .as_f64()
        .context("a number")?;
    let on = measure::children_cpu()? - before;

    let apart = (segments.len() - 100) / 10;
    let viewers = (0..10).map(|viewer| {
        let (anyone, mine) = (&anyone, &segments[90 + viewer * apart..][..STEPS]);
        async move {
            for uri in mine {
                fetch(anyone, uri).await?.bytes().await?;
            }
            anyhow::Ok(())
        }
    });
    futures_util::future::try_join_all(viewers).await?;
    settled().await?;
    let made = figures_of(&server).await?["madeSegments"]
        .as_f64()
        .context("a number")?
        - made_on;
    let ten = measure::children_cpu()? - before - on;
    println!(
        "one viewer of {} segments: {made_on} made in {on:.1} s of CPU; ten of {STEPS} each: {made} made in {ten:.1} s; ratio {:.2}, for each made segment {:.2}",
        10 * STEPS,
        ten / on,
        (ten / made) / (on / made_on)
    );
    Ok(())
}

fn resident_kib() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("a line")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_viewers_of_what_is_kept_are_measured() -> anyhow::Result<()> {
    let Some((server, segments)) = cinema().await? else {
        return Ok(());
    };
    let anyone = server.anonymous();
    let kept = &segments[..TAKEN];
    for uri in kept {
        fetch(&anyone, uri).await?.bytes().await?;
    }
    for round in 1..=3 {
        let before = resident_kib()?;
        let begun = Instant::now();
        let viewers = (0..VIEWERS).map(|viewer| {
            let anyone = &anyone;
            async move {
                let mut times = Vec::new();
                let mut n_bytes = 0;
                for step in 0..TAKEN {
                    let begun = Instant::now();
                    let response = fetch(anyone, &kept[(viewer + step) % TAKEN]).await?;
                    n_bytes += response.bytes().await?.len();
                    times.push(begun.elapsed());
                }
                anyhow::Ok((times, n_bytes))
            }
        });
        let seen = futures_util::future::try_join_all(viewers).await?;
        let took = begun.elapsed();
        let n_bytes: usize = seen.iter().map(|(_, n)| n).sum();
        let mut times: Vec<_> = seen.into_iter().flat_map(|(times, _)| times).collect();
        figures(
            &format!("round {round}: {VIEWERS} viewers, a whole segment"),
            &mut times,
        );
        println!(
            "round {round}: {} segments in {:.1} s, {:.0} MB/s; {} MB resident before, {} MB after, server and clients together",
            times.len(),
            took.as_secs_f64(),
            n_bytes as f64 / 1e6 / took.as_secs_f64(),
            before / 1024,
            resident_kib()? / 1024
        );
    }
    Ok(())
}
