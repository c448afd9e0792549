//! Measurements that `tests/bench/run` asks for: they print and assert nothing about time.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{database::Backend, server::TestServer};

use super::{RENDER, create, item, watched};
use crate::{measure, players::command};

/// How often each is measured.
const ROUNDS: usize = 3;

/// What something took: seconds of processor, and time.
async fn taken<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<(f64, Duration, T)> {
    let (before, begun) = (measure::children_cpu()?, Instant::now());
    let given = work.await?;
    Ok((measure::children_cpu()? - before, begun.elapsed(), given))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clip_of_a_long_film_is_measured() -> anyhow::Result<()> {
    let server = TestServer::start(Backend::Sqlite).await?;
    if !measure::film(&server.media().join("long.mkv"), 7200, &[]).await? {
        return Ok(());
    }
    let library = server.library_over(server.media()).await?;
    server.scan(&library).await?;
    server.idle().await?;
    let film = item(&server).await?;
    for round in 0..ROUNDS {
        let start = 1234.567 + 2000.0 * round as f64;
        let input = json!({ "mediaId": film["id"], "start": start, "end": start + 10.0, "mode": "SMART" });
        let (cpu, took, _) = taken(create(&server, input)).await?;
        server.idle().await?;
        let clip = watched(&server, &film["id"]).await?["clips"]["nodes"][0].take();
        ensure!(clip["madeMode"] == "SMART", "{clip:#}");
        println!(
            "ten seconds of a two-hour film, SMART: {:.2} s, {cpu:.2} s of CPU (goal: under 3 s)",
            took.as_secs_f64()
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_is_measured_against_a_command_line() -> anyhow::Result<()> {
    let server = TestServer::start(Backend::Sqlite).await?;
    let first = server.media().join("minute0.mp4");
    if !measure::film(&first, 60, &[]).await? {
        return Ok(());
    }
    for round in 1..ROUNDS {
        // Files of their own, for nothing is made twice of one; other bytes, for twins are one item.
        let mut bytes = std::fs::read(&first)?;
        bytes.extend_from_slice(&[0, 0, 0, 9, b'f', b'r', b'e', b'e', round as u8]);
        std::fs::write(server.media().join(format!("minute{round}.mp4")), bytes)?;
    }
    let library = server.library_over(server.media()).await?;
    server.scan(&library).await?;
    server.idle().await?;
    let query = "{ media(first: 9) { nodes { id } } }";
    let found = server.viewer().query(query, json!({})).await?;
    let films = found["media"]["nodes"].as_array().context("a list")?.clone();
    ensure!(films.len() == ROUNDS, "{found:#}");
    for film in &films {
        let (cpu, took, made) = taken(async {
            let input = json!({ "input": { "mediaId": film["id"], "kind": "PROXY_720P" } });
            let made = server.editor().query(RENDER, input).await?;
            let done = server
                .finished(made["renderProxy"]["job"]["id"].as_str().context("a job")?)
                .await?;
            ensure!(done["status"] == "SUCCEEDED", "{done:#}");
            Ok(watched(&server, &film["id"]).await?["renditions"][0].take())
        })
        .await?;
        let (cpu_of_line, took_of_line, ()) = taken(by_command(&server, &made)).await?;
        println!(
            "sixty seconds to a 720p proxy: {:.1} s, {cpu:.1} s of CPU; ffmpeg: {:.1} s, {cpu_of_line:.1} s of CPU; ratio {:.2} (goal: at most 1.15, under 30 s)",
            took.as_secs_f64(),
            took_of_line.as_secs_f64(),
            cpu / cpu_of_line
        );
    }
    Ok(())
}

/// The command line that makes the same: picture size, rates, preset, two keyframes in four seconds, and AAC.
async fn by_command(server: &TestServer, made: &Value) -> anyhow::Result<()> {
    let rate = made["bitRate"].as_u64().context("a bit rate")?;
    let size = format!("scale={}:{}:flags=bilinear", made["width"], made["height"]);
    let [rate, most, buffer] = [rate, rate + rate / 2, rate * 2].map(|rate| rate.to_string());
    let done = command("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-i"])
        .arg(server.media().join("minute0.mp4"))
        .args([
            "-vf",
            &size,
            "-c:v",
            "libx264",
            "-preset",
            "superfast",
            "-pix_fmt",
            "yuv420p",
        ])
        .args(["-b:v", &rate, "-maxrate", &most, "-bufsize", &buffer])
        .args(["-force_key_frames", "expr:gte(t,n_forced*2)"])
        .args(["-c:a", "aac", "-b:a", "160k", "-ac", "2"])
        .args(["-movflags", "+frag_keyframe+empty_moov", "-f", "mp4"])
        .arg(server.server().kernel.data_dir.join("by-command.mp4"))
        .output()
        .await?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}
