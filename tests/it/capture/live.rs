//! A recording is watched while it grows: HLS of what is on the disk, and its latest picture.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use reqwest::StatusCode;
use serde_json::json;
use tests::{client::Client, on_both, server::TestServer};

use super::{Asks, OPEN, PATIENCE, ROOM, STOP, senders::Senders, source, start, until};
use crate::players::{command, has};

const LIVE: &str =
    "{ captureSources(first: 1) { nodes { latestSnapshotUrl captures(first: 1) { nodes { liveUrl } } } } }";

/// What a playlist says.
struct Playlist {
    header: String,
    /// By number.
    segments: BTreeMap<u64, String>,
    is_over: bool,
}

impl Playlist {
    async fn fetch(client: &Client, url: &str) -> anyhow::Result<Self> {
        let response = client.request("GET", url)?.send().await?.error_for_status()?;
        ensure!(
            response.headers()["content-type"] == "application/vnd.apple.mpegurl",
            "{response:?}"
        );
        let text = response.text().await?;
        let after = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let first: u64 = after("#EXT-X-MEDIA-SEQUENCE:").context("a number")?.parse()?;
        let target: f64 = after("#EXT-X-TARGETDURATION:").context("a target")?.parse()?;
        for length in text.lines().filter_map(|line| line.strip_prefix("#EXTINF:")) {
            let length: f64 = length.trim_end_matches(',').parse()?;
            ensure!(length > 0.0 && length.round() <= target, "{text}");
        }
        let uris = text.lines().filter(|line| !line.starts_with('#'));
        Ok(Self {
            header: after("#EXT-X-MAP:URI=")
                .context("a header")?
                .trim_matches('"')
                .to_owned(),
            segments: (first..).zip(uris.map(str::to_owned)).collect(),
            is_over: text.ends_with("#EXT-X-ENDLIST\n"),
        })
    }
}

async fn bytes(client: &Client, url: &str) -> anyhow::Result<Vec<u8>> {
    Ok(client
        .request("GET", url)?
        .send()
        .await?
        .error_for_status()?
        .bytes()
        .await?
        .to_vec())
}

/// The pictures that can be seen of some bytes, without a complaint.
async fn n_pictures(bytes: &[u8]) -> anyhow::Result<u64> {
    let file = tempfile::NamedTempFile::with_suffix(".mp4")?;
    std::fs::write(file.path(), bytes)?;
    let output = command("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v"])
        .args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(file.path())
        .output()
        .await?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && complaint.is_empty(), "{complaint}");
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

on_both! {
    async fn a_recording_is_watched_while_it_grows(backend: Backend) {
        if !has("ffmpeg") {
            return Ok(());
        }
        let server = TestServer::start_with(backend, &[OPEN, ROOM, ("VITAGRAPH_CAPTURE_SNAPSHOT_SECONDS", "1")]).await?;
        let library = server.library_over(server.media()).await?;
        let senders = Senders::start(120).await?;
        let source = source(&server, &library, &senders.url("/live.ts")).await?;
        let nothing = server.ask(LIVE, json!({})).await?;
        ensure!(nothing["captureSources"]["nodes"][0]["latestSnapshotUrl"].is_null(), "{nothing:#}");
        let capture = start(&server, &source).await?;
        until(&server, "recording", |capture| capture["status"] == "RECORDING").await?;
        let found = server.viewer().query(LIVE, json!({})).await?["captureSources"]["nodes"][0].take();
        let live = found["captures"]["nodes"][0]["liveUrl"].as_str().context("a URL")?.to_owned();

        // What was told once stays, while more comes.
        let anyone = server.anonymous();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut seen = BTreeMap::new();
        let mut newest_at_first = None;
        let header = loop {
            let Ok(playlist) = Playlist::fetch(&anyone, &live).await else {
                // The header comes with the first fragment.
                ensure!(tokio::time::Instant::now() < deadline, "there never was a playlist");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            };
            ensure!(!playlist.is_over);
            for (number, uri) in &playlist.segments {
                let path = uri.split('?').next().unwrap_or_default().to_owned();
                let before = seen.entry(*number).or_insert_with(|| path.clone());
                ensure!(*before == path, "segment {number} was {before} and is {path}");
            }
            // However much there was when it was first looked at, more has to come.
            let newest = playlist.segments.keys().next_back().copied();
            if seen.len() >= 4 && newest > *newest_at_first.get_or_insert(newest) {
                let first = *seen.keys().next().context("a segment")?;
                ensure!(seen.keys().copied().eq(first..first + seen.len() as u64), "{seen:?}");
                let mut film = bytes(&anyone, &playlist.header).await?;
                for uri in playlist.segments.values() {
                    film.extend(bytes(&anyone, uri).await?);
                }
                let n = n_pictures(&film).await?;
                ensure!(n >= 4 * 20 && n <= senders.n_frames(), "{n} pictures of {}", senders.n_frames());
                break playlist.header;
            }
            ensure!(tokio::time::Instant::now() < deadline, "{seen:?}");
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        };

        // The latest picture, and a later one.
        let found = server.viewer().query(LIVE, json!({})).await?["captureSources"]["nodes"][0].take();
        let picture = found["latestSnapshotUrl"].as_str().context("a URL")?.to_owned();
        let first = bytes(&anyone, &picture).await?;
        ensure!(first.starts_with(&[0xff, 0xd8]), "no JPEG: {:?}", first.get(..4));
        loop {
            ensure!(tokio::time::Instant::now() < deadline, "always the same picture");
            let found = server.viewer().query(LIVE, json!({})).await?["captureSources"]["nodes"][0].take();
            let url = found["latestSnapshotUrl"].as_str().context("a URL")?;
            // Within its second, a URL may already give the next picture.
            if url != picture && bytes(&anyone, url).await? != first {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }

        // Nobody guesses an address.
        for url in [&live, &header, &picture] {
            let other = url.split('?').next().context("a path")?;
            let refused = anyone.request("GET", other)?.send().await?;
            ensure!(refused.status() == StatusCode::FORBIDDEN, "{other}: {refused:?}");
        }
        server.ask(STOP, json!({ "input": { "id": capture } })).await?;
        ensure!(Playlist::fetch(&anyone, &live).await?.is_over, "it has ended");
        let found = server.ask(LIVE, json!({})).await?["captureSources"]["nodes"][0].take();
        ensure!(found["latestSnapshotUrl"].is_null() && found["captures"]["nodes"][0]["liveUrl"].is_null(), "{found:#}");
    }
}
