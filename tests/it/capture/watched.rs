//! A reader of another maker follows a recording while it grows, without an error.

use anyhow::{Context, ensure};
use serde_json::json;
use tests::{database::Backend, server::TestServer};

use super::{Asks, OPEN, PATIENCE, RATE, ROOM, STOP, senders::Senders, source, start, until};
use crate::players::{command, has};

const LIVE: &str = "{ captureSources(first: 1) { nodes { captures(first: 1) { nodes { liveUrl } } } } }";
/// How many seconds are followed: more than the playlist has when it is first read.
const SECONDS: u64 = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ffmpeg_follows_a_recording_that_grows() -> anyhow::Result<()> {
    if !has("ffmpeg") {
        return Ok(());
    }
    let server = TestServer::start_with(Backend::Sqlite, &[OPEN, ROOM]).await?;
    let library = server.library_over(server.media()).await?;
    let senders = Senders::start(300).await?;
    let source = source(&server, &library, &senders.url("/live.ts")).await?;
    let capture = start(&server, &source).await?;
    until(&server, "recording", |capture| capture["status"] == "RECORDING").await?;
    let found = server.ask(LIVE, json!({})).await?;
    let live = found["captureSources"]["nodes"][0]["captures"]["nodes"][0]["liveUrl"]
        .as_str()
        .context("a URL")?;
    let url = format!("{}{live}", server.address());
    let deadline = tokio::time::Instant::now() + PATIENCE;
    // There is a playlist once there is a fragment.
    while !server
        .anonymous()
        .request("GET", live)?
        .send()
        .await?
        .status()
        .is_success()
    {
        ensure!(tokio::time::Instant::now() < deadline, "there never was a playlist");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let reading = command("ffmpeg")
        .args([
            "-nostdin",
            "-v",
            "error",
            "-i",
            &url,
            "-t",
            &SECONDS.to_string(),
            "-map",
            "0:v",
        ])
        .args(["-fps_mode", "passthrough", "-f", "framehash", "-"])
        .kill_on_drop(true)
        .output();
    let read = tokio::time::timeout(PATIENCE, reading)
        .await
        .context("it does not end")??;
    let complaint = String::from_utf8_lossy(&read.stderr);
    ensure!(read.status.success() && complaint.is_empty(), "{complaint}");
    let hashes: Vec<String> = String::from_utf8(read.stdout)?
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit(',').next().map(str::to_owned))
        .collect();
    // Each picture of this source differs from the one before: none was shown twice, none left out.
    ensure!(
        (hashes.len() as u64).abs_diff(SECONDS * RATE) <= 1,
        "{} pictures",
        hashes.len()
    );
    ensure!(hashes.windows(2).all(|pair| pair[0] != pair[1]), "a picture came twice");
    server.ask(STOP, json!({ "input": { "id": capture } })).await?;
    Ok(())
}
