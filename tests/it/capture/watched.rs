//! Readers of other makers follow a recording while it grows, without an error.

use anyhow::{Context, ensure};
use serde_json::json;
use tests::{database::Backend, server::TestServer};

use super::{Asks, OPEN, PATIENCE, RATE, ROOM, STOP, senders::Senders, source, start, until};
use crate::players::{command, has, node};

const LIVE: &str = "{ captureSources(first: 1) { nodes { captures(first: 1) { nodes { liveUrl } } } } }";
/// How many seconds are followed: more than the playlist has when it is first read.
const SECONDS: u64 = 12;

/// A recording of a source that sends long enough, and where it can be watched.
struct Recorded {
    server: TestServer,
    _senders: Senders,
    capture: String,
    url: String,
}

impl Recorded {
    async fn begin() -> anyhow::Result<Self> {
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
        Ok(Self {
            server,
            _senders: senders,
            capture,
            url,
        })
    }

    async fn end(self) -> anyhow::Result<()> {
        let stop = json!({ "input": { "id": self.capture } });
        self.server.ask(STOP, stop).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ffmpeg_follows_a_recording_that_grows() -> anyhow::Result<()> {
    if !has("ffmpeg") {
        return Ok(());
    }
    let recorded = Recorded::begin().await?;
    let reading = command("ffmpeg")
        .args([
            "-nostdin",
            "-v",
            "error",
            "-i",
            &recorded.url,
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
    recorded.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hls_js_stays_live_while_a_recording_grows() -> anyhow::Result<()> {
    if !has("ffmpeg") || !has("chromium") {
        return Ok(());
    }
    let recorded = Recorded::begin().await?;
    let wish = json!({ "url": recorded.url, "seconds": watched()? });
    let saw = node("live.mjs", &wish).await?.pop().context("what was seen")?;
    println!("{saw}");
    ensure!(saw["problems"] == json!([]) && saw["refused"] == json!([]), "{saw:#}");
    let number = |name: &str| saw[name].as_f64().with_context(|| format!("no {name}: {saw:#}"));
    ensure!(saw["isLive"] == true && saw["size"] == json!([320, 180]), "{saw:#}");
    ensure!(number("played")? >= watched()? as f64, "{saw:#}");
    // All that was played was shown, but what the browser left out on a busy machine.
    ensure!(number("frames")? >= number("played")? * RATE as f64 / 2.0, "{saw:#}");
    // The list was read again and again, and no more is behind than it holds.
    ensure!(number("updates")? >= 3.0 && number("behind")? < 30.0, "{saw:#}");
    recorded.end().await
}

/// How many seconds are watched: `VITAGRAPH_TEST_WATCHED_SECONDS`.
fn watched() -> anyhow::Result<u64> {
    let asked = std::env::var("VITAGRAPH_TEST_WATCHED_SECONDS");
    asked.map_or(Ok(8), |text| {
        text.parse().context("VITAGRAPH_TEST_WATCHED_SECONDS is no number")
    })
}
